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
from tests.signing_keys import NOW, file_contents, put

pytestmark = pytest.mark.needs("bare")

NO_CRYPTOGRAPHY = mock.patch.dict("sys.modules", {"cryptography.hazmat.primitives": None})


def run(module, *options):
    """Run a command and return what it wrote to stdout and to stderr."""
    out, err = StringIO(), StringIO()
    call_command(module.Command(), *map(str, options), stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def generate(*options):
    return run(generatesigningkey, *options)


class TestGenerate:
    @pytest.mark.parametrize("algorithm", sorted(ALLOWED_ALGORITHMS - HMAC_ALGORITHMS))
    def test_the_private_key_goes_to_stdout_and_the_kid_to_stderr(self, algorithm):
        pem, stderr = generate("--algorithm", algorithm)
        assert pem.startswith("-----BEGIN PRIVATE KEY-----")
        key = read_key({"algorithm": algorithm, "key": pem}, signs=True)
        assert stderr == f"kid: {key.kid}\n"
        assert key.verify(b"message", key.sign(b"message"))

    def test_an_rsa_key_has_3072_bits(self):
        assert read_key({"algorithm": "RS256", "key": generate("--algorithm", "RS256")[0]}, signs=True).jwk["n"][511:]

    @pytest.mark.parametrize(("algorithm", "length"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    def test_a_secret_is_as_long_as_the_hash(self, algorithm, length):
        secret, stderr = generate("--algorithm", algorithm)
        # Four characters of base64url hold three bytes.
        assert len(secret.strip()) * 3 // 4 == length
        assert stderr == f"kid: {read_key({'algorithm': algorithm, 'key': secret.strip()}, signs=True).kid}\n"
        assert generate("--algorithm", algorithm)[0] != secret

    @pytest.mark.parametrize("algorithm", ["ES256", "HS256"])
    def test_only_the_owner_may_read_the_file(self, tmp_path, algorithm):
        file = tmp_path / "key"
        out, err = generate("--algorithm", algorithm, "--out", file)
        key = read_key({"algorithm": algorithm, "key_file": file}, signs=True)
        assert (out, err) == (f"kid: {key.kid}\n", "")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_an_existing_file_is_not_overwritten(self, tmp_path):
        file = tmp_path / "key.pem"
        file.write_text("precious")
        with pytest.raises(CommandError, match="File exists"):
            generate("--algorithm", "ES256", "--out", file)
        assert file.read_text() == "precious"

    def test_the_kid_may_be_chosen(self, tmp_path):
        assert generate("--algorithm", "ES256", "--kid", "2026")[1] == "kid: 2026\n"

    def test_a_passphrase_is_read_from_a_file(self, tmp_path):
        (tmp_path / "passphrase").write_text("correct horse\n")
        options = ["--algorithm", "ES256", "--passphrase-file", tmp_path / "passphrase"]
        pem, stderr = generate(*options)
        assert pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        key = read_key({"algorithm": "ES256", "key": pem, "passphrase": "correct horse"}, signs=True)
        assert stderr == f"kid: {key.kid}\n"

    @pytest.mark.parametrize(
        ("algorithm", "content", "message"),
        [("HS256", "x", "can't have"), ("ES256", "\n", "is empty"), ("ES256", None, "can't be read")],
    )
    def test_an_unusable_passphrase_is_an_error(self, tmp_path, algorithm, content, message):
        file = tmp_path / "passphrase"
        if content is not None:
            file.write_text(content)
        with pytest.raises(CommandError, match=message):
            generate("--algorithm", algorithm, "--passphrase-file", file, "--out", tmp_path / "key")
        assert not (tmp_path / "key").exists()

    def test_without_cryptography_only_secrets_can_be_generated(self):
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
    """The metadata of each key, ordered by when they become active."""
    found = [files.read(folder, kid)[0] for kid in files.list_stamps(folder)]
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
        """Sets the clock, which is at `NOW` at first."""
        with mock.patch.object(rotatesigningkeys, "datetime", mock.Mock(wraps=datetime)) as patched:

            def at(now):
                patched.now.return_value = now

            at(NOW)
            yield at

    def test_the_first_run_creates_the_directory_and_a_key_that_is_active_at_once(self, folder):
        output = rotate()
        (key,) = metadata(folder)
        assert (key.algorithm, key.created_at, key.not_before, key.retire_after) == ("ES256", NOW, NOW, None)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
        assert output.splitlines() == [
            f"New key: {key.kid} (ES256)",
            f"2026-11-24T12:00:00+00:00  {key.kid}  is published",
            f"2026-11-24T12:00:00+00:00  {key.kid}  becomes active",
        ]
        assert KeyDirectory(folder).ring().signing_key(NOW.timestamp()).kid == key.kid

    def test_the_second_run_publishes_the_next_key_and_prints_what_happens_when(self, folder, at):
        rotate()
        at(NOW + timedelta(days=30))
        lines = rotate("--algorithm", "EdDSA").splitlines()
        old, new = metadata(folder)
        activation = NOW + timedelta(days=30, seconds=600 + 2 + 60)
        assert (new.algorithm, new.not_before, new.retire_after) == ("EdDSA", activation, None)
        assert old.retire_after == activation + timedelta(days=3, seconds=7)
        assert lines[0] == f"New key: {new.kid} (EdDSA)"
        assert lines[3:] == [
            f"2026-12-24T12:00:00+00:00  {new.kid}  is published",
            f"2026-12-24T12:11:02+00:00  {new.kid}  becomes active",
            f"2026-12-27T12:11:09+00:00  {old.kid}  retires",
        ]

    def test_without_another_run_the_next_key_becomes_active_and_the_old_one_retires(self, folder):
        rotate()
        rotate("--publish-for", 60)
        ring, (old, new) = KeyDirectory(folder).ring(), metadata(folder)
        now = NOW.timestamp()
        assert [ring.signing_key(now + after).kid for after in (0, 59.9, 60)] == [old.kid, old.kid, new.kid]
        last = old.retire_after.timestamp()
        assert [len(ring.published_keys(at)) for at in (now, last - 1, last)] == [2, 2, 1]

    def test_a_run_while_a_next_key_is_published_changes_nothing_and_says_so(self, folder, at):
        rotate()
        rotate()
        before = file_contents(folder)
        at(NOW + timedelta(minutes=5))
        told = "The next key is already published; it becomes active at 2026-11-24 12:11:02 UTC. Nothing to do."
        assert rotate().splitlines()[0] == told
        assert file_contents(folder) == before

    def test_the_next_run_deletes_retired_keys(self, folder, at):
        rotate()
        rotate()
        old, new = metadata(folder)
        at(old.retire_after)
        assert rotate().startswith(f"Deleted, as it has retired: {old.kid}\nNew key: ")
        assert metadata(folder)[0].kid == new.kid
        assert not [name for name in file_contents(folder) if name.startswith(old.kid)]

    def test_the_next_run_completes_an_interrupted_one(self, folder):
        rotate()
        with (
            mock.patch.object(rotatesigningkeys.files, "update", _fails_after(1)),
            pytest.raises(CommandError, match="disk full"),
        ):
            rotate()
        assert [key.retire_after for key in metadata(folder)] == [None, None]
        old, new = metadata(folder)
        told = f"The next key is already published; it becomes active at 2026-11-24 12:11:02 UTC. Changed: {old.kid}"
        assert rotate().splitlines()[0] == told
        assert metadata(folder)[0].retire_after == new.not_before + timedelta(days=3, seconds=7)

    def test_a_dry_run_prints_the_same_and_writes_nothing(self, folder):
        told = rotate("--dry-run").splitlines()
        assert not folder.exists()
        assert told[0] == "Dry run: nothing is written."
        assert [line.split("  ")[-1] for line in told[2:]] == ["is published", "becomes active"]
        rotate()
        before = file_contents(folder)
        told = rotate("--dry-run").splitlines()
        assert file_contents(folder) == before
        assert [line.split("  ")[-1] for line in told[4:]] == ["is published", "becomes active", "retires"]

    def test_another_directory_may_be_chosen(self, folder, tmp_path):
        rotate("--directory", tmp_path / "others")
        assert not folder.exists()
        assert len(metadata(tmp_path / "others")) == 1

    def test_without_a_directory_the_command_fails(self, simple_jwt):
        simple_jwt(SIGNING_KEYS_DIR=None)
        with pytest.raises(CommandError, match="SIGNING_KEYS_DIR"):
            rotate()

    def test_nothing_is_changed_while_a_key_can_not_be_read(self, folder):
        """It may be the key that signs now."""
        rotate()
        put(folder, "broken", material=b"junk")
        before = file_contents(folder)
        with pytest.raises(CommandError, match=r"broken\.pem"):
            rotate()
        assert file_contents(folder) == before

    @pytest.mark.parametrize("options", [["--publish-for", -1], ["--publish-for", "x"], ["--algorithm", "HS256"]])
    def test_invalid_options_are_refused(self, folder, options):
        with pytest.raises(CommandError):
            rotate(*options)
        assert not folder.exists()

    def test_a_directory_that_can_not_be_written_is_an_error(self, folder):
        folder.write_text("a file")
        with pytest.raises(CommandError, match="File exists"):
            rotate()

    def test_without_cryptography_nothing_is_changed(self, folder):
        with NO_CRYPTOGRAPHY, pytest.raises(CommandError, match="No key can be generated"):
            rotate()
        assert file_contents(folder) == {}

    def test_concurrent_runs_make_one_key(self, folder):
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
    """Return a stand-in for `files.update` that raises `OSError` from call number `writes + 1` on."""
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
        # Without the lock, all processes would have read the directory by then.
        time.sleep(0.2)
        return made(algorithm)

    start.wait(30)
    with mock.patch.object(new_keys, "private_pem", slowly):
        rotate()
