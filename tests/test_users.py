from types import SimpleNamespace
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, DataError, connections, models, router, transaction

from rest_framework_simplejwt import users
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings

pytestmark = pytest.mark.django_db


def find(claim, field=None):
    return users.find(get_user_model(), field or api_settings.USER_ID_FIELD, claim)


def test_a_user_is_found_by_the_user_id_claim(user, user_id):
    assert find(user_id) == user


def test_a_user_is_found_by_pk(user):
    assert find(str(user.pk), "pk") == user


@pytest.mark.needs("django's user")
def test_an_integer_claim_of_an_older_token_finds_its_user(user):
    assert find(user.pk) == user


@pytest.mark.parametrize(
    "claim", [None, True, 1.0, [], {}, ["1"], "", "abc", "a\0b", "x" * 300, 2**200, -1, "0" * 36, "\ud800"]
)
def test_a_malformed_id_finds_no_user(user, claim):
    assert find(claim) is None


@pytest.mark.needs("django's user")
@pytest.mark.parametrize("spelling", [" {}", "{} ", "+{}", "0{}", "{}.0", "{}_0"])
def test_a_noncanonical_integer_finds_no_user(user, spelling):
    assert find(spelling.format(user.pk)) is None


@pytest.mark.needs("django's user")
def test_true_is_not_the_id_1(db):
    get_user_model().objects.create_user("one", pk=1)
    assert find(True) is None
    assert find("1").pk == 1


@pytest.mark.needs("django's user")
def test_true_is_not_the_text_true(db):
    get_user_model().objects.create_user("True")
    assert find(True, "username") is None
    assert find("True", "username").username == "True"


def test_a_value_that_the_database_rejects_finds_no_user(user_id, monkeypatch):
    monkeypatch.setattr(users.compiled, "first", mock.Mock(side_effect=DataError("out of range")))
    assert find(user_id) is None


@pytest.mark.needs("django's user")
def test_an_id_field_may_be_a_look_up(user):
    assert find("alice", "username__iexact") == user
    assert find("nobody", "username__iexact") is None


@pytest.mark.needs("django's user")
def test_an_id_field_may_span_a_relation(user):
    assert find("1", "groups") is None
    assert find("1", "logentry") is None


def test_a_model_without_objects_uses_its_default_manager():
    asked = []

    class Manager:
        def filter(self, **lookup):
            asked.append(lookup)
            return SimpleNamespace(first=lambda: "alice")

    model = SimpleNamespace(_meta=SimpleNamespace(pk=models.IntegerField()), _default_manager=Manager())
    assert users.find(model, "pk", "1") == "alice"
    assert asked == [{"pk": 1}]


def test_a_user_without_is_active_is_active():
    assert users.is_active(SimpleNamespace())
    assert not users.is_active(SimpleNamespace(is_active=False))


class TestFindOnPrimary:
    def find_on_primary(self, claim):
        return users.find_on_primary(claim, field=api_settings.USER_ID_FIELD)

    def test_a_user_is_found(self, user, user_id):
        assert self.find_on_primary(user_id) == user

    def test_a_missing_claim_finds_no_user(self, user):
        assert self.find_on_primary(None) is None

    def test_a_missing_user_model_is_reported(self, settings):
        settings.AUTH_USER_MODEL = "nowhere.User"
        with pytest.raises(users.UsersNotStored):
            self.find_on_primary("1")

    def test_a_missing_database_is_reported(self, monkeypatch):
        connection = connections[router.db_for_read(get_user_model())]
        monkeypatch.setitem(connection.settings_dict, "ENGINE", "django.db.backends.dummy")
        with pytest.raises(users.UsersNotStored):
            self.find_on_primary("1")

    @pytest.mark.parametrize("name", ["no_such_table", None])
    def test_a_missing_table_is_reported(self, user_id, monkeypatch, name):
        monkeypatch.setattr(get_user_model()._meta, "db_table", name or get_user_model()._meta.db_table)
        no_rows = get_user_model().objects.extra(where=["1 IN (SELECT 1 FROM another_table)"])
        monkeypatch.setattr(users, "find", lambda *_: list(get_user_model().objects.all() if name else no_rows))
        # In a savepoint, so that the error does not break the test's transaction.
        alias = router.db_for_read(get_user_model())
        with pytest.raises(users.UsersNotStored if name else DatabaseError), transaction.atomic(using=alias):
            self.find_on_primary(user_id)

    def test_other_database_errors_are_raised(self, user_id, monkeypatch):
        monkeypatch.setattr(users, "find", mock.Mock(side_effect=DatabaseError("auth_user is away")))
        with pytest.raises(DatabaseError):
            self.find_on_primary(user_id)


class TestCheckUserInstance:
    def test_without_a_user_model_every_object_passes(self, settings):
        settings.AUTH_USER_MODEL = "nowhere.User"
        users.check_user_instance(object())

    def test_only_an_instance_of_the_user_model_passes(self, user):
        users.check_user_instance(user)
        for other in (None, object(), type(user)):
            with pytest.raises(TokenError, match="is not the user model"):
                users.check_user_instance(other)
