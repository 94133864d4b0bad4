"""Users are read from a replica that lags behind: log-ins and refreshes ask the database that is written to."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import ConnectionHandler, connections, router

from rest_framework_simplejwt import users
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

# The users of one project; the routers of the others have databases of their own.
pytestmark = [pytest.mark.needs("full"), pytest.mark.django_db]


class ReadsFromTheReplica:
    def db_for_read(self, model, **hints):
        return "replica" if model in (get_user_model(), Group) else None

    def db_for_write(self, model, **hints):
        return "default"


@pytest.fixture
def replica(settings):
    """A database with the table of users, and none in it yet."""
    memory = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    connection = ConnectionHandler({"default": memory})["default"]
    connection.alias = "replica"
    connections["replica"] = connection
    with connection.schema_editor() as editor:
        editor.create_model(get_user_model())
    settings.DATABASE_ROUTERS = [f"{__name__}.ReadsFromTheReplica"]
    yield get_user_model()._base_manager.using("replica")
    # Django's own close() keeps a database in memory.
    connection.connection.close()
    del connections["replica"]


@pytest.fixture
def outdated(replica, user):
    """The user's row as the replica still has it: `outdated(is_active=True)`."""

    def copy(**values):
        row = {field.attname: getattr(user, field.attname) for field in user._meta.concrete_fields}
        replica.create(**{**row, **values})

    return copy


@pytest.fixture(params=["refresh", "refresh sliding", "verify"])
def present(request, post, user):
    """Present a token of the user's from before: a refresh, or a check."""
    kind, field = {
        "refresh": (RefreshToken, "refresh"),
        "refresh sliding": (SlidingToken, "token"),
        "verify": (RefreshToken, "token"),
    }[request.param]
    text = str(kind.for_user(user))
    return lambda: post(request.param, **{field: text})


def refused_for(answer):
    return answer.status_code, answer.json()["code"]


def test_a_user_who_was_just_created_gets_tokens(replica, user, post, credentials, present):
    assert post("obtain", **credentials).status_code == 200
    assert present().status_code == 200


def test_a_user_who_was_just_deactivated_gets_none(outdated, user, post, credentials, present):
    outdated()
    get_user_model()._base_manager.filter(pk=user.pk).update(is_active=False)
    assert refused_for(post("obtain", **credentials)) == (401, "no_active_account")
    assert refused_for(present()) == (401, "no_active_account")


def test_a_user_who_was_just_deleted_gets_none(outdated, user, post, credentials, present):
    outdated()
    user.delete()
    assert refused_for(post("obtain", **credentials)) == (401, "no_active_account")
    assert refused_for(present()) == (401, "no_active_account")


def test_who_is_gone_is_found_out_where_they_were_deleted(outdated, user):
    outdated()
    read = users.find(get_user_model(), "pk", user.pk)
    assert read._state.db == "replica"
    assert not users.is_deleted(read)
    user.delete()
    assert users.is_deleted(read)
    assert not users.is_deleted(None), "a token of a machine has no user"


@pytest.fixture
def _passwords_are_checked(simple_jwt):
    simple_jwt(CHECK_REVOKE_TOKEN=True)


@pytest.mark.usefixtures("_passwords_are_checked")
def test_a_new_password_is_the_one_that_counts(outdated, user, post, credentials, present):
    outdated(password=make_password("the one before"))
    name = get_user_model().USERNAME_FIELD
    before = {name: credentials[name], "password": "the one before"}
    assert refused_for(post("obtain", **before)) == (401, "no_active_account")
    pair = post("obtain", **credentials).json()
    assert post("refresh", refresh=pair["refresh"]).status_code == 200, "it was not revoked"
    assert present().status_code == 200


def test_a_request_reads_where_the_router_says(outdated, user, whoami):
    token = AccessToken.for_user(user)
    assert refused_for(whoami(token)) == (401, "user_not_found")
    outdated()
    assert whoami(token).status_code == 200


def test_the_router_is_the_projects_own_again_afterwards(replica, user, post, credentials):
    for _ in range(2):
        assert post("obtain", **credentials).status_code == 200
    assert len(router.routers) == 2
    assert router.db_for_read(get_user_model()) == "replica"


def test_other_models_are_read_where_the_router_says(replica):
    with users.read_from_primary():
        assert router.db_for_read(get_user_model()) == "default"
        assert router.db_for_read(Group) == "replica"


class ReadsUsersOfAnotherService:
    """Nothing is ever written there, so nobody says where to."""

    def db_for_read(self, model, **hints):
        return "replica" if model is get_user_model() else None


def test_users_that_the_project_never_writes_are_read_where_they_are(outdated, user, post, credentials, settings):
    settings.DATABASE_ROUTERS = [f"{__name__}.ReadsUsersOfAnotherService"]
    outdated(username="bob")
    assert post("obtain", username="bob", password=credentials["password"]).status_code == 200
    assert refused_for(post("obtain", **credentials)) == (401, "no_active_account")
