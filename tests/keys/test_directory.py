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
from tests.forking import succeeds_in_child
from tests.signing_keys import DAY, NOW, pem, put

pytestmark = pytest.mark.needs("bare")

TIME = NOW.timestamp()


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def directory(tmp_path, clock):
    """With the key `a`."""
    put(tmp_path, "a")
    return KeyDirectory(tmp_path, now=clock)


def wait_until(condition):
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def scan_threads():
    return [thread for thread in threading.enumerate() if thread.name == "simplejwt-key-directory"]


def header(text):
    return jws.decode_object(text.partition(".")[0].encode())


def scanned(directory, clock):
    """The ring after another scan."""
    clock.now += 4
    return directory.ring()


def kids(ring):
    return [key.kid for key in ring.published_keys(TIME)]


@pytest.fixture
def scans():
    """The number of scans since."""
    with mock.patch.object(files, "list_stamps", wraps=files.list_stamps) as list_stamps:
        yield lambda: list_stamps.call_count


class TestRing:
    def test_has_the_keys_of_the_files(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", not_before=NOW)
        ring = KeyDirectory(tmp_path).ring()
        assert kids(ring) == ["a", "b"]
        assert ring.signing_key(TIME - 1).kid == "a"
        assert ring.signing_key(TIME).kid == "b"

    def test_has_the_verifying_keys_too(self, tmp_path):
        put(tmp_path, "a")
        other = read_key({"kid": "b", "algorithm": "ES256", "key": pem("b")}, signs=False)
        ring = KeyDirectory(str(tmp_path), verifying=[other]).ring()
        assert ring.verifying_keys("b", TIME) == (other,)
        assert ring.signing_key(TIME).kid == "a"

    def test_a_kid_that_is_in_both_means_the_key_in_the_directory(self, tmp_path, directory, clock):
        """As during a roll-out of the directory, one machine after the other."""
        other = read_key({"kid": "a", "algorithm": "ES256", "key": pem("b")}, signs=False)
        directory = KeyDirectory(tmp_path, verifying=[other], now=clock)
        (found,) = directory.ring().verifying_keys("a", TIME)
        assert found.can_sign
        assert kids(directory.ring()) == ["a"]
        (tmp_path / "a.pem").unlink()
        assert scanned(directory, clock).verifying_keys("a", TIME) == (other,), "the settings still have it"

    def test_a_kid_that_is_later_in_both_is_no_fault(self, tmp_path, clock):
        put(tmp_path, "a")
        other = read_key({"kid": "b", "algorithm": "ES256", "key": pem("b")}, signs=False)
        directory = KeyDirectory(tmp_path, verifying=[other], now=clock)
        put(tmp_path, "b")
        (tmp_path / "a.pem").unlink()
        assert [key.can_sign for key in scanned(directory, clock).published_keys(TIME)] == [True]
        assert directory.faults == []

    def test_two_verifying_keys_with_the_same_kid_are_an_error(self, tmp_path):
        put(tmp_path, "a")
        others = [read_key({"kid": "a", "algorithm": "ES256", "key": pem(kid)}, signs=False) for kid in "bc"]
        with pytest.raises(BadKey, match="two keys have the kid 'a'"):
            KeyDirectory(tmp_path, verifying=others)

    def test_one_key_may_have_two_kids(self, tmp_path, directory, clock):
        put(tmp_path, "b", material=pem("a"))
        assert kids(scanned(directory, clock)) == ["a", "b"]

    def test_a_directory_without_a_readable_key_is_an_error(self, tmp_path):
        with pytest.raises(BadKey, match="it contains no key"):
            KeyDirectory(tmp_path)
        with pytest.raises(BadKey, match="No such file"):
            KeyDirectory(tmp_path / "missing")
        put(tmp_path, "a", material=b"junk")
        with pytest.raises(BadKey, match=r"a\.pem"):
            KeyDirectory(tmp_path)

    def test_an_error_at_the_start_is_raised_and_not_logged(self, tmp_path, caplog):
        for path in (tmp_path, tmp_path / "nowhere"):
            with pytest.raises(BadKey):
                KeyDirectory(path)
        assert caplog.records == []

    def test_a_key_that_can_not_be_read_is_skipped(self, tmp_path, caplog):
        put(tmp_path, "a")
        put(tmp_path, "b", material=b"junk")
        directory = KeyDirectory(tmp_path)
        assert kids(directory.ring()) == ["a"]
        assert ["b.pem" in str(fault) for fault in directory.faults] == [True]
        assert [record.levelname for record in caplog.records] == ["ERROR"]


class TestChange:
    def test_is_noticed_after_two_seconds(self, tmp_path, directory, clock, scans):
        put(tmp_path, "b")
        clock.now += 1.9
        assert kids(directory.ring()) == ["a"]
        assert scans() == 0
        clock.now += 0.1
        directory.ring()
        wait_until(lambda: kids(directory.ring()) == ["a", "b"])
        assert scans() == 1

    @pytest.mark.parametrize("name", ["a.pem", "a.json"])
    def test_deleting_either_file_removes_the_key(self, tmp_path, directory, clock, name):
        put(tmp_path, "b")
        (tmp_path / name).unlink()
        assert kids(scanned(directory, clock)) == ["b"]

    def test_of_the_metadata_is_noticed(self, tmp_path, directory, clock):
        put(tmp_path, "a", retire_after=NOW - DAY)
        assert kids(scanned(directory, clock)) == []

    def test_a_file_is_read_again_only_when_it_changes(self, tmp_path, directory, clock):
        put(tmp_path, "b")
        with mock.patch.object(files, "read", wraps=files.read) as read:
            ring = scanned(directory, clock)
            assert scanned(directory, clock) is ring
        read.assert_called_once_with(tmp_path, "b")


@pytest.fixture
def hanging(directory):
    """Within `with hanging() as answer:` no scan ends until `answer()`. Sets `hanging.started` when a scan starts."""

    class Disk:
        started, free = threading.Event(), threading.Event()

        def stamps(self, folder):
            self.started.set()
            assert self.free.wait(10)
            return real(folder)

        @contextmanager
        def __call__(self):
            with mock.patch.object(files, "list_stamps", self.stamps):
                yield self.free.set
            self.free.set()
            wait_until(lambda: directory._running_scan is None)

    real, disk = files.list_stamps, Disk()
    with mock.patch.object(key_directory, "SCAN_TIMEOUT", 0.1):
        yield disk


class TestHangingDisk:
    def test_no_request_waits_for_a_scan_that_starts_in_time(self, tmp_path, directory, clock, hanging):
        put(tmp_path, "b")
        clock.now += 3.9
        with hanging() as answer, mock.patch.object(key_directory, "SCAN_TIMEOUT", 60):
            assert kids(directory.ring()) == ["a"]
            assert hanging.started.wait(10)
            assert kids(directory.ring()) == ["a"]
            answer()
            wait_until(lambda: kids(directory.ring()) == ["a", "b"])

    def test_after_an_idle_time_all_requests_wait(self, tmp_path, directory, clock, hanging):
        """The keys that were read hours ago may include one that has leaked since."""
        (tmp_path / "a.pem").unlink()
        clock.now += 3600
        with (
            hanging() as answer,
            mock.patch.object(key_directory, "SCAN_TIMEOUT", 60),
            ThreadPoolExecutor(3) as pool,
        ):
            found = [pool.submit(lambda: kids(directory.ring())) for _ in range(3)]
            assert hanging.started.wait(10)
            answer()
            assert [each.result(10) for each in found] == [[], [], []]

    def test_one_request_waits_in_vain_and_none_after_it(self, directory, clock, hanging, caplog):
        clock.now += 3600
        with hanging() as answer:
            assert kids(directory.ring()) == ["a"]
            with mock.patch.object(key_directory, "SCAN_TIMEOUT", 60):
                for _ in range(3):
                    clock.now += 10
                    assert kids(directory.ring()) == ["a"]
                    assert directory.ring().verifying_keys("forged", TIME) == ()
            assert [thread.daemon for thread in scan_threads()] == [True], "one, which does not keep the process alive"
            assert [record.levelname for record in caplog.records] == ["ERROR"]
            answer()

    def test_when_one_request_gives_up_the_others_stop_waiting_too(self, directory, clock, hanging):
        clock.now += 3600
        with hanging(), ThreadPoolExecutor(1) as pool:
            with mock.patch.object(key_directory, "SCAN_TIMEOUT", 60):
                long = pool.submit(directory.ring)
                assert hanging.started.wait(10)
            directory.ring()
            assert long.result(10)

    def test_changes_are_noticed_again_once_the_disk_answers(self, tmp_path, directory, clock, hanging, caplog):
        caplog.set_level(logging.INFO, "rest_framework_simplejwt")
        clock.now += 3600
        with hanging() as answer:
            directory.ring()
            put(tmp_path, "b")
            answer()
            wait_until(lambda: kids(directory.ring()) == ["a", "b"])
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]

    def test_a_scan_runs_in_the_request_if_no_thread_can_start(self, tmp_path, directory, clock):
        (tmp_path / "a.pem").unlink()
        for kid in "bc":
            put(tmp_path, kid)
            clock.now += 2
            with mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread")):
                assert kids(directory.ring())[-1] == kid
        assert kids(scanned(directory, clock)) == ["b", "c"], "and in a thread again as soon as one can start"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
class TestAfterAFork:
    def test_the_child_does_not_wait_for_the_scan_and_the_lock_of_the_parent(self, tmp_path, directory, clock, hanging):
        (tmp_path / "a.pem").unlink()
        clock.now += 2
        real = files.list_stamps
        with hanging():
            directory.ring()
            assert hanging.started.wait(10)

            def in_the_child():
                files.list_stamps = real
                clock.now += 2
                with mock.patch.object(key_directory, "SCAN_TIMEOUT", 60):
                    return kids(directory.ring()) == []

            with directory._lock:
                assert succeeds_in_child(in_the_child)

    def test_the_lock_is_replaced(self, directory):
        with directory._lock:
            forks.reset_all()
            assert not directory._lock.locked()


class TestUnknownKid:
    def test_causes_a_scan_at_once(self, tmp_path, directory, clock):
        put(tmp_path, "b")
        clock.now += 1
        (found,) = directory.ring().verifying_keys("b", TIME)
        assert found.kid == "b"

    def test_causes_one_scan_a_second_at_most(self, directory, clock, scans):
        ring = directory.ring()
        for _ in range(10):
            assert ring.verifying_keys("forged", TIME) == ()
        assert scans() == 0, "the directory has just been scanned"
        clock.now += 1
        for _ in range(10):
            assert ring.verifying_keys("forged", TIME) == ()
        assert scans() == 1

    def test_a_known_kid_and_no_kid_cause_no_scan(self, directory, clock, scans):
        ring = directory.ring()
        clock.now += 60
        assert ring.verifying_keys("a", TIME)
        assert ring.verifying_keys(None, TIME) == ()
        assert scans() == 0


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

    def kids_after_scan(self, directory, clock):
        return kids(scanned(directory, clock))

    @pytest.mark.parametrize("suffix", [".pem", ".json"])
    @pytest.mark.parametrize("spoil", [circle, pipe, folder, huge, half])
    def test_in_a_new_key_makes_it_skipped_and_is_logged_once(self, tmp_path, directory, clock, caplog, spoil, suffix):
        put(tmp_path, "b")
        spoil(tmp_path / f"b{suffix}")
        for _ in range(3):
            assert self.kids_after_scan(directory, clock) == ["a"]
        (record,) = caplog.records
        assert record.levelname == "ERROR"
        assert f"b{suffix}" in record.getMessage()
        put(tmp_path, "c")
        (tmp_path / "a.pem").unlink()
        assert self.kids_after_scan(directory, clock) == ["c"], "changes of other keys are noticed"

    @pytest.mark.parametrize("suffix", [".pem", ".json"])
    @pytest.mark.parametrize("spoil", [circle, pipe, folder, huge, half])
    def test_in_a_key_that_was_read_leaves_it_in_use_until_a_file_is_deleted(
        self, tmp_path, directory, clock, caplog, spoil, suffix
    ):
        """The command run as root, say, must not log anyone out. A key is withdrawn with `rm`."""
        put(tmp_path, "b")
        spoil(tmp_path / f"a{suffix}")
        assert self.kids_after_scan(directory, clock) == ["a", "b"]
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        (tmp_path / ("a.json" if suffix == ".pem" else "a.pem")).unlink()
        assert self.kids_after_scan(directory, clock) == ["b"]

    @pytest.mark.parametrize("suffix", [".pem", ".json"])
    @pytest.mark.parametrize("spoil", [circle, pipe, folder])
    def test_in_a_file_without_its_other_half_is_logged(self, tmp_path, directory, clock, caplog, spoil, suffix):
        spoil(tmp_path / f"b{suffix}")
        assert self.kids_after_scan(directory, clock) == ["a"]
        assert f"b{suffix}: " in caplog.text

    def test_in_a_file_whose_name_is_no_text_is_logged(self, tmp_path, directory, clock, caplog):
        name = os.fsdecode(b"b\xff")
        put(tmp_path, name)
        assert self.kids_after_scan(directory, clock) == ["a"]
        assert r"b\xff.pem" in caplog.text
        assert caplog.text.encode()

    def test_is_logged_when_it_starts_and_when_it_ends(self, tmp_path, directory, clock, caplog):
        for kid in "bc":
            put(tmp_path, kid, material=b"junk")
            self.kids_after_scan(directory, clock)
        put(tmp_path, "b")
        self.kids_after_scan(directory, clock)
        (tmp_path / "c.pem").unlink()
        self.kids_after_scan(directory, clock)
        assert [(record.levelname, record.getMessage()[:17]) for record in caplog.records] == [
            ("ERROR", "The signing key b"),
            ("ERROR", "The signing key c"),
            ("INFO", "The signing key b"),
            ("INFO", "The signing key c"),
        ]
        assert directory.faults == []

    def test_a_file_that_is_deleted_during_a_scan_is_no_fault(self, tmp_path, directory, clock, caplog):
        put(tmp_path, "b")
        stamps = files.list_stamps(tmp_path)
        for file in [*tmp_path.glob("b.*"), tmp_path / "a.pem"]:
            file.unlink()
        put(tmp_path, "a", accepts_no_kid=True)
        with mock.patch.object(files, "list_stamps", return_value=stamps):
            assert self.kids_after_scan(directory, clock) == ["a"]
        assert caplog.records == []

    @pytest.mark.parametrize("error", [PermissionError, FileNotFoundError, OSError(errno.ESTALE, "Stale file handle")])
    def test_while_the_directory_can_not_be_listed_all_keys_stay_in_use(self, directory, clock, caplog, error):
        with mock.patch.object(files, "list_stamps", side_effect=error):
            for _ in range(2):
                assert self.kids_after_scan(directory, clock) == ["a"]
        assert len(directory.faults) == 1
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        self.kids_after_scan(directory, clock)
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]

    def test_the_last_key_can_be_withdrawn(self, tmp_path, directory, clock, caplog):
        (tmp_path / "a.pem").unlink()
        for _ in range(2):
            assert self.kids_after_scan(directory, clock) == []
        put(tmp_path, "b")
        assert self.kids_after_scan(directory, clock) == ["b"]
        assert [record.getMessage().partition(str(tmp_path))[2] for record in caplog.records] == [
            " contains no key; no token is signed or verified with a key of it",
            " contains keys again",
        ]

    def test_a_file_is_read_again_once_its_permissions_allow_it(self, tmp_path, directory, clock):
        """chmod changes neither the size nor the modification time of a file."""
        put(tmp_path, "b")
        with mock.patch.object(files, "open", side_effect=PermissionError, create=True):
            assert self.kids_after_scan(directory, clock) == ["a"]
        assert self.kids_after_scan(directory, clock) == ["a", "b"]

    def test_no_part_of_a_key_is_logged(self, tmp_path, directory, clock, caplog):
        (tmp_path / "a.json").write_bytes(pem("a"))
        (tmp_path / "a.pem").write_bytes(pem("b") + b"x" + pem("a")[40:80])
        self.kids_after_scan(directory, clock)
        formatted = "\n".join(logging.Formatter().format(record) for record in caplog.records)
        for line in (pem("a") + pem("b")).decode().splitlines():
            assert "-----" in line or line not in formatted


class TestTokens:
    @pytest.fixture
    def use(self, tmp_path, simple_jwt):
        def using(**others):
            simple_jwt(SIGNING_KEYS_DIR=str(tmp_path), **others)

        return using

    def test_are_signed_with_the_key_that_is_active_now(self, tmp_path, use):
        put(tmp_path, "a")
        put(tmp_path, "next", not_before=datetime.now(timezone.utc) + DAY)
        use()
        text = str(AccessToken())
        assert AccessToken(text)
        assert header(text)["kid"] == "a"
        tomorrow = time.time() + 86_401
        with mock.patch("rest_framework_simplejwt.backends.time.time", lambda: tomorrow):
            assert header(str(AccessToken()))["kid"] == "next"

    def test_signed_with_a_key_that_was_just_added_are_accepted(self, tmp_path, use):
        """By another machine, whose clock is fast."""
        put(tmp_path, "a")
        use()
        state.token_backend.ring.__self__._scanned_at -= 1
        put(tmp_path, "b", not_before=NOW - 365 * DAY)
        elsewhere = TokenBackend("HS256", ring=KeyDirectory(tmp_path).ring)
        text = elsewhere.encode(AccessToken().payload)
        assert header(text)["kid"] == "b"
        assert AccessToken(text)

    def test_signed_with_a_deleted_key_are_refused(self, tmp_path, use):
        put(tmp_path, "a")
        put(tmp_path, "b", not_before=datetime.now(timezone.utc) + DAY)
        use()
        text = str(AccessToken())
        (tmp_path / "a.pem").unlink()
        state.token_backend.ring.__self__._scanned_at -= 4
        with pytest.raises(TokenError):
            AccessToken(text)

    def test_signed_with_a_verifying_key_are_accepted(self, tmp_path, use, settings):
        text = str(AccessToken())
        put(tmp_path, "a")
        use(VERIFYING_KEYS=[{"algorithm": "HS256", "key": settings.SECRET_KEY, "accepts_no_kid": True}])
        assert AccessToken(text)
        assert header(str(AccessToken()))["alg"] == "ES256"

    def test_the_backend_is_not_rebuilt_when_files_change(self, tmp_path, use):
        put(tmp_path, "a")
        use()
        backend = state.token_backend
        put(tmp_path, "b")
        assert state.token_backend is backend

    @pytest.mark.parametrize("path", ["/no/such/directory", 5])
    def test_a_missing_directory_is_improperly_configured(self, simple_jwt, path):
        simple_jwt(SIGNING_KEYS_DIR=path)
        with pytest.raises(ImproperlyConfigured, match="SIGNING_KEYS_DIR"):
            str(AccessToken())

    def test_keys_in_the_settings_too_are_improperly_configured(self, tmp_path, use):
        put(tmp_path, "a")
        use(SIGNING_KEYS=[{"algorithm": "ES256", "key": pem("b")}])
        with pytest.raises(ImproperlyConfigured, match="both"):
            state.get_ring_source()
