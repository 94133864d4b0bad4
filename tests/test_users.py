from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.db import models

from rest_framework_simplejwt import users
from rest_framework_simplejwt.settings import api_settings

pytestmark = pytest.mark.django_db


def find(claim, field=None):
    return users.find(get_user_model(), field or api_settings.USER_ID_FIELD, claim)


def test_a_user_is_found_by_the_claim_we_issue(user, user_id):
    assert find(user_id) == user


def test_a_user_is_found_by_the_primary_key_under_that_name(user):
    assert find(str(user.pk), "pk") == user


@pytest.mark.needs("django's user")
def test_an_integer_of_an_older_token_still_finds_its_user(user):
    assert find(user.pk) == user


@pytest.mark.parametrize(
    "claim", [None, True, 1.0, [], {}, ["1"], "", "abc", "a\0b", "x" * 300, 2**200, -1, "0" * 36, "\ud800"]
)
def test_what_is_no_id_finds_nobody(user, claim):
    assert find(claim) is None


@pytest.mark.needs("django's user")
@pytest.mark.parametrize("spelling", [" {}", "{} ", "+{}", "0{}", "{}.0", "{}_0"])
def test_an_id_has_one_spelling(user, spelling):
    assert find(spelling.format(user.pk)) is None


@pytest.mark.needs("django's user")
def test_a_boolean_is_not_user_one(db):
    get_user_model().objects.create_user("one", pk=1)
    assert find(True) is None
    assert find("1").pk == 1


@pytest.mark.needs("django's user")
def test_an_id_field_may_be_a_look_up(user):
    assert find("alice", "username__iexact") == user
    assert find("nobody", "username__iexact") is None


@pytest.mark.needs("django's user")
def test_an_id_field_may_span_a_relation(user):
    assert find("1", "groups") is None
    assert find("1", "logentry") is None


def test_a_model_without_objects_is_asked_through_its_default_manager():
    asked = []

    class Manager:
        def filter(self, **lookup):
            asked.append(lookup)
            return SimpleNamespace(first=lambda: "alice")

    model = SimpleNamespace(_meta=SimpleNamespace(pk=models.IntegerField()), _default_manager=Manager())
    assert users.find(model, "pk", "1") == "alice"
    assert asked == [{"pk": 1}]


def test_who_has_no_is_active_is_active():
    assert users.is_active(SimpleNamespace())
    assert not users.is_active(SimpleNamespace(is_active=False))
