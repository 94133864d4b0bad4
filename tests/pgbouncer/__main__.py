"""``python -m tests.pgbouncer COMMAND ...`` runs a command whose ``DATABASE_URL`` is that of a pgbouncer."""

import os
import subprocess
import sys

from .proxy import pgbouncer

if __name__ == "__main__":
    with pgbouncer(os.environ["DATABASE_URL"], size=40) as url:
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, "DATABASE_URL": url}).returncode)
