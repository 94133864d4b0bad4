import json
import os
import stat
from datetime import timedelta, timezone
from pathlib import Path
from unittest import mock

import pytest

from rest_framework_simplejwt.keys import files
from rest_framework_simplejwt.keys.files import Metadata
from rest_framework_simplejwt.keys.ring import BadKey
from tests.signing_keys import NOW, file_names, pem, put

pytestmark = pytest.mark.needs("bare")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class TestMetadata:
    def test_is_read_as_it_was_written(self):
        key = Metadata("a", "ES256", NOW, NOW.astimezone(timezone(timedelta(hours=2))), None, True)
        assert files.parse(key.as_json()) == key

    def test_is_iso_8601_with_a_zone_or_null(self):
        written = json.loads(Metadata("a", "ES256", created_at=NOW).as_json())
        assert written == {
            "kid": "a",
            "algorithm": "ES256",
            "created_at": "2026-11-24T12:00:00+00:00",
            "not_before": None,
            "retire_after": None,
            "accepts_no_kid": False,
        }

    def test_what_is_left_out_is_null(self):
        assert files.parse(b'{"kid": "a", "algorithm": "ES256"}') == Metadata("a", "ES256")

    def test_utc_may_be_a_z(self):
        text = b'{"kid": "a", "algorithm": "ES256", "not_before": "2026-11-24T12:00:00Z"}'
        assert files.parse(text).not_before == NOW

    @pytest.mark.parametrize(
        "changed",
        [
            {"retire_afer": None},
            {"not_before": "2026-11-24T12:00:00"},
            {"not_before": "soon"},
            {"accepts_no_kid": "false"},
            {"accepts_no_kid": None},
        ],
    )
    def test_anything_else_is_refused(self, changed):
        with pytest.raises(ValueError, match=r"not a JSON|no time zone|Invalid|neither"):
            files.parse(json.dumps({"kid": "a", "algorithm": "ES256", **changed}).encode())

    @pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"kid": "a"}', b'{"algorithm": "ES256"}', b"\xff"])
    def test_other_text_is_refused(self, text):
        with pytest.raises(ValueError, match=r"."):
            files.parse(text)


class TestKey:
    def test_is_there_while_both_of_its_files_are(self, tmp_path):
        for kid in "cab":
            put(tmp_path, kid)
        (tmp_path / "a.pem").unlink()
        (tmp_path / "b.json").unlink()
        assert list(files.stamps(tmp_path)) == ["c"]

    def test_stray_files_do_not_matter(self, tmp_path):
        put(tmp_path, "a")
        for name in ("README", "a.pem.bak", ".b.pem", ".b.json", "b.pem~"):
            (tmp_path / name).write_text("x")
        (tmp_path / "gone.pem").symlink_to(tmp_path / "nowhere")
        (tmp_path / "gone.json").write_text("x")
        assert list(files.stamps(tmp_path)) == ["a"]

    def test_may_lie_elsewhere(self, tmp_path):
        """As Kubernetes mounts secrets."""
        elsewhere, folder = tmp_path / "elsewhere", tmp_path / "keys"
        elsewhere.mkdir()
        folder.mkdir()
        put(elsewhere, "a")
        for name in ("a.pem", "a.json"):
            (folder / name).symlink_to(elsewhere / name)
        before = files.stamps(folder)
        put(elsewhere, "a", accepts_no_kid=True)
        assert files.stamps(folder) != before

    def test_has_the_role_of_its_metadata(self, tmp_path):
        put(tmp_path, "a", created_at=NOW, not_before=NOW, accepts_no_kid=True)
        metadata, key = files.read(tmp_path, "a")
        assert metadata == Metadata("a", "ES256", NOW, NOW, None, True)
        assert (key.kid, key.algorithm, key.can_sign) == ("a", "ES256", True)
        assert (key.role.not_before, key.role.accepts_no_kid) == (NOW.timestamp(), True)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"material": b"junk"},
            {"material": pem("a")[:60]},
            {"algorithm": "ES384"},
            {"algorithm": "HS256"},
            {"algorithm": 5},
            {"kid": "b"},
            {"not_before": 5},
        ],
    )
    def test_that_can_not_be_read_names_its_files(self, tmp_path, wrong):
        metadata = {name: value for name, value in wrong.items() if name not in ("material", "kid")}
        put(tmp_path, "a", material=wrong.get("material"), **metadata)
        if "kid" in wrong:
            (tmp_path / "a.json").write_text('{"kid": "b", "algorithm": "ES256"}')
        with pytest.raises(BadKey, match=r"^a\.pem and a\.json: "):
            files.read(tmp_path, "a")

    @pytest.mark.parametrize("name", ["a.pem", "a.json"])
    @pytest.mark.parametrize("spoil", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
    def test_that_is_no_file_is_refused_at_once(self, tmp_path, name, spoil):
        put(tmp_path, "a")
        (tmp_path / name).unlink()
        spoil(tmp_path / name)
        with pytest.raises(BadKey, match=r"^a\.pem and a\.json: "):
            files.read(tmp_path, "a")


class TestWriting:
    def test_a_key_is_there_and_gone(self, tmp_path):
        key = Metadata("a", "ES256", created_at=NOW)
        files.add(tmp_path, key, pem("a"))
        assert file_names(tmp_path) == {"a.pem": pem("a"), "a.json": key.as_json()}
        assert files.read(tmp_path, "a")[0] == key
        files.remove(tmp_path, "a")
        files.remove(tmp_path, "a")
        assert file_names(tmp_path) == {}

    def test_nobody_else_may_read_it_from_the_first_byte_on(self, tmp_path):
        modes, path = [], tmp_path / "a"
        with mock.patch("os.fsync", lambda handle: modes.append(mode(path))):
            files.create(path, b"secret")
        assert modes == [mode(path)] == [0o600]

    def test_what_is_there_is_not_overwritten(self, tmp_path):
        files.create(tmp_path / "a", b"one")
        with pytest.raises(FileExistsError):
            files.create(tmp_path / "a", b"two")
        assert (tmp_path / "a").read_bytes() == b"one"

    def test_half_a_file_is_never_left(self, tmp_path):
        with mock.patch("os.fsync", side_effect=BlockingIOError), pytest.raises(BlockingIOError):
            files.create(tmp_path / "a", b"secret")
        assert file_names(tmp_path) == {}

    def test_the_old_file_stays_until_the_new_one_is_whole(self, tmp_path):
        old = Metadata("a", "ES256")
        files.add(tmp_path, old, pem("a"))
        with mock.patch("pathlib.Path.replace", side_effect=BlockingIOError), pytest.raises(BlockingIOError):
            files.update(tmp_path, Metadata("a", "ES384"))
        assert file_names(tmp_path) == {"a.pem": pem("a"), "a.json": old.as_json()}

    def test_a_directory_that_is_made_is_its_owners(self, tmp_path):
        with files.locked(tmp_path / "new" / "keys"):
            assert mode(tmp_path / "new" / "keys") == 0o700
        with files.locked(tmp_path / "new" / "keys"):
            pass
