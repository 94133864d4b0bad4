import copy
import pickle

import pytest

from rest_framework_simplejwt import models
from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken


def token_user(**claims):
    token = AccessToken()
    token.payload.update({api_settings.USER_ID_CLAIM: "42", **claims})
    return TokenUser(token)


def test_attributes_come_from_the_claims():
    user = token_user(username="deep-thought", is_staff=True, is_superuser=True)
    assert (user.id, user.pk) == ("42", "42")
    assert user.username == user.get_username() == "deep-thought"
    assert user.is_staff
    assert user.is_superuser
    assert str(user) == "TokenUser 42"


def test_missing_claims_have_defaults():
    user = token_user()
    assert user.username == ""
    assert not user.is_staff
    assert not user.is_superuser


def test_it_is_authenticated_and_active():
    user = token_user()
    assert user.is_authenticated
    assert not user.is_anonymous
    assert user.is_active


def test_users_with_the_same_id_are_equal():
    assert token_user() == token_user(other="claim")
    assert hash(token_user()) == hash(token_user())
    assert token_user() != token_user(**{api_settings.USER_ID_CLAIM: "43"})
    assert token_user() != "42"


@pytest.mark.needs("auth")
def test_it_has_no_groups_and_no_permissions():
    user = token_user()
    assert list(user.groups.all()) == list(user.user_permissions.all()) == []
    assert user.get_group_permissions() == user.get_all_permissions() == set()
    assert not user.has_perm("x")
    assert not user.has_perms(["x"])
    assert not user.has_module_perms("x")


@pytest.mark.parametrize("method", ["save", "delete"])
def test_it_can_not_be_stored(method):
    with pytest.raises(NotImplementedError, match="no DB representation"):
        getattr(token_user(), method)()


@pytest.mark.parametrize("method", ["set_password", "check_password"])
def test_it_has_no_password(method):
    with pytest.raises(NotImplementedError, match="no DB representation"):
        getattr(token_user(), method)("password")


def test_any_other_attribute_is_the_claim_of_that_name():
    user = token_user(colour="blue")
    assert user.colour == "blue"
    assert user.shape is None


def test_an_underscore_name_is_never_a_claim():
    user = token_user(_secret="x")
    assert not hasattr(user, "_secret")
    with pytest.raises(AttributeError, match="_secret"):
        user._secret  # noqa: B018


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda user: pickle.loads(pickle.dumps(user))])
def test_it_can_be_copied_and_pickled(copied):
    user = copied(token_user(colour="blue"))
    assert (user.id, user.colour) == ("42", "blue")


def test_without_its_token_it_has_no_claims():
    assert not hasattr(TokenUser.__new__(TokenUser), "colour")


def test_names_that_projects_import_exist():
    assert models.TYPE_CHECKING is False
