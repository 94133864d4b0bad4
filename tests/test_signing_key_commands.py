import multiprocessing
import stat
import time
from datetime import datetime, timedelta, timezone
from io import StringIO
from unittest import mock

import pytest
from django.core.management import CommandError, call_command

from rest_framework_simplejwt.keys import files
from rest_framework_simplejwt.keys import generate as new_keys
from rest_framework_simplejwt.keys.algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS
from rest_framework_simplejwt.keys.directory import KeyDirectory
from rest_framework_simplejwt.keys.ring import read_key
from rest_framework_simplejwt.management.commands import generatesigningkey, rotatesigningkeys
from tests.signing_keys import NOW, file_names, put

pytestmark = pytest.mark.needs("bare")

NO_CRYPTOGRAPHY = mock.patch.dict("sys.modules", {"cryptography.hazmat.primitives": None})


def run(module, *options):
    """What it wrote to stdout and to stderr."""
    out, err = StringIO(), StringIO()
    call_command(module.Command(), *map(str, options), stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def generate(*options):
    return run(generatesigningkey, *options)


class TestGenerate:
    @pytest.mark.parametrize("algorithm", sorted(ALLOWED_ALGORITHMS - HMAC_ALGORITHMS))
    def test_the_private_key_goes_to_stdout_and_the_kid_beside_it(self, algorithm):
        pem, told = generate("--algorithm", algorithm)
        assert pem.startswith("-----BEGIN PRIVATE KEY-----")
        key = read_key({"algorithm": algorithm, "key": pem}, signs=True)
        assert told == f"kid: {key.kid}\n"
        assert key.verify(b"message", key.sign(b"message"))

    def test_an_rsa_key_has_3072_bits(self):
        assert read_key({"algorithm": "RS256", "key": generate("--algorithm", "RS256")[0]}, signs=True).jwk["n"][511:]

    @pytest.mark.parametrize(("algorithm", "length"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    def test_a_secret_is_as_long_as_the_hash(self, algorithm, length):
        secret, told = generate("--algorithm", algorithm)
        # Four characters are three bytes.
        assert len(secret.strip()) * 3 // 4 == length
        assert told == f"kid: {read_key({'algorithm': algorithm, 'key': secret.strip()}, signs=True).kid}\n"
        assert generate("--algorithm", algorithm)[0] != secret

    @pytest.mark.parametrize("algorithm", ["ES256", "HS256"])
    def test_a_file_is_its_owners(self, tmp_path, algorithm):
        file = tmp_path / "key"
        out, err = generate("--algorithm", algorithm, "--out", file)
        key = read_key({"algorithm": algorithm, "key_file": file}, signs=True)
        assert (out, err) == (f"kid: {key.kid}\n", "")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_a_file_is_never_overwritten(self, tmp_path):
        file = tmp_path / "key.pem"
        file.write_text("precious")
        with pytest.raises(CommandError, match="File exists"):
            generate("--algorithm", "ES256", "--out", file)
        assert file.read_text() == "precious"

    def test_the_kid_may_be_named(self, tmp_path):
        assert generate("--algorithm", "ES256", "--kid", "2026")[1] == "kid: 2026\n"

    def test_a_passphrase_is_read_from_a_file(self, tmp_path):
        (tmp_path / "passphrase").write_text("correct horse\n")
        options = ["--algorithm", "ES256", "--passphrase-file", tmp_path / "passphrase"]
        pem, told = generate(*options)
        assert pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        key = read_key({"algorithm": "ES256", "key": pem, "passphrase": "correct horse"}, signs=True)
        assert told == f"kid: {key.kid}\n"

    @pytest.mark.parametrize(
        ("algorithm", "content", "complaint"),
        [("HS256", "x", "can't have"), ("ES256", "\n", "is empty"), ("ES256", None, "can't be read")],
    )
    def test_a_passphrase_that_is_none_is_an_error(self, tmp_path, algorithm, content, complaint):
        file = tmp_path / "passphrase"
        if content is not None:
            file.write_text(content)
        with pytest.raises(CommandError, match=complaint):
            generate("--algorithm", algorithm, "--passphrase-file", file, "--out", tmp_path / "key")
        assert not (tmp_path / "key").exists()

    def test_without_cryptography_there_are_secrets(self):
        with NO_CRYPTOGRAPHY:
            assert generate("--algorithm", "HS256")
            with pytest.raises(CommandError, match="cryptography"):
                generate("--algorithm", "ES256")

    def test_an_unknown_algorithm_is_an_error(self):
        with pytest.raises(CommandError, match="invalid choice"):
            generate("--algorithm", "none")


def rotate(*options):
    return run(rotatesigningkeys, *options)[0]


def metadata(folder):
    """Of each key, by the order in which they sign."""
    found = [files.read(folder, kid)[0] for kid in files.stamps(folder)]
    return sorted(found, key=lambda key: key.not_before or datetime.min.replace(tzinfo=timezone.utc))


class TestRotate:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, simple_jwt):
        simple_jwt(
            SIGNING_KEYS_DIR=str(tmp_path / "keys"),
            JWKS_MAX_AGE=600,
            LEEWAY=timedelta(seconds=7),
            ACCESS_TOKEN_LIFETIME=timedelta(minutes=1),
            REFRESH_TOKEN_LIFETIME=timedelta(days=2),
            SLIDING_TOKEN_LIFETIME=timedelta(days=3),
            SLIDING_TOKEN_REFRESH_LIFETIME=timedelta(days=1),
        )
        return tmp_path / "keys"

    @pytest.fixture(autouse=True)
    def at(self):
        """Set the clock: `at(NOW)`, where it is to begin with."""
        with mock.patch.object(rotatesigningkeys, "datetime", mock.Mock(wraps=datetime)) as patched:

            def at(moment):
                patched.now.return_value = moment

            at(NOW)
            yield at

    def test_the_first_run_makes_a_directory_and_a_key_that_signs_at_once(self, folder):
        output = rotate()
        (key,) = metadata(folder)
        assert (key.algorithm, key.created_at, key.not_before, key.retire_after) == ("ES256", NOW, NOW, None)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
        assert output.splitlines() == [
            f"New: {key.kid} (ES256)",
            f"2026-11-24T12:00:00+00:00  {key.kid}  is published",
            f"2026-11-24T12:00:00+00:00  {key.kid}  signs",
        ]
        assert KeyDirectory(folder).ring().current(NOW.timestamp()).kid == key.kid

    def test_the_second_publishes_the_next_and_says_when_what_happens(self, folder, at):
        rotate()
        at(NOW + timedelta(days=30))
        lines = rotate("--algorithm", "EdDSA").splitlines()
        old, new = metadata(folder)
        turn = NOW + timedelta(days=30, seconds=600 + 2 + 60)
        assert (new.algorithm, new.not_before, new.retire_after) == ("EdDSA", turn, None)
        assert old.retire_after == turn + timedelta(days=3, seconds=7)
        assert lines[0] == f"New: {new.kid} (EdDSA)"
        assert lines[3:] == [
            f"2026-12-24T12:00:00+00:00  {new.kid}  is published",
            f"2026-12-24T12:11:02+00:00  {new.kid}  signs",
            f"2026-12-27T12:11:09+00:00  {old.kid}  retires",
        ]

    def test_by_the_clock_one_signs_and_both_verify_until_one_retires(self, folder):
        rotate()
        rotate("--publish-for", 60)
        ring, (old, new) = KeyDirectory(folder).ring(), metadata(folder)
        now = NOW.timestamp()
        assert [ring.current(now + after).kid for after in (0, 59.9, 60)] == [old.kid, old.kid, new.kid]
        last = old.retire_after.timestamp()
        assert [len(ring.published(moment)) for moment in (now, last - 1, last)] == [2, 2, 1]

    def test_a_run_while_one_waits_changes_nothing_and_says_so(self, folder, at):
        rotate()
        rotate()
        before = file_names(folder)
        at(NOW + timedelta(minutes=5))
        assert "A next key is waiting already: no other is made." in rotate().splitlines()
        assert file_names(folder) == before

    def test_retired_keys_are_deleted_at_the_next_run(self, folder, at):
        rotate()
        rotate()
        old, new = metadata(folder)
        at(old.retire_after)
        assert f"Deleted, for it has retired: {old.kid}" in rotate()
        assert metadata(folder)[0].kid == new.kid
        assert not [name for name in file_names(folder) if name.startswith(old.kid)]

    def test_a_run_that_died_on_the_way_is_completed(self, folder):
        rotate()
        with (
            mock.patch.object(rotatesigningkeys.files, "update", _fails_after(1)),
            pytest.raises(CommandError, match="disk full"),
        ):
            rotate()
        assert [key.retire_after for key in metadata(folder)] == [None, None]
        old, new = metadata(folder)
        assert f"A next key is waiting already; changed: {old.kid}" in rotate()
        assert metadata(folder)[0].retire_after == new.not_before + timedelta(days=3, seconds=7)

    def test_a_dry_run_says_the_same_and_writes_nothing(self, folder):
        told = rotate("--dry-run").splitlines()
        assert not folder.exists()
        assert told[0] == "A dry run: nothing is written."
        assert [line.split("  ")[-1] for line in told[2:]] == ["is published", "signs"]
        rotate()
        before = file_names(folder)
        told = rotate("--dry-run").splitlines()
        assert file_names(folder) == before
        assert [line.split("  ")[-1] for line in told[4:]] == ["is published", "signs", "retires"]

    def test_another_directory_may_be_named(self, folder, tmp_path):
        rotate("--directory", tmp_path / "others")
        assert not folder.exists()
        assert len(metadata(tmp_path / "others")) == 1

    def test_a_directory_is_needed(self, simple_jwt):
        simple_jwt(SIGNING_KEYS_DIR=None)
        with pytest.raises(CommandError, match="SIGNING_KEYS_DIR"):
            rotate()

    def test_while_a_key_can_not_be_read_nothing_is_changed(self, folder):
        """It may be the one that signs."""
        rotate()
        put(folder, "broken", material=b"junk")
        before = file_names(folder)
        with pytest.raises(CommandError, match=r"broken\.pem"):
            rotate()
        assert file_names(folder) == before

    @pytest.mark.parametrize("options", [["--publish-for", -1], ["--publish-for", "x"], ["--algorithm", "HS256"]])
    def test_other_options_are_refused(self, folder, options):
        with pytest.raises(CommandError):
            rotate(*options)
        assert not folder.exists()

    def test_a_directory_that_can_not_be_written_is_an_error(self, folder):
        folder.write_text("a file")
        with pytest.raises(CommandError, match="File exists"):
            rotate()

    def test_without_cryptography_nothing_is_changed(self, folder):
        with NO_CRYPTOGRAPHY, pytest.raises(CommandError, match="No key can be made here"):
            rotate()
        assert file_names(folder) == {}

    def test_two_at_once_make_one_key(self, folder):
        rotate()
        context = multiprocessing.get_context("fork")
        start = context.Barrier(4)
        processes = [context.Process(target=_rotate_together, args=(start,)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(30)
        assert [process.exitcode for process in processes] == [0] * 4
        assert len(metadata(folder)) == 2


def _fails_after(writes):
    update = files.update

    def failing(folder, key):
        nonlocal writes
        writes -= 1
        if writes < 0:
            raise OSError("disk full")
        update(folder, key)

    return failing


def _rotate_together(start):
    made = new_keys.private_pem

    def slowly(algorithm):
        # Long enough for all to have looked, if they could.
        time.sleep(0.2)
        return made(algorithm)

    start.wait(30)
    with mock.patch.object(new_keys, "private_pem", slowly):
        rotate()
