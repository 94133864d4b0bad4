"""Checks of key rings and of the files of signing keys."""

import os
from datetime import datetime, timezone

import pytest

from rest_framework_simplejwt import views
from tests.checks.urls import urls
from tests.signing_keys import DAY, pem, put

RING_CHECKS = {"E022", "E023", "W015", "W044", "W045"}


@pytest.fixture
def ring_checks(reported):
    return lambda **values: reported(**values) & RING_CHECKS


@pytest.fixture
def directory(tmp_path):
    """A directory with the key `a` that only its owner can read."""
    put(tmp_path, "a")
    (tmp_path / "a.pem").chmod(0o600)
    tmp_path.chmod(0o700)
    return tmp_path


class TestDirectory:
    def test_a_valid_directory_is_accepted(self, ring_checks, directory):
        assert ring_checks(SIGNING_KEYS_DIR=str(directory)) == set()
        assert ring_checks(SIGNING_KEYS_DIR=directory) == set()

    def test_signing_keys_in_the_settings_as_well_are_an_error(self, ring_checks, directory):
        assert ring_checks(SIGNING_KEYS_DIR=directory, SIGNING_KEYS=[{"algorithm": "ES256", "key": pem("b")}]) == {
            "E023"
        }

    @pytest.mark.parametrize("path", ["/no/such/directory", __file__, 5])
    def test_an_unreadable_directory_is_an_error(self, ring_checks, path):
        assert "E023" in ring_checks(SIGNING_KEYS_DIR=path)

    def test_an_empty_directory_is_an_error(self, ring_checks, tmp_path):
        tmp_path.chmod(0o700)
        assert ring_checks(SIGNING_KEYS_DIR=tmp_path) == {"E023"}

    def test_an_unreadable_key_is_named(self, ring_checks, messages, directory):
        (directory / "b.pem").touch(0o600)
        (directory / "b.json").touch(0o600)
        assert ring_checks(SIGNING_KEYS_DIR=directory) == {"E023"}
        (message,) = [message.msg for message in messages() if message.id == "simplejwt.E023"]
        assert "b.pem" in message

    def test_invalid_verifying_keys_are_e022(self, ring_checks, directory):
        assert ring_checks(SIGNING_KEYS_DIR=directory, VERIFYING_KEYS=[{"algorithm": "ES256"}]) == {"E022"}
        assert ring_checks(SIGNING_KEYS_DIR=directory, VERIFYING_KEYS=5) == {"E022"}

    def test_a_key_in_the_directory_and_in_verifying_keys_is_a_warning(self, ring_checks, messages, directory):
        both, other = ({"kid": kid, "algorithm": "ES256", "key": pem("a")} for kid in "ab")
        assert ring_checks(SIGNING_KEYS_DIR=directory, VERIFYING_KEYS=[other]) == set()
        assert ring_checks(SIGNING_KEYS_DIR=directory, VERIFYING_KEYS=[other, both]) == {"W044"}
        (message,) = [message for message in messages() if message.id == "simplejwt.W044"]
        assert "'a'" in message.msg
        assert "'a'" in message.hint


class TestNoSigningKey:
    @pytest.fixture(autouse=True)
    def mounted(self, settings):
        settings.ROOT_URLCONF = urls(views.token_obtain_pair)

    def test_a_ring_without_an_active_key_is_a_warning(self, ring_checks, settings):
        key = {"algorithm": "ES256", "key": pem("a")}
        assert ring_checks(SIGNING_KEYS=[key]) == set()
        assert ring_checks(SIGNING_KEYS=[{**key, "retire_after": 1}]) == {"W045"}
        assert ring_checks(SIGNING_KEYS=[], VERIFYING_KEYS=[key]) == {"W045"}
        settings.ROOT_URLCONF = urls(views.token_verify)
        assert ring_checks(SIGNING_KEYS=[], VERIFYING_KEYS=[key]) == set()

    def test_a_directory_without_an_active_key_is_a_warning(self, ring_checks, directory):
        put(directory, "a", not_before=datetime.now(timezone.utc) + DAY)
        assert ring_checks(SIGNING_KEYS_DIR=directory) == {"W045"}


class TestPermissions:
    @pytest.mark.parametrize("mode", [0o640, 0o604])
    def test_a_key_file_readable_by_others_is_a_warning(self, ring_checks, messages, directory, mode):
        (directory / "a.pem").chmod(mode)
        assert ring_checks(SIGNING_KEYS_DIR=directory) == {"W015"}
        (message,) = [message for message in messages() if message.id == "simplejwt.W015"]
        assert str(directory / "a.pem") in message.hint

    def test_a_key_file_of_signing_keys_is_checked(self, ring_checks, directory):
        keys = [{"kid": "a", "algorithm": "ES256", "key_file": directory / "a.pem"}]
        assert ring_checks(SIGNING_KEYS=keys) == set()
        (directory / "a.pem").chmod(0o644)
        assert ring_checks(SIGNING_KEYS=keys) == {"W015"}
        assert "W015" not in ring_checks(SIGNING_KEYS=[], VERIFYING_KEYS=keys), "the file may hold a public key"

    @pytest.mark.parametrize("mode", [0o720, 0o702])
    def test_a_directory_writable_by_others_is_a_warning(self, ring_checks, directory, mode):
        directory.chmod(mode)
        assert ring_checks(SIGNING_KEYS_DIR=directory) == {"W015"}

    def test_a_file_name_that_can_not_be_decoded_can_be_printed(self, ring_checks, messages, directory):
        name = os.fsdecode(b"b\xff")
        put(directory, name)
        assert ring_checks(SIGNING_KEYS_DIR=directory) == {"E023"}
        assert [message.msg.encode() for message in messages() if message.id == "simplejwt.E023"]

    def test_other_files_in_the_directory_are_not_checked(self, ring_checks, directory):
        (directory / "README").touch(0o644)
        (directory / "a.json").chmod(0o644)
        assert ring_checks(SIGNING_KEYS_DIR=directory) == set()

    @pytest.mark.parametrize("keys", ["x", 5, ["x"], [{"key_file": 5}], [{"key_file": "/no/such/file"}]])
    def test_missing_files_and_wrong_types_are_not_checked(self, ring_checks, keys):
        assert "W015" not in ring_checks(SIGNING_KEYS=keys)
