"""The indexes that the flush needs are built without holding up writers, where the database can do that."""

import importlib
from unittest import mock

import pytest
from django.apps import apps
from django.db import connections, models, router
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext

from rest_framework_simplejwt.revocation.migrations import AddIndexOnline

PACKAGE = "rest_framework_simplejwt"


class Online:
    """One of the two migrations, and the one before it."""

    def __init__(self, app, before, name, table):
        self.app, self.before, self.name = app, before, name
        self.index = f"{table}_expires_at"
        self.table = f"{app}_{table}"

    @property
    def migration(self):
        return importlib.import_module(f"{PACKAGE}.{self.app}.migrations.{self.name}").Migration


TOKENS = Online(
    "token_blacklist",
    "0013_alter_blacklistedtoken_options_and_more",
    "0014_outstandingtoken_expires_at_index",
    "outstandingtoken",
)
FAMILIES = Online(
    "token_family",
    "0002_rename_tokenfamilyblacklist_blacklistedtokenfamily",
    "0003_tokenfamily_expires_at_index",
    "tokenfamily",
)
each_migration = pytest.mark.parametrize(
    "online",
    [pytest.param(online, marks=pytest.mark.needs(online.app), id=online.app) for online in (TOKENS, FAMILIES)],
)


@pytest.fixture
def connection(online):
    return connections[router.db_for_write(next(iter(apps.get_app_config(online.app).get_models())))]


@pytest.fixture
def migrate(online, connection, transactional_db):
    """Migrate to a migration of the app; in the end, to the newest. What the database was sent."""
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes(online.app)

    def to(targets):
        executor.loader.build_graph()
        with CaptureQueriesContext(connection) as context:
            executor.migrate(targets)
        return [query["sql"] for query in context]

    yield lambda name: to([(online.app, name)])
    to(newest)


@pytest.fixture
def index(online, connection):
    """The columns of the index, and whether it is in working order; ``None`` while there is none."""

    def look():
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, online.table).get(online.index)
            if found is None:
                return None
            valid = True
            if connection.vendor == "postgresql":
                cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", [online.index])
                (valid,) = cursor.fetchone()
            return found["columns"], valid

    return look


def creations(statements):
    return [sql for sql in statements if sql.startswith("CREATE INDEX") and "expires_at" in sql]


@each_migration
@pytest.mark.django_db(transaction=True)
class TestBothWays:
    def test_the_index_is_there_and_goes_and_comes(self, online, migrate, index):
        assert index() == (["expires_at"], True)
        migrate(online.before)
        assert index() is None
        migrate(online.name)
        assert index() == (["expires_at"], True)

    def test_it_is_built_concurrently_where_that_is_possible(self, online, migrate, connection):
        migrate(online.before)
        (created,) = creations(migrate(online.name))
        assert ("CONCURRENTLY" in created) is (connection.vendor == "postgresql")

    def test_in_no_transaction(self, online, migrate, connection):
        assert not online.migration.atomic
        migrate(online.before)
        found = []
        with connection.execute_wrapper(
            lambda execute, sql, *rest: found.append((str(sql), connection.in_atomic_block)) or execute(sql, *rest)
        ):
            migrate(online.name)
        assert [atomic for sql, atomic in found if sql.startswith("CREATE INDEX")] == [False]

    def test_what_an_interrupted_build_left_is_replaced(self, online, migrate, connection, index):
        if connection.vendor != "postgresql":
            pytest.skip("only PostgreSQL leaves something")
        migrate(online.before)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE INDEX {online.index} ON {online.table} (created_at)")
            cursor.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
                [online.index],
            )
        assert index() == (["created_at"], False)
        migrate(online.name)
        assert index() == (["expires_at"], True)


class Editor:
    """A schema editor of PostgreSQL that keeps what it is asked."""

    def __init__(self, *, in_atomic_block=False, vendor="postgresql"):
        self.connection = mock.Mock(vendor=vendor, in_atomic_block=in_atomic_block, alias="default")
        self.asked = []

    def quote_name(self, name):
        return f'"{name}"'

    def execute(self, sql):
        self.asked.append(sql)

    def add_index(self, model, index, concurrently=False):
        self.asked.append(("add", model, index.name, concurrently))


class TestOperation:
    model = "a model"

    def asked(self, editor, *, allowed=True):
        operation = AddIndexOnline("thing", models.Index(fields=["expires_at"], name="thing_expires_at"))
        state = mock.Mock()
        state.apps.get_model.return_value = self.model
        with mock.patch.object(AddIndexOnline, "allow_migrate_model", return_value=allowed):
            operation.database_forwards("app", editor, state, state)
        return editor.asked

    def test_postgresql_drops_what_is_there_and_builds_it_concurrently(self):
        drop = 'DROP INDEX CONCURRENTLY IF EXISTS "thing_expires_at"'
        assert self.asked(Editor()) == [drop, ("add", self.model, "thing_expires_at", True)]

    @pytest.mark.parametrize("editor", [Editor(in_atomic_block=True), Editor(vendor="sqlite")])
    def test_a_transaction_and_another_database_get_a_plain_index(self, editor):
        assert self.asked(editor) == [("add", self.model, "thing_expires_at", False)]

    def test_a_database_that_the_router_keeps_the_table_out_of_gets_none(self):
        assert self.asked(Editor(), allowed=False) == []
