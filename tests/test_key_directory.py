import logging
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from rest_framework_simplejwt import jws, key_directory, key_files, state
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.key_directory import KeyDirectory
from rest_framework_simplejwt.keys import BadKey, read_key
from rest_framework_simplejwt.tokens import AccessToken
from tests.signing_keys import DAY, NOW, pem, put

pytestmark = pytest.mark.needs("bare")

MOMENT = NOW.timestamp()


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticking():
    return Clock()


@pytest.fixture
def directory(tmp_path, ticking):
    """Of the key `a`."""
    put(tmp_path, "a")
    return KeyDirectory(tmp_path, now=ticking)


def header(text):
    return jws.json_object(text.partition(".")[0].encode())


def kids(ring):
    return [key.kid for key in ring.published(MOMENT)]


@pytest.fixture
def looks():
    """How often the directory was looked at since."""
    with mock.patch.object(key_files, "stamps", wraps=key_files.stamps) as stamps:
        yield lambda: stamps.call_count


class TestRing:
    def test_has_the_keys_of_the_files(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", not_before=NOW)
        ring = KeyDirectory(tmp_path).ring()
        assert kids(ring) == ["a", "b"]
        assert ring.current(MOMENT - 1).kid == "a"
        assert ring.current(MOMENT).kid == "b"

    def test_has_those_that_only_verify_besides(self, tmp_path):
        put(tmp_path, "a")
        other = read_key({"kid": "b", "algorithm": "ES256", "key": pem("b")}, signs=False)
        ring = KeyDirectory(str(tmp_path), verifying=[other]).ring()
        assert ring.verifying("b", MOMENT) == (other,)
        assert ring.current(MOMENT).kid == "a"

    def test_a_kid_that_both_have_is_an_error(self, tmp_path):
        put(tmp_path, "a")
        other = read_key({"kid": "a", "algorithm": "ES256", "key": pem("b")}, signs=False)
        with pytest.raises(BadKey, match="two keys have the kid 'a'"):
            KeyDirectory(tmp_path, verifying=[other])

    def test_without_any_key_there_is_none(self, tmp_path):
        with pytest.raises(BadKey, match="there is no key in it"):
            KeyDirectory(tmp_path)
        with pytest.raises(BadKey, match="No such file"):
            KeyDirectory(tmp_path / "missing")
        put(tmp_path, "a", material=b"junk")
        with pytest.raises(BadKey, match=r"a\.pem"):
            KeyDirectory(tmp_path)

    def test_at_the_start_the_exception_says_it_and_nothing_is_logged(self, tmp_path, caplog):
        for path in (tmp_path, tmp_path / "nowhere"):
            with pytest.raises(BadKey):
                KeyDirectory(path)
        assert caplog.records == []

    def test_one_that_can_not_be_read_does_not_hinder_the_others(self, tmp_path, caplog):
        put(tmp_path, "a")
        put(tmp_path, "b", material=b"junk")
        directory = KeyDirectory(tmp_path)
        assert kids(directory.ring()) == ["a"]
        assert ["b.pem" in str(fault) for fault in directory.faults] == [True]
        assert [record.levelname for record in caplog.records] == ["ERROR"]


class TestChange:
    def test_is_noticed_within_two_seconds(self, tmp_path, directory, ticking, looks):
        put(tmp_path, "b")
        ticking.now += 1.9
        assert kids(directory.ring()) == ["a"]
        assert looks() == 0
        ticking.now += 0.1
        assert kids(directory.ring()) == ["a", "b"]
        directory.ring()
        assert looks() == 1

    @pytest.mark.parametrize("name", ["a.pem", "a.json"])
    def test_either_file_takes_its_key_away(self, tmp_path, directory, ticking, name):
        put(tmp_path, "b")
        (tmp_path / name).unlink()
        ticking.now += 2
        assert kids(directory.ring()) == ["b"]

    def test_of_a_role_counts(self, tmp_path, directory, ticking):
        put(tmp_path, "a", retire_after=NOW - DAY)
        ticking.now += 2
        assert kids(directory.ring()) == []

    def test_a_file_is_read_once_while_it_stays(self, tmp_path, directory, ticking):
        put(tmp_path, "b")
        ticking.now += 2
        with mock.patch.object(key_files, "read", wraps=key_files.read) as read:
            ring = directory.ring()
            ticking.now += 2
            assert directory.ring() is ring
        read.assert_called_once_with(tmp_path, "b")


class TestThreads:
    @pytest.fixture
    def slow(self, directory):
        """Within `with slow() as finish:` one thread looks, and finds nothing, until `finish()`."""

        @contextmanager
        def looking():
            begun, go_on, found = threading.Event(), threading.Event(), []

            def slowly(folder):
                begun.set()
                assert go_on.wait(10)
                return {}

            def finish():
                go_on.set()
                thread.join(10)
                return found

            with mock.patch.object(key_files, "stamps", slowly):
                thread = threading.Thread(target=lambda: found.append(kids(directory.ring())))
                thread.start()
                assert begun.wait(10)
                yield finish
                finish()

        return looking

    def test_nobody_waits_for_who_looks(self, directory, ticking, slow):
        ticking.now += 2
        with slow() as finish:
            begun = time.monotonic()
            assert kids(directory.ring()) == ["a"]
            assert time.monotonic() - begun < 0.5
            assert finish() == [[]]

    def test_after_a_long_rest_they_do(self, directory, ticking, slow):
        """What was read hours ago may have a key that has leaked since."""
        ticking.now += 3600
        with slow() as finish:
            timer = threading.Timer(0.2, finish)
            timer.start()
            assert kids(directory.ring()) == []
            timer.join()

    def test_but_not_for_ever(self, directory, ticking, slow):
        """A disk may hang."""
        ticking.now += 3600
        with slow(), mock.patch.object(key_directory, "PATIENCE", 0.1):
            assert kids(directory.ring()) == ["a"]
            assert directory.ring().verifying("b", MOMENT) == ()


class TestUnknownKid:
    def test_is_looked_for_at_once(self, tmp_path, directory, ticking):
        put(tmp_path, "b")
        ticking.now += 1
        (found,) = directory.ring().verifying("b", MOMENT)
        assert found.kid == "b"

    def test_costs_one_look_a_second(self, directory, ticking, looks):
        ring = directory.ring()
        for _ in range(10):
            assert ring.verifying("forged", MOMENT) == ()
        assert looks() == 0, "it has just been looked at"
        ticking.now += 1
        for _ in range(10):
            assert ring.verifying("forged", MOMENT) == ()
        assert looks() == 1

    def test_known_ones_and_none_cost_nothing(self, directory, ticking, looks):
        ring = directory.ring()
        ticking.now += 60
        assert ring.verifying("a", MOMENT)
        assert ring.verifying(None, MOMENT) == ()
        assert looks() == 0


class TestFault:
    @pytest.fixture(autouse=True)
    def _every_level(self, caplog):
        caplog.set_level(logging.INFO, "rest_framework_simplejwt")
        caplog.handler.setLevel(logging.INFO)

    def see(self, directory, ticking):
        ticking.now += 2
        return kids(directory.ring())

    @pytest.mark.parametrize("half", ["a.json", "a.pem"])
    def test_a_key_stays_as_it_was(self, tmp_path, directory, ticking, caplog, half):
        whole = (tmp_path / half).read_bytes()
        (tmp_path / half).write_bytes(whole[:20])
        for _ in range(3):
            assert self.see(directory, ticking) == ["a"]
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        (tmp_path / half).write_bytes(whole)
        for _ in range(3):
            assert self.see(directory, ticking) == ["a"]
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
        assert directory.faults == []

    def test_a_directory_that_can_not_be_read_changes_nothing(self, directory, ticking, caplog):
        for error in (PermissionError, FileNotFoundError):
            with mock.patch.object(key_files, "stamps", side_effect=error):
                assert self.see(directory, ticking) == ["a"]
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        self.see(directory, ticking)
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]

    def test_of_one_key_does_not_keep_another_that_was_taken_away(self, tmp_path, directory, ticking):
        """A leaked key is gone with its files, whatever else is wrong."""
        put(tmp_path, "b")
        assert self.see(directory, ticking) == ["a", "b"]
        (tmp_path / "b.json").write_text("{")
        (tmp_path / "a.pem").unlink()
        assert self.see(directory, ticking) == ["b"]

    def test_the_last_key_may_be_taken_away_too(self, tmp_path, directory, ticking, caplog):
        (tmp_path / "a.pem").unlink()
        assert self.see(directory, ticking) == []
        assert "there is no key in it" in caplog.text
        put(tmp_path, "b")
        assert self.see(directory, ticking) == ["b"]

    def test_what_was_forbidden_is_read_once_it_is_allowed(self, tmp_path, directory, ticking):
        """chmod changes neither the size nor the time of a file."""
        put(tmp_path, "b")
        with mock.patch("pathlib.Path.read_bytes", side_effect=PermissionError):
            assert self.see(directory, ticking) == ["a"]
        assert self.see(directory, ticking) == ["a", "b"]

    def test_nothing_of_a_key_is_logged(self, tmp_path, directory, ticking, caplog):
        (tmp_path / "a.json").write_bytes(pem("a"))
        (tmp_path / "a.pem").write_bytes(pem("b") + b"x" + pem("a")[40:80])
        self.see(directory, ticking)
        formatted = "\n".join(logging.Formatter().format(record) for record in caplog.records)
        for line in (pem("a") + pem("b")).decode().splitlines():
            assert "-----" in line or line not in formatted


class TestTokens:
    @pytest.fixture
    def use(self, tmp_path, simple_jwt):
        def using(**others):
            simple_jwt(SIGNING_KEYS_DIR=str(tmp_path), **others)

        return using

    def test_are_signed_by_the_key_of_the_moment(self, tmp_path, use):
        put(tmp_path, "a")
        put(tmp_path, "next", not_before=datetime.now(timezone.utc) + DAY)
        use()
        text = str(AccessToken())
        assert AccessToken(text)
        assert header(text)["kid"] == "a"
        tomorrow = time.time() + 86_401
        with mock.patch("rest_framework_simplejwt.backends.time.time", lambda: tomorrow):
            assert header(str(AccessToken()))["kid"] == "next"

    def test_of_a_key_that_has_just_come_are_accepted(self, tmp_path, use):
        """Another machine has it, and its clock is ahead."""
        put(tmp_path, "a")
        use()
        state.token_backend.ring.__self__._looked -= 1
        put(tmp_path, "b", not_before=NOW - 365 * DAY)
        elsewhere = TokenBackend("HS256", ring=KeyDirectory(tmp_path).ring)
        text = elsewhere.encode(AccessToken().payload)
        assert header(text)["kid"] == "b"
        assert AccessToken(text)

    def test_of_a_deleted_key_are_refused(self, tmp_path, use):
        put(tmp_path, "a")
        put(tmp_path, "b", not_before=datetime.now(timezone.utc) + DAY)
        use()
        text = str(AccessToken())
        (tmp_path / "a.pem").unlink()
        state.token_backend.ring.__self__._looked -= 2
        with pytest.raises(TokenError):
            AccessToken(text)

    def test_of_the_verifying_keys_are_accepted(self, tmp_path, use, settings):
        text = str(AccessToken())
        put(tmp_path, "a")
        use(VERIFYING_KEYS=[{"algorithm": "HS256", "key": settings.SECRET_KEY, "accepts_no_kid": True}])
        assert AccessToken(text)
        assert header(str(AccessToken()))["alg"] == "ES256"

    def test_the_backend_stays_while_the_files_change(self, tmp_path, use):
        put(tmp_path, "a")
        use()
        backend = state.token_backend
        put(tmp_path, "b")
        assert state.token_backend is backend

    @pytest.mark.parametrize("path", ["/no/such/directory", 5])
    def test_no_directory_is_improperly_configured(self, simple_jwt, path):
        simple_jwt(SIGNING_KEYS_DIR=path)
        with pytest.raises(ImproperlyConfigured, match="SIGNING_KEYS_DIR"):
            str(AccessToken())

    def test_so_are_keys_in_the_settings_as_well(self, tmp_path, use):
        put(tmp_path, "a")
        use(SIGNING_KEYS=[{"algorithm": "ES256", "key": pem("b")}])
        with pytest.raises(ImproperlyConfigured, match="both"):
            state.key_ring()
