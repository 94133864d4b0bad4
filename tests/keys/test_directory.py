import errno
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from rest_framework_simplejwt import forks, jws, state
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.keys import directory as key_directory
from rest_framework_simplejwt.keys import files
from rest_framework_simplejwt.keys.directory import KeyDirectory
from rest_framework_simplejwt.keys.ring import BadKey, read_key
from rest_framework_simplejwt.tokens import AccessToken
from tests.forking import in_a_child
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


def wait_until(condition):
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def threads_that_look():
    return [thread for thread in threading.enumerate() if thread.name == "simplejwt-key-directory"]


def header(text):
    return jws.json_object(text.partition(".")[0].encode())


def look(directory, ticking):
    """The ring once the next look, which it waits for, is over."""
    ticking.now += 4
    return directory.ring()


def kids(ring):
    return [key.kid for key in ring.published(MOMENT)]


@pytest.fixture
def looks():
    """How often the directory was looked at since."""
    with mock.patch.object(files, "stamps", wraps=files.stamps) as stamps:
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

    def test_of_a_kid_that_both_have_the_directory_has_the_key(self, tmp_path, directory, ticking):
        """As while a roll-out brings the directory, one machine after the other."""
        other = read_key({"kid": "a", "algorithm": "ES256", "key": pem("b")}, signs=False)
        directory = KeyDirectory(tmp_path, verifying=[other], now=ticking)
        (found,) = directory.ring().verifying("a", MOMENT)
        assert found.can_sign
        assert kids(directory.ring()) == ["a"]
        (tmp_path / "a.pem").unlink()
        assert look(directory, ticking).verifying("a", MOMENT) == (other,), "the settings still have it"

    def test_a_kid_that_comes_to_be_in_both_is_no_fault(self, tmp_path, ticking):
        put(tmp_path, "a")
        other = read_key({"kid": "b", "algorithm": "ES256", "key": pem("b")}, signs=False)
        directory = KeyDirectory(tmp_path, verifying=[other], now=ticking)
        put(tmp_path, "b")
        (tmp_path / "a.pem").unlink()
        assert [key.can_sign for key in look(directory, ticking).published(MOMENT)] == [True]
        assert directory.faults == []

    def test_two_that_only_verify_with_one_kid_are_an_error(self, tmp_path):
        put(tmp_path, "a")
        others = [read_key({"kid": "a", "algorithm": "ES256", "key": pem(kid)}, signs=False) for kid in "bc"]
        with pytest.raises(BadKey, match="two keys have the kid 'a'"):
            KeyDirectory(tmp_path, verifying=others)

    def test_a_key_may_have_two_names(self, tmp_path, directory, ticking):
        put(tmp_path, "b", material=pem("a"))
        assert kids(look(directory, ticking)) == ["a", "b"]

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
        directory.ring()
        wait_until(lambda: kids(directory.ring()) == ["a", "b"])
        assert looks() == 1

    @pytest.mark.parametrize("name", ["a.pem", "a.json"])
    def test_either_file_takes_its_key_away(self, tmp_path, directory, ticking, name):
        put(tmp_path, "b")
        (tmp_path / name).unlink()
        assert kids(look(directory, ticking)) == ["b"]

    def test_of_a_role_counts(self, tmp_path, directory, ticking):
        put(tmp_path, "a", retire_after=NOW - DAY)
        assert kids(look(directory, ticking)) == []

    def test_a_file_is_read_once_while_it_stays(self, tmp_path, directory, ticking):
        put(tmp_path, "b")
        with mock.patch.object(files, "read", wraps=files.read) as read:
            ring = look(directory, ticking)
            assert look(directory, ticking) is ring
        read.assert_called_once_with(tmp_path, "b")


@pytest.fixture
def hanging(directory):
    """Within `with hanging() as answer:` the disk is silent, until `answer()`; `hanging.begun` once it is asked."""

    class Disk:
        begun, free = threading.Event(), threading.Event()

        def stamps(self, folder):
            self.begun.set()
            assert self.free.wait(10)
            return real(folder)

        @contextmanager
        def __call__(self):
            with mock.patch.object(files, "stamps", self.stamps):
                yield self.free.set
            self.free.set()
            wait_until(lambda: directory._under_way is None)

    real, disk = files.stamps, Disk()
    with mock.patch.object(key_directory, "PATIENCE", 0.1):
        yield disk


class TestHangingDisk:
    def test_nobody_waits_for_a_look_that_is_in_time(self, tmp_path, directory, ticking, hanging):
        put(tmp_path, "b")
        ticking.now += 3.9
        with hanging() as answer, mock.patch.object(key_directory, "PATIENCE", 60):
            assert kids(directory.ring()) == ["a"]
            assert hanging.begun.wait(10)
            assert kids(directory.ring()) == ["a"]
            answer()
            wait_until(lambda: kids(directory.ring()) == ["a", "b"])

    def test_after_a_long_rest_all_wait(self, tmp_path, directory, ticking, hanging):
        """What was read hours ago may have a key that has leaked since."""
        (tmp_path / "a.pem").unlink()
        ticking.now += 3600
        with (
            hanging() as answer,
            mock.patch.object(key_directory, "PATIENCE", 60),
            ThreadPoolExecutor(3) as pool,
        ):
            found = [pool.submit(lambda: kids(directory.ring())) for _ in range(3)]
            assert hanging.begun.wait(10)
            answer()
            assert [each.result(10) for each in found] == [[], [], []]

    def test_one_waits_in_vain_and_nobody_after_it(self, directory, ticking, hanging, caplog):
        ticking.now += 3600
        with hanging() as answer:
            assert kids(directory.ring()) == ["a"]
            with mock.patch.object(key_directory, "PATIENCE", 60):
                for _ in range(3):
                    ticking.now += 10
                    assert kids(directory.ring()) == ["a"]
                    assert directory.ring().verifying("forged", MOMENT) == ()
            assert [thread.daemon for thread in threads_that_look()] == [True], "one, and the process may end"
            assert [record.levelname for record in caplog.records] == ["ERROR"]
            answer()

    def test_who_waits_beside_one_that_gives_up_waits_no_longer(self, directory, ticking, hanging):
        ticking.now += 3600
        with hanging(), ThreadPoolExecutor(1) as pool:
            with mock.patch.object(key_directory, "PATIENCE", 60):
                long = pool.submit(directory.ring)
                assert hanging.begun.wait(10)
            directory.ring()
            assert long.result(10)

    def test_it_is_followed_again_once_it_answers(self, tmp_path, directory, ticking, hanging, caplog):
        caplog.set_level(logging.INFO, "rest_framework_simplejwt")
        ticking.now += 3600
        with hanging() as answer:
            directory.ring()
            put(tmp_path, "b")
            answer()
            wait_until(lambda: kids(directory.ring()) == ["a", "b"])
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]

    def test_a_process_that_can_start_no_thread_looks_without_one(self, tmp_path, directory, ticking):
        (tmp_path / "a.pem").unlink()
        for kid in "bc":
            put(tmp_path, kid)
            ticking.now += 2
            with mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread")):
                assert kids(directory.ring())[-1] == kid
        assert kids(look(directory, ticking)) == ["b", "c"], "and with one as soon as it can"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
class TestAfterAFork:
    def test_a_look_and_a_lock_that_stayed_in_the_parent_hold_nobody(self, tmp_path, directory, ticking, hanging):
        (tmp_path / "a.pem").unlink()
        ticking.now += 2
        real = files.stamps
        with hanging():
            directory.ring()
            assert hanging.begun.wait(10)

            def in_the_child():
                files.stamps = real
                ticking.now += 2
                with mock.patch.object(key_directory, "PATIENCE", 60):
                    return kids(directory.ring()) == []

            with directory._lock:
                assert in_a_child(in_the_child)

    def test_the_lock_is_new(self, directory):
        with directory._lock:
            forks.begin_anew()
            assert not directory._lock.locked()


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


def circle(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def pipe(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def folder(path):
    path.unlink(missing_ok=True)
    path.mkdir()


def huge(path):
    with path.open("wb") as file:
        file.truncate(2**40)


def half(path):
    path.write_bytes(b"-----BEGIN")


class TestFault:
    @pytest.fixture(autouse=True)
    def _every_level(self, caplog):
        caplog.set_level(logging.INFO, "rest_framework_simplejwt")
        caplog.handler.setLevel(logging.INFO)

    def see(self, directory, ticking):
        return kids(look(directory, ticking))

    @pytest.mark.parametrize("suffix", [".pem", ".json"])
    @pytest.mark.parametrize("spoil", [circle, pipe, folder, huge, half])
    def test_of_one_file_is_skipped_and_logged_once(self, tmp_path, directory, ticking, caplog, spoil, suffix):
        put(tmp_path, "b")
        spoil(tmp_path / f"b{suffix}")
        for _ in range(3):
            assert self.see(directory, ticking) == ["a"]
        (record,) = caplog.records
        assert record.levelname == "ERROR"
        assert f"b{suffix}" in record.getMessage()
        put(tmp_path, "c")
        (tmp_path / "a.pem").unlink()
        assert self.see(directory, ticking) == ["c"], "the others are followed"

    @pytest.mark.parametrize("suffix", [".pem", ".json"])
    @pytest.mark.parametrize("spoil", [circle, pipe, folder, huge, half])
    def test_of_a_key_that_was_read_leaves_it_as_it_was_until_a_file_is_gone(
        self, tmp_path, directory, ticking, caplog, spoil, suffix
    ):
        """A run of the command as root, say, must log nobody out; a key is withdrawn by `rm`."""
        put(tmp_path, "b")
        spoil(tmp_path / f"a{suffix}")
        assert self.see(directory, ticking) == ["a", "b"]
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        (tmp_path / ("a.json" if suffix == ".pem" else "a.pem")).unlink()
        assert self.see(directory, ticking) == ["b"]

    @pytest.mark.parametrize("suffix", [".pem", ".json"])
    @pytest.mark.parametrize("spoil", [circle, pipe, folder])
    def test_of_a_file_that_is_alone_is_logged_too(self, tmp_path, directory, ticking, caplog, spoil, suffix):
        spoil(tmp_path / f"b{suffix}")
        assert self.see(directory, ticking) == ["a"]
        assert f"b{suffix}: " in caplog.text

    def test_of_a_name_that_is_no_text_can_be_logged(self, tmp_path, directory, ticking, caplog):
        name = os.fsdecode(b"b\xff")
        put(tmp_path, name)
        assert self.see(directory, ticking) == ["a"]
        assert r"b\xff.pem" in caplog.text
        assert caplog.text.encode()

    def test_each_is_logged_when_it_begins_and_when_it_is_over(self, tmp_path, directory, ticking, caplog):
        for kid in "bc":
            put(tmp_path, kid, material=b"junk")
            self.see(directory, ticking)
        put(tmp_path, "b")
        self.see(directory, ticking)
        (tmp_path / "c.pem").unlink()
        self.see(directory, ticking)
        assert [(record.levelname, record.getMessage()[:17]) for record in caplog.records] == [
            ("ERROR", "The signing key b"),
            ("ERROR", "The signing key c"),
            ("INFO", "The signing key b"),
            ("INFO", "The signing key c"),
        ]
        assert directory.faults == []

    def test_a_file_that_is_deleted_while_it_is_read_is_no_fault(self, tmp_path, directory, ticking, caplog):
        put(tmp_path, "b")
        stamps = files.stamps(tmp_path)
        for file in [*tmp_path.glob("b.*"), tmp_path / "a.pem"]:
            file.unlink()
        put(tmp_path, "a", accepts_no_kid=True)
        with mock.patch.object(files, "stamps", return_value=stamps):
            assert self.see(directory, ticking) == ["a"]
        assert caplog.records == []

    @pytest.mark.parametrize("error", [PermissionError, FileNotFoundError, OSError(errno.ESTALE, "Stale file handle")])
    def test_a_directory_that_can_not_be_listed_changes_nothing(self, directory, ticking, caplog, error):
        with mock.patch.object(files, "stamps", side_effect=error):
            for _ in range(2):
                assert self.see(directory, ticking) == ["a"]
        assert len(directory.faults) == 1
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        self.see(directory, ticking)
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]

    def test_the_last_key_may_be_taken_away_too(self, tmp_path, directory, ticking, caplog):
        (tmp_path / "a.pem").unlink()
        for _ in range(2):
            assert self.see(directory, ticking) == []
        put(tmp_path, "b")
        assert self.see(directory, ticking) == ["b"]
        assert [record.getMessage().partition(str(tmp_path))[2] for record in caplog.records] == [
            " has no key in it; none of its keys signs or verifies",
            " has keys again",
        ]

    def test_what_was_forbidden_is_read_once_it_is_allowed(self, tmp_path, directory, ticking):
        """chmod changes neither the size nor the time of a file."""
        put(tmp_path, "b")
        with mock.patch.object(files, "open", side_effect=PermissionError, create=True):
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
        state.token_backend.ring.__self__._looked -= 4
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
            state.get_ring_source()
