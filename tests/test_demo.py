"""The demo as a newcomer runs it: a process of its own, by its output and its exit code."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit

import httpx
import pytest

# One project is enough, and one run of it: the demo brings its own.
pytestmark = [pytest.mark.needs("full"), pytest.mark.once]

SOURCE = Path(__file__).parent.parent / "demo"
SECONDS = 20

WHOLE_TOKEN = re.compile(r"[\w-]{20,}\.[\w-]{20,}")
SHORT_TOKEN = re.compile(r"eyJhbGciOi…[\w-]{4}\b")
TITLES = [
    "Log in: a password returns a pair of tokens.",
    "Request a protected view with the access token.",
    "Without a token the request is refused.",
    "Change the user_id in the access token: the signature is no longer valid.",
    "A refresh token does not authenticate a request.",
    "Refresh: the refresh token returns a new pair.",
    "Replay within the grace period, as after a lost response: the same refresh token is returned.",
    "Request the view with the new access token.",
    "Reuse the old refresh token, as a thief would: it is refused, and its family is revoked.",
    "The newest refresh token is refused too.",
    "The newest access token is refused too.",
    "Log in again: a new family starts.",
    "Verify the new refresh token: it is valid.",
    "Log out: the refresh token is revoked.",
    "Refresh with the revoked token: it is refused.",
    "Verify the revoked token: it is refused.",
    "Delete the records of refresh tokens that have expired.",
    "Delete the record of their family, which has expired too.",
]

# What would choose another project, or colours, for the demo.
NOT_INHERITED = {
    "DJANGO_SETTINGS_MODULE",
    "DEMO_DATABASE",
    "DEMO_SECRET_KEY",
    "DEMO_SIGNING_KEY",
    "FORCE_COLOR",
    "TTY_COMPATIBLE",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A copy of the demo, away from the checkout: it stands on the installed package alone."""
    return shutil.copytree(
        SOURCE,
        tmp_path_factory.mktemp("elsewhere") / "demo",
        ignore=shutil.ignore_patterns("*.sqlite3*", "__pycache__"),
    )


@pytest.fixture
def command(demo, tmp_path):
    """What ``subprocess`` needs to run the copy from another directory."""

    def arguments(*options, **environment):
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        return {
            "args": [sys.executable, str(demo / "manage.py"), "quickstart", *options],
            "env": {**inherited, "PYTHONIOENCODING": "utf-8", **environment},
            "cwd": tmp_path,
            "encoding": "utf-8",
        }

    return arguments


@pytest.fixture
def quickstart(command):
    return lambda *options, **environment: subprocess.run(
        **command(*options, **environment), capture_output=True, timeout=SECONDS, check=False
    )


def test_a_deployment_would_be_clean(command):
    # A deployment hands its key to each process; by itself the demo makes one for a run, which W041 reports.
    arguments = command(DEMO_SIGNING_KEY="a key for the demo that is long enough for each algorithm of HMAC: 64 bytes")
    arguments["args"] = [*arguments["args"][:2], "check", "--deploy", "--fail-level", "WARNING"]
    checked = subprocess.run(**arguments, capture_output=True, timeout=SECONDS, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.fixture
def serving(command, tmp_path):
    """`with serving() as (process, facts)`: a quickstart that has told its story, and what it printed of its server."""

    @contextmanager
    def started():
        arguments = command("--serve", DEMO_DATABASE=str(tmp_path / "served.sqlite3"))
        with subprocess.Popen(**arguments, stdout=subprocess.PIPE) as process:
            # Killed, it ends its output too, and the test goes on to fail.
            deadline = Timer(SECONDS, process.kill)
            deadline.start()
            try:
                yield process, server_facts(process.stdout)
            finally:
                deadline.cancel()
                process.kill()

    return started


def server_facts(output):
    lines = []
    for line in output:
        lines.append(line)
        if line.startswith("The server runs until Ctrl-C."):
            break
    return dict(re.findall(r"^([\w ]+): +(\S+)$", "".join(lines), re.MULTILINE))


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def execute(database, statement):
    with closing(sqlite3.connect(database)) as connection, connection:
        return connection.execute(statement).fetchall()


def test_a_run_takes_every_step_and_a_second_one_starts_clean(quickstart, demo):
    first = quickstart()

    assert (first.returncode, first.stderr) == (0, "")
    assert re.findall(r"^ ?(\d+)\. (.+)$", first.stdout, re.MULTILINE) == [
        (str(number), title) for number, title in enumerate(TITLES, start=1)
    ]
    assert first.stdout.endswith("\n18 steps, all as expected.\n")
    execute(demo / "demo.sqlite3", "UPDATE auth_user SET username = 'left over'")

    second = quickstart()

    assert (second.returncode, second.stderr) == (0, "")
    assert execute(demo / "demo.sqlite3", "SELECT username FROM auth_user") == [("alice",)]
    for output in (first.stdout, second.stdout):
        assert "\x1b" not in output
        assert SHORT_TOKEN.search(output)
        assert not WHOLE_TOKEN.search(output)


@pytest.mark.parametrize(
    ("setting", "deviation"),
    [
        pytest.param(
            "BLACKLIST_AFTER_ROTATION",
            r"Step 7 \(Replay within the grace period, .+\): "
            r"expected the same refresh token, and 2 on record, got another refresh token, and 3 on record",
            id="a second lineage",
        ),
        pytest.param(
            "TOKEN_FAMILY_BLACKLIST_ON_REUSE",
            r"Step 10 \(The newest refresh token is refused too\.\): "
            r'expected 401 \{"code": "token_not_valid", "detail": "Token family is blacklisted"\}, '
            r'got 200 \{"access": "eyJhbGciOi….{4}", "refresh": "eyJhbGciOi….{4}"\}',
            id="no alarm",
        ),
    ],
)
def test_a_careless_server_fails_the_run(quickstart, tmp_path, setting, deviation):
    (tmp_path / "careless.py").write_text(
        f"from config.settings import *\nSIMPLE_JWT = {{**SIMPLE_JWT, {setting!r}: False}}\n"
    )

    run = quickstart(
        DJANGO_SETTINGS_MODULE="careless", PYTHONPATH=str(tmp_path), DEMO_DATABASE=str(tmp_path / "careless.sqlite3")
    )

    assert run.returncode == 1
    # What comes before are the system checks, which find it careless too.
    assert re.fullmatch(f"CommandError: {deviation}", run.stderr.splitlines()[-1])
    assert "all as expected" not in run.stdout
    assert not WHOLE_TOKEN.search(run.stdout)


@pytest.mark.parametrize("content", [b"my thesis", b"SQLite format 3\0" + bytes(84)], ids=["text", "sqlite"])
def test_a_database_file_that_is_not_the_demos_stays(quickstart, tmp_path, content):
    (tmp_path / "mine").write_bytes(content)
    (tmp_path / "mine-wal").write_bytes(content)

    run = quickstart(DEMO_DATABASE="mine")

    assert run.returncode == 1
    assert run.stderr == (
        f"CommandError: {tmp_path / 'mine'} was not made by this demo, so it stays; "
        "name another file in DEMO_DATABASE.\n"
    )
    assert [(tmp_path / name).read_bytes() for name in ("mine", "mine-wal")] == [content, content]


def test_serve_keeps_the_server_for_people_until_ctrl_c(serving):
    with serving() as (process, facts):
        port = urlsplit(facts["Admin"]).port
        credentials = {"username": facts["Login"], "password": facts["Password"]}
        with httpx.Client(trust_env=False, follow_redirects=True) as browser:
            assert browser.get(facts["Browsable API"]).status_code == 401
            access = browser.post(facts["Token endpoint"], json=credentials).json()["access"]
            answer = browser.get(facts["Browsable API"], headers={"Authorization": f"Bearer {access}"})
            assert answer.json() == {"username": "admin", "authenticated_by": "JWTAuthentication"}

            login_page = browser.get(facts["Admin"])
            form = {**credentials, "csrfmiddlewaretoken": browser.cookies["csrftoken"], "next": "/admin/"}
            index = browser.post(login_page.url, data=form)
            assert "/admin/token_family/tokenfamily/" in index.text
            page = browser.get(facts["Browsable API"], headers={"Accept": "text/html"})
            assert "SessionAuthentication" in page.text
            for stylesheet in re.findall(r'href="(/static/[^"]+\.css)"', login_page.text + page.text):
                assert browser.get(f"http://127.0.0.1:{port}{stylesheet}").status_code == 200

        process.send_signal(signal.SIGINT)

        assert process.wait(SECONDS) == 0
        assert not is_open(port)


def test_the_server_does_not_outlive_a_quickstart_that_is_killed(serving):
    with serving() as (process, facts):
        port = urlsplit(facts["Admin"]).port
        assert is_open(port)

        process.kill()
        process.wait(SECONDS)

        deadline = time.monotonic() + SECONDS
        while is_open(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_open(port)
