from dataclasses import replace
from datetime import timedelta

import pytest

from rest_framework_simplejwt.keys.files import Metadata
from rest_framework_simplejwt.keys.schedule import plan
from tests.signing_keys import DAY, NOW

pytestmark = pytest.mark.needs("bare")

HOUR = timedelta(hours=1)


def planned(*known, now=NOW, kid="new", publish_for=HOUR, lifetime=DAY):
    return plan(known, kid=kid, algorithm="ES256", now=now, publish_for=publish_for, lifetime=lifetime)


def key(kid, not_before=None, retire_after=None):
    return Metadata(kid, "ES256", not_before=not_before, retire_after=retire_after)


def roles(plan):
    return {key.kid: (key.not_before, key.retire_after) for key in plan.keys}


def test_the_first_key_signs_at_once():
    first = planned(now=NOW + timedelta(microseconds=5))
    assert first.keys == (first.new,)
    assert first.new == Metadata("new", "ES256", created_at=NOW, not_before=NOW)


def test_the_next_is_published_first_and_the_one_before_outlives_its_tokens():
    next_one = planned(key("a"))
    assert roles(next_one) == {"a": (None, NOW + HOUR + DAY), "new": (NOW + HOUR, None)}
    assert next_one.new.created_at == NOW
    assert [changed.kid for changed in next_one.changed] == ["a"]


def test_fractions_of_a_second_never_shorten_the_publication():
    assert planned(key("a"), now=NOW + timedelta(microseconds=1)).new.not_before == NOW + HOUR + timedelta(seconds=1)


def test_without_publication_the_next_still_comes_after_the_one_that_signs():
    assert planned(key("a"), publish_for=timedelta(0)).new.not_before == NOW
    assert planned(key("a", NOW), publish_for=timedelta(0)).new.not_before == NOW + timedelta(seconds=1)


@pytest.mark.parametrize("after", [timedelta(0), timedelta(seconds=3599)])
def test_while_one_waits_nothing_changes(after):
    waiting = planned(key("a"))
    again = planned(*waiting.keys, now=NOW + after, kid="another")
    assert (again.new, again.changed, again.retired) == (None, (), ())
    assert again.keys == waiting.keys


def test_once_it_signs_the_next_may_come():
    first = planned(key("a"))
    second = planned(*first.keys, now=NOW + HOUR, kid="newer")
    assert roles(second) == {
        "a": (None, NOW + HOUR + DAY),
        "new": (NOW + HOUR, NOW + HOUR + HOUR + DAY),
        "newer": (NOW + HOUR + HOUR, None),
    }


def test_what_has_retired_is_deleted():
    first = planned(key("a"))
    later = planned(*first.keys, now=NOW + HOUR + DAY, kid="newer")
    assert [retired.kid for retired in later.retired] == ["a"]
    assert set(roles(later)) == {"new", "newer"}
    assert planned(*first.keys, now=NOW + HOUR + DAY - timedelta(seconds=1)).retired == ()


def test_it_is_deleted_while_one_waits_too():
    later = planned(key("a", None, NOW), key("b"), key("c", NOW + HOUR))
    assert [retired.kid for retired in later.retired] == ["a"]
    assert later.new is None


def test_a_run_that_died_after_writing_the_next_key_is_completed():
    first = planned(key("a"))
    completed = planned(key("a"), first.new, kid="another")
    assert completed.keys == first.keys
    assert [changed.kid for changed in completed.changed] == ["a"]


def test_a_longer_lifetime_keeps_the_key_that_still_signs_longer():
    first = planned(key("a"))
    assert roles(planned(*first.keys, lifetime=2 * DAY))["a"] == (None, NOW + HOUR + 2 * DAY)
    assert roles(planned(*first.keys, lifetime=HOUR))["a"] == (None, NOW + HOUR + DAY)


def test_when_the_one_that_signs_was_deleted_the_one_that_waits_signs_at_once():
    waiting = planned(key("a")).new
    assert roles(planned(waiting, kid="another")) == {"new": (NOW, None)}


def test_when_both_were_a_new_one_signs_at_once():
    assert roles(planned(key("a", None, NOW - DAY))) == {"new": (NOW, None)}


def test_one_that_signs_again_as_a_younger_was_deleted_outlives_its_tokens():
    assert roles(planned(key("a", None, NOW + HOUR)))["a"] == (None, NOW + HOUR + DAY)


def test_older_ones_that_would_never_retire_do_once_their_tokens_have_expired():
    by_hand = planned(key("a", NOW - 2 * DAY), key("b", NOW - DAY), key("c", NOW - 3 * DAY, NOW + HOUR))
    assert roles(by_hand)["a"] == (NOW - 2 * DAY, NOW + DAY)
    assert roles(by_hand)["c"] == (NOW - 3 * DAY, NOW + HOUR), "as somebody wants it"
    again = planned(*by_hand.keys, now=NOW + HOUR / 2)
    assert again.changed == ()


def test_of_two_that_began_at_once_the_first_signs_as_in_the_ring():
    both = planned(key("b"), key("a"))
    assert roles(both)["a"] == (None, NOW + HOUR + DAY)
    assert roles(both)["b"] == (None, NOW + DAY)


def test_the_events_are_told_in_order():
    first = planned(replace(key("a"), created_at=NOW - DAY, not_before=NOW - DAY))
    assert list(first.events()) == [
        (NOW - DAY, "a", "is published"),
        (NOW - DAY, "a", "signs"),
        (NOW, "new", "is published"),
        (NOW + HOUR, "new", "signs"),
        (NOW + HOUR + DAY, "a", "retires"),
    ]
