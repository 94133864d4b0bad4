"""`python -m tests.fuzz`: as many executions as asked for, or as fit into the time; exit 1 at the first finding."""

import argparse
import os
import sys
import time
import traceback

import django
from django.test.utils import get_runner, setup_test_environment


def main():
    options = parsed()
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
        sound = [
            fuzz("decode", targets.decode, inputs.token, options.decode, options.seconds),
            fuzz("authenticate", targets.authenticate, inputs.header, options.authenticate, options.seconds),
        ]
    finally:
        runner.teardown_databases(databases)
    sys.exit(not all(sound))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decode", type=int, default=50_000, help="executions")
    parser.add_argument("--authenticate", type=int, default=10_000, help="executions")
    parser.add_argument("--seconds", type=float, default=30, help="for each of the two, at the most")
    parser.add_argument("--seed", type=int, default=time.time_ns())
    return parser.parse_args()


def fuzz(name, target, make, executions, seconds):
    """Whether nothing was found."""
    started, accepted, done = time.monotonic(), 0, 0
    while done < executions and time.monotonic() - started < seconds:
        data = make()
        try:
            accepted += target(data)
        except Exception:  # noqa: BLE001  # whatever is raised is the finding
            traceback.print_exc()
            print(f"{name}: found by {data!r}")
            return False
        done += 1
    print(f"{name}: {done} executions, {accepted} accepted, 0 findings, {time.monotonic() - started:.0f} s")
    return True


if __name__ == "__main__":
    main()
