"""Keys rotate under load, and nobody is refused."""

import time

from .service import Clients, manage, serving

REQUESTS = 20_000
ROTATIONS = 3
# Longer than it takes a process to look, shorter than a token lives.
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
    manage("rotatesigningkeys", folder=folder)
    deleted = 0
    with serving(folder) as port:
        clients = Clients(port)
        with clients.at_work(threads=6):
            wait(clients, lambda: clients.kids, until)
            for rotation in range(1, ROTATIONS + 1):
                told = manage("rotatesigningkeys", "--publish-for", str(PUBLISH_FOR), folder=folder)
                assert "New: " in told
                deleted += told.count("Deleted")
                wait(clients, lambda signed=rotation: len(clients.kids) > signed, until)
            # The tokens of the last key but one, to their end.
            switched = time.monotonic()
            wait(clients, lambda: clients.count() >= REQUESTS and time.monotonic() > switched + 11, until)
            deleted += manage("rotatesigningkeys", "--publish-for", "3600", folder=folder).count("Deleted")
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
