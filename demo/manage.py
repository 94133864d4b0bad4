"""Django's command line for the demo, which works in any directory: ``python demo/manage.py quickstart``."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

REQUIRED = {"django", "httpx", "rest_framework", "rest_framework_simplejwt", "rich"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks is printed as "?" instead of raising an error.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except ModuleNotFoundError as error:
        if error.name not in REQUIRED:
            raise
        sys.exit(f"{error}; in a checkout, run: uv run --group demo python demo/manage.py quickstart")


if __name__ == "__main__":
    main()
