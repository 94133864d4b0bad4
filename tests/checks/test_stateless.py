"""`manage.py check` where nothing is kept and tokens are only verified."""

import os
import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.needs("bare"), pytest.mark.once]


def test_a_service_that_only_verifies_passes():
    command = [sys.executable, "-W", "error", "-m", "django", "check"]
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.checks.stateless", "PYTHONPATH": "."}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # A view that issues tokens is mounted, and has no key to sign with.
    assert set(re.findall(r"simplejwt\.(\w+)", done.stderr)) == {"W026", "I001"}
