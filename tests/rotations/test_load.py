"""Keys rotate under load, and no request is refused."""

import time

from .service import Clients, run_command, run_service

REQUESTS = 20_000
ROTATIONS = 3
# Longer than a process takes to read the directory again, shorter than the lifetime of a token.
PUBLISH_FOR = 4
SECONDS = 110


def wait(clients, condition, until):
    while not condition():
        assert clients.refused[:1] == []
        assert time.monotonic() < until, f"{clients.count()} requests, {len(clients.kids)} keys"
        time.sleep(0.05)


def test_no_request_is_refused_while_keys_rotate(tmp_path, capsys):
    folder, start = tmp_path / "keys", time.monotonic()
    until = start + SECONDS
    run_command("rotatesigningkeys", folder=folder)
    deleted = 0
    with run_service(folder) as port:
        clients = Clients(port)
        with clients.running(threads=6):
            wait(clients, lambda: clients.kids, until)
            for rotation in range(1, ROTATIONS + 1):
                output = run_command("rotatesigningkeys", "--publish-for", str(PUBLISH_FOR), folder=folder)
                assert "New key: " in output
                deleted += output.count("Deleted")
                wait(clients, lambda signed=rotation: len(clients.kids) > signed, until)
            # Until the tokens of the previous key have expired.
            switched = time.monotonic()
            wait(clients, lambda: clients.count() >= REQUESTS and time.monotonic() > switched + 11, until)
            deleted += run_command("rotatesigningkeys", "--publish-for", "3600", folder=folder).count("Deleted")
            asked = clients.count()
            wait(clients, lambda: clients.count() >= asked + 500, until)
    seconds = time.monotonic() - start
    with capsys.disabled():
        print(
            f"\n{clients.count()} requests in {seconds:.0f} s, {clients.older} of them with older tokens: "
            f"{len(clients.refused)} refused; {len(clients.kids)} keys signed, {deleted} retired and were deleted"
        )
    assert clients.refused == []
    assert set(clients.answers) == {200}
    assert clients.count() >= REQUESTS
    assert len(clients.kids) == ROTATIONS + 1
    assert deleted == ROTATIONS
