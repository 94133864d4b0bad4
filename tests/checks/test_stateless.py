"""`manage.py check` in a service that only verifies tokens, without a database."""

import os
import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.needs("bare"), pytest.mark.once]


def test_a_service_that_only_verifies_tokens_passes_the_checks():
    command = [sys.executable, "-W", "error", "-m", "django", "check"]
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.checks.stateless", "PYTHONPATH": "."}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # A refresh view is in the URLs, and there is no key to sign with.
    assert set(re.findall(r"simplejwt\.(\w+)", done.stderr)) == {"W026", "I001"}
