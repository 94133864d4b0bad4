from dataclasses import replace
from datetime import timedelta

import pytest

from rest_framework_simplejwt.keys.files import Metadata
from rest_framework_simplejwt.keys.schedule import plan_rotation
from tests.signing_keys import DAY, NOW

pytestmark = pytest.mark.needs("bare")

HOUR = timedelta(hours=1)


def plan(*known, now=NOW, kid="new", publish_for=HOUR, lifetime=DAY):
    return plan_rotation(known, kid=kid, algorithm="ES256", now=now, publish_for=publish_for, lifetime=lifetime)


def key(kid, not_before=None, retire_after=None):
    return Metadata(kid, "ES256", not_before=not_before, retire_after=retire_after)


def roles(plan):
    return {key.kid: (key.not_before, key.retire_after) for key in plan.keys}


def test_the_first_key_is_active_at_once():
    first = plan(now=NOW + timedelta(microseconds=5))
    assert first.keys == (first.new,)
    assert first.new == Metadata("new", "ES256", created_at=NOW, not_before=NOW)


def test_the_next_key_is_published_first_and_the_old_one_retires_after_its_last_token():
    next_one = plan(key("a"))
    assert roles(next_one) == {"a": (None, NOW + HOUR + DAY), "new": (NOW + HOUR, None)}
    assert next_one.new.created_at == NOW
    assert next_one.next_key == next_one.new
    assert [changed.kid for changed in next_one.changed] == ["a"]


def test_rounding_to_seconds_does_not_shorten_the_publication():
    assert plan(key("a"), now=NOW + timedelta(microseconds=1)).new.not_before == NOW + HOUR + timedelta(seconds=1)


def test_without_publication_the_next_key_becomes_active_after_the_signing_key():
    assert plan(key("a"), publish_for=timedelta(0)).new.not_before == NOW
    assert plan(key("a", NOW), publish_for=timedelta(0)).new.not_before == NOW + timedelta(seconds=1)


@pytest.mark.parametrize("after", [timedelta(0), timedelta(seconds=3599)])
def test_while_a_next_key_is_published_nothing_changes(after):
    first = plan(key("a"))
    again = plan(*first.keys, now=NOW + after, kid="another")
    assert (again.new, again.changed, again.retired) == (None, (), ())
    assert again.keys == first.keys
    assert again.next_key == first.new


def test_once_the_next_key_is_active_another_one_is_made():
    first = plan(key("a"))
    second = plan(*first.keys, now=NOW + HOUR, kid="newer")
    assert roles(second) == {
        "a": (None, NOW + HOUR + DAY),
        "new": (NOW + HOUR, NOW + HOUR + HOUR + DAY),
        "newer": (NOW + HOUR + HOUR, None),
    }


def test_retired_keys_are_deleted():
    first = plan(key("a"))
    later = plan(*first.keys, now=NOW + HOUR + DAY, kid="newer")
    assert [retired.kid for retired in later.retired] == ["a"]
    assert set(roles(later)) == {"new", "newer"}
    assert plan(*first.keys, now=NOW + HOUR + DAY - timedelta(seconds=1)).retired == ()


def test_retired_keys_are_deleted_while_a_next_key_is_published():
    later = plan(key("a", None, NOW), key("b"), key("c", NOW + HOUR))
    assert [retired.kid for retired in later.retired] == ["a"]
    assert later.new is None


def test_a_run_that_was_interrupted_after_writing_the_next_key_is_completed():
    first = plan(key("a"))
    completed = plan(key("a"), first.new, kid="another")
    assert completed.keys == first.keys
    assert [changed.kid for changed in completed.changed] == ["a"]


def test_a_longer_lifetime_postpones_the_retirement_of_the_signing_key():
    first = plan(key("a"))
    assert roles(plan(*first.keys, lifetime=2 * DAY))["a"] == (None, NOW + HOUR + 2 * DAY)
    assert roles(plan(*first.keys, lifetime=HOUR))["a"] == (None, NOW + HOUR + DAY)


def test_if_the_signing_key_was_deleted_the_next_key_becomes_active_at_once():
    next_key = plan(key("a")).new
    assert roles(plan(next_key, kid="another")) == {"new": (NOW, None)}


def test_if_no_key_is_left_a_new_one_is_active_at_once():
    assert roles(plan(key("a", None, NOW - DAY))) == {"new": (NOW, None)}


def test_a_key_that_signs_again_after_a_newer_one_was_deleted_retires_after_its_last_token():
    assert roles(plan(key("a", None, NOW + HOUR)))["a"] == (None, NOW + HOUR + DAY)


def test_older_keys_without_a_retirement_retire_once_their_tokens_have_expired():
    by_hand = plan(key("a", NOW - 2 * DAY), key("b", NOW - DAY), key("c", NOW - 3 * DAY, NOW + HOUR))
    assert roles(by_hand)["a"] == (NOW - 2 * DAY, NOW + DAY)
    assert roles(by_hand)["c"] == (NOW - 3 * DAY, NOW + HOUR), "as its metadata say"
    again = plan(*by_hand.keys, now=NOW + HOUR / 2)
    assert again.changed == ()


def test_of_two_keys_that_became_active_at_once_the_first_signs_as_in_the_ring():
    both = plan(key("b"), key("a"))
    assert roles(both)["a"] == (None, NOW + HOUR + DAY)
    assert roles(both)["b"] == (None, NOW + DAY)


def test_events_are_ordered_by_time():
    first = plan(replace(key("a"), created_at=NOW - DAY, not_before=NOW - DAY))
    assert list(first.events()) == [
        (NOW - DAY, "a", "is published"),
        (NOW - DAY, "a", "becomes active"),
        (NOW, "new", "is published"),
        (NOW + HOUR, "new", "becomes active"),
        (NOW + HOUR + DAY, "a", "retires"),
    ]
