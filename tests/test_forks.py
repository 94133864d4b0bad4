"""No lock that a thread of the parent holds is waited for in a forked child."""

import os
import threading
from pathlib import Path
from unittest import mock

import pytest

import rest_framework_simplejwt
from rest_framework_simplejwt.backends import TokenBackend
from tests.forking import in_a_child

pytestmark = [
    pytest.mark.needs("bare"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
]


def test_a_key_that_the_parent_is_about_to_parse_is_parsed_in_the_child():
    begun, go_on = threading.Event(), threading.Event()

    def slowly(backend, key):
        begun.set()
        assert go_on.wait(10)
        return b"key"

    with mock.patch.object(TokenBackend, "_prepare_key", slowly):
        thread = threading.Thread(target=lambda: TokenBackend("HS256", "key").prepared_signing_key)
        thread.start()
        assert begun.wait(10)

    assert in_a_child(lambda: TokenBackend("HS256", "k" * 32).encode({}))
    go_on.set()
    thread.join()


def test_no_property_has_a_lock_for_all_instances():
    """As that of functools has before Python 3.12; that of Django has none."""
    source = Path(rest_framework_simplejwt.__file__).parent
    assert [path.name for path in source.rglob("*.py") if "functools import cached_property" in path.read_text()] == []
