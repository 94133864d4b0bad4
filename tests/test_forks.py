"""A forked child does not wait for a lock that a thread of the parent holds."""

import os
import threading
from pathlib import Path
from unittest import mock

import pytest

import rest_framework_simplejwt
from rest_framework_simplejwt.backends import TokenBackend
from tests.forking import succeeds_in_child

pytestmark = [
    pytest.mark.needs("bare"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
]


def test_a_child_parses_a_key_while_a_thread_of_the_parent_is_parsing_one():
    started, finish = threading.Event(), threading.Event()

    def prepare_slowly(backend, key):
        started.set()
        assert finish.wait(10)
        return b"key"

    with mock.patch.object(TokenBackend, "_prepare_key", prepare_slowly):
        thread = threading.Thread(target=lambda: TokenBackend("HS256", "key").prepared_signing_key)
        thread.start()
        assert started.wait(10)

    assert succeeds_in_child(lambda: TokenBackend("HS256", "k" * 32).encode({}))
    finish.set()
    thread.join()


def test_no_module_uses_the_cached_property_of_functools():
    """Before Python 3.12 it has one lock for all instances. Django's has none."""
    source = Path(rest_framework_simplejwt.__file__).parent
    assert [path.name for path in source.rglob("*.py") if "functools import cached_property" in path.read_text()] == []
