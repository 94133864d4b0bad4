"""`python -m tests.fuzz`: runs the number of executions, or as many as fit into the time. Exits with 1 at a finding."""

import argparse
import os
import sys
import time
import traceback

import django
from django.test.utils import get_runner, setup_test_environment


def main():
    options = parse_options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.projects.full.settings"
    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from tests.fuzz import targets
    from tests.fuzz.inputs import Inputs

    setup_test_environment(debug=False)
    runner = get_runner(settings)(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        get_user_model().objects.create_user("alice", pk=1)
        inputs = Inputs(options.seed)
        passed = [
            fuzz("decode", targets.decode, inputs.token, options.decode, options.seconds),
            fuzz("authenticate", targets.authenticate, inputs.header, options.authenticate, options.seconds),
        ]
    finally:
        runner.teardown_databases(databases)
    sys.exit(not all(passed))


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decode", type=int, default=50_000, help="executions")
    parser.add_argument("--authenticate", type=int, default=10_000, help="executions")
    parser.add_argument("--seconds", type=float, default=30, help="maximum for each of the two")
    parser.add_argument("--seed", type=int, default=time.time_ns())
    return parser.parse_args()


def fuzz(name, target, make, executions, seconds):
    """Runs `target` on generated inputs. Returns True if it found nothing, and prints what it found."""
    started, accepted, done = time.monotonic(), 0, 0
    while done < executions and time.monotonic() - started < seconds:
        data = make()
        try:
            accepted += target(data)
        except Exception:  # noqa: BLE001  # every exception is a finding
            traceback.print_exc()
            print(f"{name}: found by {data!r}")
            return False
        done += 1
    print(f"{name}: {done} executions, {accepted} accepted, 0 findings, {time.monotonic() - started:.0f} s")
    return True


if __name__ == "__main__":
    main()
