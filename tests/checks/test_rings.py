"""The files that signing keys are in."""

import os
from datetime import datetime, timezone

import pytest

from rest_framework_simplejwt import views
from tests.checks.urls import urls
from tests.signing_keys import DAY, pem, put

OURS = {"E022", "E023", "W015", "W044", "W045"}


@pytest.fixture
def told(ids):
    return lambda **values: ids(**values) & OURS


@pytest.fixture
def folder(tmp_path):
    """With the key `a`, and closed to others."""
    put(tmp_path, "a")
    (tmp_path / "a.pem").chmod(0o600)
    tmp_path.chmod(0o700)
    return tmp_path


class TestDirectory:
    def test_a_sound_one_is_left_alone(self, told, folder):
        assert told(SIGNING_KEYS_DIR=str(folder)) == set()
        assert told(SIGNING_KEYS_DIR=folder) == set()

    def test_keys_in_the_settings_as_well_are_an_error(self, told, folder):
        assert told(SIGNING_KEYS_DIR=folder, SIGNING_KEYS=[{"algorithm": "ES256", "key": pem("b")}]) == {"E023"}

    @pytest.mark.parametrize("path", ["/no/such/directory", __file__, 5])
    def test_one_that_can_not_be_read_is_an_error(self, told, path):
        assert "E023" in told(SIGNING_KEYS_DIR=path)

    def test_an_empty_one_is_an_error(self, told, tmp_path):
        tmp_path.chmod(0o700)
        assert told(SIGNING_KEYS_DIR=tmp_path) == {"E023"}

    def test_a_key_that_can_not_be_read_is_named(self, told, messages, folder):
        (folder / "b.pem").touch(0o600)
        (folder / "b.json").touch(0o600)
        assert told(SIGNING_KEYS_DIR=folder) == {"E023"}
        (message,) = [message.msg for message in messages() if message.id == "simplejwt.E023"]
        assert "b.pem" in message

    def test_keys_that_only_verify_have_an_error_of_their_own(self, told, folder):
        assert told(SIGNING_KEYS_DIR=folder, VERIFYING_KEYS=[{"algorithm": "ES256"}]) == {"E022"}
        assert told(SIGNING_KEYS_DIR=folder, VERIFYING_KEYS=5) == {"E022"}

    def test_a_key_that_only_verifies_too_is_told_of(self, told, messages, folder):
        both, other = ({"kid": kid, "algorithm": "ES256", "key": pem("a")} for kid in "ab")
        assert told(SIGNING_KEYS_DIR=folder, VERIFYING_KEYS=[other]) == set()
        assert told(SIGNING_KEYS_DIR=folder, VERIFYING_KEYS=[other, both]) == {"W044"}
        (message,) = [message for message in messages() if message.id == "simplejwt.W044"]
        assert "'a'" in message.msg
        assert "'a'" in message.hint


class TestNoSigningKey:
    @pytest.fixture(autouse=True)
    def mounted(self, settings):
        settings.ROOT_URLCONF = urls(views.token_obtain_pair)

    def test_of_a_ring_with_views_that_need_one_is_told_of(self, told, settings):
        key = {"algorithm": "ES256", "key": pem("a")}
        assert told(SIGNING_KEYS=[key]) == set()
        assert told(SIGNING_KEYS=[{**key, "retire_after": 1}]) == {"W045"}
        assert told(SIGNING_KEYS=[], VERIFYING_KEYS=[key]) == {"W045"}
        settings.ROOT_URLCONF = urls(views.token_verify)
        assert told(SIGNING_KEYS=[], VERIFYING_KEYS=[key]) == set()

    def test_of_a_directory_too(self, told, folder):
        put(folder, "a", not_before=datetime.now(timezone.utc) + DAY)
        assert told(SIGNING_KEYS_DIR=folder) == {"W045"}


class TestPermissions:
    @pytest.mark.parametrize("mode", [0o640, 0o604])
    def test_a_key_that_others_may_read_is_advised_against(self, told, messages, folder, mode):
        (folder / "a.pem").chmod(mode)
        assert told(SIGNING_KEYS_DIR=folder) == {"W015"}
        (message,) = [message for message in messages() if message.id == "simplejwt.W015"]
        assert str(folder / "a.pem") in message.hint

    def test_so_is_the_file_of_a_key_in_the_settings(self, told, folder):
        keys = [{"kid": "a", "algorithm": "ES256", "key_file": folder / "a.pem"}]
        assert told(SIGNING_KEYS=keys) == set()
        (folder / "a.pem").chmod(0o644)
        assert told(SIGNING_KEYS=keys) == {"W015"}
        assert "W015" not in told(SIGNING_KEYS=[], VERIFYING_KEYS=keys), "it may be a public one"

    @pytest.mark.parametrize("mode", [0o720, 0o702])
    def test_so_is_a_directory_that_others_may_write_to(self, told, folder, mode):
        folder.chmod(mode)
        assert told(SIGNING_KEYS_DIR=folder) == {"W015"}

    def test_of_a_name_that_is_no_text_can_be_printed(self, told, messages, folder):
        name = os.fsdecode(b"b\xff")
        put(folder, name)
        assert told(SIGNING_KEYS_DIR=folder) == {"E023"}
        assert [message.msg.encode() for message in messages() if message.id == "simplejwt.E023"]

    def test_what_stands_beside_is_not_looked_at(self, told, folder):
        (folder / "README").touch(0o644)
        (folder / "a.json").chmod(0o644)
        assert told(SIGNING_KEYS_DIR=folder) == set()

    @pytest.mark.parametrize("keys", ["x", 5, ["x"], [{"key_file": 5}], [{"key_file": "/no/such/file"}]])
    def test_what_is_no_file_is_not_either(self, told, keys):
        assert "W015" not in told(SIGNING_KEYS=keys)
