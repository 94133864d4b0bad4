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
from tests.signing_keys import NOW, file_contents, pem, put

pytestmark = pytest.mark.needs("bare")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class TestMetadata:
    def test_round_trip(self):
        key = Metadata("a", "ES256", NOW, NOW.astimezone(timezone(timedelta(hours=2))), None, True)
        assert files.parse_metadata(key.to_json()) == key

    def test_times_are_written_in_iso_8601_with_a_time_zone_or_as_null(self):
        written = json.loads(Metadata("a", "ES256", created_at=NOW).to_json())
        assert written == {
            "kid": "a",
            "algorithm": "ES256",
            "created_at": "2026-11-24T12:00:00+00:00",
            "not_before": None,
            "retire_after": None,
            "accepts_no_kid": False,
        }

    def test_a_name_that_is_left_out_counts_as_null(self):
        assert files.parse_metadata(b'{"kid": "a", "algorithm": "ES256"}') == Metadata("a", "ES256")

    def test_utc_may_be_written_as_z(self):
        text = b'{"kid": "a", "algorithm": "ES256", "not_before": "2026-11-24T12:00:00Z"}'
        assert files.parse_metadata(text).not_before == NOW

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
    def test_an_unknown_name_or_a_wrong_value_is_refused(self, changed):
        with pytest.raises(ValueError, match=r"must be a JSON object|no time zone|Invalid|must be true or false"):
            files.parse_metadata(json.dumps({"kid": "a", "algorithm": "ES256", **changed}).encode())

    @pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"kid": "a"}', b'{"algorithm": "ES256"}', b"\xff"])
    def test_any_other_text_is_refused(self, text):
        with pytest.raises(ValueError, match=r"."):
            files.parse_metadata(text)


class TestKey:
    def test_exists_while_both_of_its_files_do(self, tmp_path):
        for kid in "cab":
            put(tmp_path, kid)
        (tmp_path / "a.pem").unlink()
        (tmp_path / "b.json").unlink()
        assert list(files.list_stamps(tmp_path)) == ["c"]

    def test_other_files_are_ignored(self, tmp_path):
        put(tmp_path, "a")
        for name in ("README", "a.pem.bak", ".b.pem", ".b.json", "b.pem~"):
            (tmp_path / name).write_text("x")
        (tmp_path / "gone.pem").symlink_to(tmp_path / "nowhere")
        (tmp_path / "gone.json").write_text("x")
        assert list(files.list_stamps(tmp_path)) == ["a"]

    def test_may_be_a_symbolic_link(self, tmp_path):
        """As Kubernetes mounts secrets."""
        elsewhere, folder = tmp_path / "elsewhere", tmp_path / "keys"
        elsewhere.mkdir()
        folder.mkdir()
        put(elsewhere, "a")
        for name in ("a.pem", "a.json"):
            (folder / name).symlink_to(elsewhere / name)
        before = files.list_stamps(folder)
        put(elsewhere, "a", accepts_no_kid=True)
        assert files.list_stamps(folder) != before

    def test_has_the_role_in_its_metadata(self, tmp_path):
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
    def test_the_error_names_the_files_of_a_key_that_can_not_be_read(self, tmp_path, wrong):
        metadata = {name: value for name, value in wrong.items() if name not in ("material", "kid")}
        put(tmp_path, "a", material=wrong.get("material"), **metadata)
        if "kid" in wrong:
            (tmp_path / "a.json").write_text('{"kid": "b", "algorithm": "ES256"}')
        with pytest.raises(BadKey, match=r"^a\.pem and a\.json: "):
            files.read(tmp_path, "a")

    @pytest.mark.parametrize("name", ["a.pem", "a.json"])
    @pytest.mark.parametrize("spoil", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
    def test_that_is_no_regular_file_is_refused_without_waiting(self, tmp_path, name, spoil):
        put(tmp_path, "a")
        (tmp_path / name).unlink()
        spoil(tmp_path / name)
        with pytest.raises(BadKey, match=r"^a\.pem and a\.json: "):
            files.read(tmp_path, "a")


class TestWriting:
    def test_a_key_is_added_and_removed(self, tmp_path):
        key = Metadata("a", "ES256", created_at=NOW)
        files.add(tmp_path, key, pem("a"))
        assert file_contents(tmp_path) == {"a.pem": pem("a"), "a.json": key.to_json()}
        assert files.read(tmp_path, "a")[0] == key
        files.remove(tmp_path, "a")
        files.remove(tmp_path, "a")
        assert file_contents(tmp_path) == {}

    def test_a_private_file_is_readable_by_its_owner_only_before_anything_is_written(self, tmp_path):
        modes, path = [], tmp_path / "a"
        with mock.patch("os.fsync", lambda handle: modes.append(mode(path))):
            files.create_private(path, b"secret")
        assert modes == [mode(path)] == [0o600]

    def test_an_existing_file_is_not_overwritten(self, tmp_path):
        files.create_private(tmp_path / "a", b"one")
        with pytest.raises(FileExistsError):
            files.create_private(tmp_path / "a", b"two")
        assert (tmp_path / "a").read_bytes() == b"one"

    def test_a_failed_write_leaves_no_file(self, tmp_path):
        with mock.patch("os.fsync", side_effect=BlockingIOError), pytest.raises(BlockingIOError):
            files.create_private(tmp_path / "a", b"secret")
        assert file_contents(tmp_path) == {}

    def test_a_failed_update_leaves_the_old_file(self, tmp_path):
        old = Metadata("a", "ES256")
        files.add(tmp_path, old, pem("a"))
        with mock.patch("pathlib.Path.replace", side_effect=BlockingIOError), pytest.raises(BlockingIOError):
            files.update(tmp_path, Metadata("a", "ES384"))
        assert file_contents(tmp_path) == {"a.pem": pem("a"), "a.json": old.to_json()}

    def test_the_lock_creates_a_directory_that_only_its_owner_can_use(self, tmp_path):
        with files.locked(tmp_path / "new" / "keys"):
            assert mode(tmp_path / "new" / "keys") == 0o700
        with files.locked(tmp_path / "new" / "keys"):
            pass
