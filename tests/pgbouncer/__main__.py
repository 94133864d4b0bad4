"""``python -m tests.pgbouncer COMMAND ...`` runs a command with a ``DATABASE_URL`` that leads through pgbouncer."""

import os
import subprocess
import sys

from .proxy import pgbouncer

if __name__ == "__main__":
    with pgbouncer(os.environ["DATABASE_URL"], size=40) as url:
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, "DATABASE_URL": url}).returncode)
