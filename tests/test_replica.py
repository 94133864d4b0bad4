"""Log-ins and refreshes read users from the primary database, even if the router names a replica for reads."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import ConnectionHandler, connections, router

from rest_framework_simplejwt import users
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

# Only this project: others have routers of their own.
pytestmark = [pytest.mark.needs("full"), pytest.mark.django_db]


class ReplicaRouter:
    def db_for_read(self, model, **hints):
        return "replica" if model in (get_user_model(), Group) else None

    def db_for_write(self, model, **hints):
        return "default"


@pytest.fixture
def replica(settings):
    """A second database, with an empty table of users."""
    memory = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    connection = ConnectionHandler({"default": memory})["default"]
    connection.alias = "replica"
    connections["replica"] = connection
    with connection.schema_editor() as editor:
        editor.create_model(get_user_model())
    settings.DATABASE_ROUTERS = [f"{__name__}.ReplicaRouter"]
    yield get_user_model()._base_manager.using("replica")
    # Django's close() does not close a database in memory.
    connection.connection.close()
    del connections["replica"]


@pytest.fixture
def insert_outdated(replica, user):
    """Insert the user, with other values, into the replica: `insert_outdated(is_active=True)`."""

    def copy(**values):
        row = {field.attname: getattr(user, field.attname) for field in user._meta.concrete_fields}
        replica.create(**{**row, **values})

    return copy


@pytest.fixture(params=["refresh", "refresh sliding", "verify"])
def present(request, post, user):
    """Send a request with a token of the user, issued before: `present()`."""
    kind, field = {
        "refresh": (RefreshToken, "refresh"),
        "refresh sliding": (SlidingToken, "token"),
        "verify": (RefreshToken, "token"),
    }[request.param]
    text = str(kind.for_user(user))
    return lambda: post(request.param, **{field: text})


def status_and_code(answer):
    return answer.status_code, answer.json()["code"]


def test_a_user_who_was_just_created_can_log_in_and_refresh(replica, user, post, credentials, present):
    assert post("obtain", **credentials).status_code == 200
    assert present().status_code == 200


def test_a_user_who_was_just_deactivated_is_rejected(insert_outdated, user, post, credentials, present):
    insert_outdated()
    get_user_model()._base_manager.filter(pk=user.pk).update(is_active=False)
    assert status_and_code(post("obtain", **credentials)) == (401, "no_active_account")
    assert status_and_code(present()) == (401, "no_active_account")


def test_a_user_who_was_just_deleted_is_rejected(insert_outdated, user, post, credentials, present):
    insert_outdated()
    user.delete()
    assert status_and_code(post("obtain", **credentials)) == (401, "no_active_account")
    assert status_and_code(present()) == (401, "no_active_account")


def test_is_gone_reads_the_primary_database(insert_outdated, user):
    insert_outdated()
    read = users.find(get_user_model(), "pk", user.pk)
    assert read._state.db == "replica"
    assert not users.is_deleted(read)
    user.delete()
    assert users.is_deleted(read)
    assert not users.is_deleted(None), "a token without a user, such as that of a service"


@pytest.fixture
def _passwords_are_checked(simple_jwt):
    simple_jwt(CHECK_REVOKE_TOKEN=True)


@pytest.mark.usefixtures("_passwords_are_checked")
def test_the_password_of_the_primary_database_is_checked(insert_outdated, user, post, credentials, present):
    insert_outdated(password=make_password("the previous one"))
    name = get_user_model().USERNAME_FIELD
    old_credentials = {name: credentials[name], "password": "the previous one"}
    assert status_and_code(post("obtain", **old_credentials)) == (401, "no_active_account")
    pair = post("obtain", **credentials).json()
    assert post("refresh", refresh=pair["refresh"]).status_code == 200, "its password claim is the new one"
    assert present().status_code == 200


def test_the_authentication_of_a_request_reads_the_routers_database(insert_outdated, user, whoami):
    token = AccessToken.for_user(user)
    assert status_and_code(whoami(token)) == (401, "user_not_found")
    insert_outdated()
    assert whoami(token).status_code == 200


def test_the_router_is_restored_after_a_login(replica, user, post, credentials):
    for _ in range(2):
        assert post("obtain", **credentials).status_code == 200
    assert len(router.routers) == 2
    assert router.db_for_read(get_user_model()) == "replica"


def test_other_models_are_read_from_the_routers_database(replica):
    with users.read_from_primary():
        assert router.db_for_read(get_user_model()) == "default"
        assert router.db_for_read(Group) == "replica"


class ReadOnlyUsersRouter:
    """Names no database for writes, because the project never writes users."""

    def db_for_read(self, model, **hints):
        return "replica" if model is get_user_model() else None


def test_users_that_the_project_never_writes_are_read_from_the_replica(
    insert_outdated, user, post, credentials, settings
):
    settings.DATABASE_ROUTERS = [f"{__name__}.ReadOnlyUsersRouter"]
    insert_outdated(username="bob")
    assert post("obtain", username="bob", password=credentials["password"]).status_code == 200
    assert status_and_code(post("obtain", **credentials)) == (401, "no_active_account")
