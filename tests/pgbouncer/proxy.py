"""Runs pgbouncer in front of a PostgreSQL server, with ``pool_mode = transaction``."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

CONFIG = """
[databases]
* = host={host} port={port} user={user} {password_option}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
server_idle_timeout = {idle}
"""


@contextmanager
def pgbouncer(url, *, size, idle=0.2):
    """Run pgbouncer and yield the URL that leads to the database ``url`` through it.

    It opens at most ``size`` server connections for each database, and closes an unused one after ``idle`` seconds, so
    that a test run can drop its database.
    """
    server = urlsplit(url)
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        password_option = f"password={server.password}" if server.password else ""
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(
            CONFIG.format(
                host=server.hostname,
                port=server.port or 5432,
                user=server.username,
                password_option=password_option,
                listen_port=port,
                size=size,
                idle=idle,
            )
        )
        Path(folder).chmod(0o755)
        # pgbouncer does not run as root.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen([executable(), "-q", *user, str(config)])
        try:
            _wait_for(port)
            yield server._replace(netloc=f"{server.username}@127.0.0.1:{port}").geturl()
        finally:
            process.terminate()
            process.wait(10)


def executable():
    """Return the path of pgbouncer, or ``None``. Debian installs it where only root's ``PATH`` leads."""
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def _wait_for(port):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("pgbouncer does not answer")
