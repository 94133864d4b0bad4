"""The comparison of signatures finds every way in which a call that fits the published package would fail."""

import pytest

from tests.surface.compare import find_call_problem
from tests.surface.describe import signature

# One project is enough: the comparison does not depend on settings.
pytestmark = pytest.mark.needs("full")


def problem(theirs, ours):
    return find_call_problem(signature(theirs), signature(ours))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (lambda a, b=1: 0, lambda a, b=1: 0),
        (lambda a: 0, lambda a, b=1, *, c=2: 0),
        (lambda a, *, b: 0, lambda a, b: 0),
        (lambda a, *, b=1: 0, lambda a, **more: 0),
        (lambda a, b: 0, lambda *places, **names: 0),
        (lambda a: 0, lambda a=1: 0),
    ],
)
def test_a_signature_that_accepts_every_published_call_is_no_difference(theirs, ours):
    assert problem(theirs, ours) == ""


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        (lambda a: 0, lambda b: 0, "parameter 1: 'a' there, 'b' here"),
        (lambda a, b: 0, lambda b, a: 0, "parameter 1: 'a' there, 'b' here"),
        (lambda a: 0, lambda a, /: 0, "parameter 1: 'a' there, 'a' here"),
        (lambda a, b: 0, lambda a: 0, "'b' can't be given by position"),
        (lambda a, b=1: 0, lambda a, b=2: 0, "parameter 2: b=1 there, 2 here"),
        (lambda a=1: 0, lambda a: 0, "parameter 1: a=1 there, required here"),
        (lambda a: 0, lambda a, b: 0, "also requires b"),
        (lambda a: 0, lambda a, *, b: 0, "also requires b"),
        (lambda *, a: 0, lambda: 0, "no 'a'"),
        (lambda *, a=1: 0, lambda *, a: 0, "a=1 there, required here"),
        (lambda a, *more: 0, lambda a: 0, "no *more"),
        (lambda a, **more: 0, lambda a: 0, "no *more"),
    ],
)
def test_a_published_call_that_would_fail_is_reported(theirs, ours, expected):
    assert problem(theirs, ours) == expected
