"""The migrations build the indexes of the flush without blocking writers, where the database can do that."""

import importlib
from unittest import mock

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections, models, router
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext

from rest_framework_simplejwt.revocation.migrations import AddIndexOnline
from rest_framework_simplejwt.utils import aware_utcnow

PACKAGE = "rest_framework_simplejwt"


class IndexMigration:
    """One of the two migrations, the one before it, its table and its index."""

    def __init__(self, app, before, name, table):
        self.app, self.before, self.name = app, before, name
        self.index = f"{table}_expires_at"
        self.table = f"{app}_{table}"

    @property
    def migration(self):
        return importlib.import_module(f"{PACKAGE}.{self.app}.migrations.{self.name}").Migration


TOKENS = IndexMigration(
    "token_blacklist",
    "0013_alter_blacklistedtoken_options_and_more",
    "0014_outstandingtoken_expires_at_index",
    "outstandingtoken",
)
FAMILIES = IndexMigration(
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
    """Migrate to a migration of the app and return the statements: `migrate(name)`. Ends with the newest migration."""
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
    """Return the columns of the index and whether it is valid, or ``None`` if there is no index: `index()`."""

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


def create_index_statements(statements):
    return [sql for sql in statements if sql.startswith("CREATE INDEX") and "expires_at" in sql]


@each_migration
@pytest.mark.django_db(transaction=True)
class TestMigration:
    def test_the_index_is_dropped_backwards_and_created_forwards(self, online, migrate, index):
        assert index() == (["expires_at"], True)
        migrate(online.before)
        assert index() is None
        migrate(online.name)
        assert index() == (["expires_at"], True)

    def test_the_index_is_created_outside_a_transaction(self, online, migrate, connection):
        assert not online.migration.atomic
        migrate(online.before)
        found = []
        with connection.execute_wrapper(
            lambda execute, sql, *rest: found.append((str(sql), connection.in_atomic_block)) or execute(sql, *rest)
        ):
            migrate(online.name)
        assert [atomic for sql, atomic in found if sql.startswith("CREATE INDEX")] == [False]


@each_migration
@pytest.mark.django_db(transaction=True)
class TestOnPostgreSQL:
    """A concurrent build waits for every open transaction of the server."""

    @pytest.fixture(autouse=True)
    def _skip_other_databases(self, connection):
        if connection.vendor != "postgresql":
            pytest.skip("only PostgreSQL builds concurrently")

    @pytest.fixture
    def row(self, user):
        """Insert one row into each of the two tables."""
        for config in apps.get_app_configs():
            if config.label in ("token_blacklist", "token_family"):
                issued = next(model for model in config.get_models() if hasattr(model, "expires_at"))
                issued.objects.create(created_at=aware_utcnow(), expires_at=aware_utcnow())

    @pytest.fixture
    def snapshot(self, connection):
        """Another connection has an open transaction, and the migration waits three seconds at most."""
        other = connection.copy()
        with other.cursor() as cursor, connection.cursor() as ours:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT 1 FROM django_migrations")
            ours.execute("SET statement_timeout = '3s'")
            yield
            ours.execute("RESET statement_timeout")
        other.close()

    def test_an_index_on_an_empty_table_waits_for_no_transaction(self, online, migrate, index, snapshot):
        migrate(online.before)
        (created,) = create_index_statements(migrate(online.name))
        assert "CONCURRENTLY" not in created
        assert index() == (["expires_at"], True)

    def test_an_index_on_a_table_with_rows_is_built_concurrently(self, online, migrate, row):
        migrate(online.before)
        (created,) = create_index_statements(migrate(online.name))
        assert "CONCURRENTLY" in created

    @pytest.mark.parametrize("has_rows", [False, True], ids=["empty table", "a row"])
    def test_an_invalid_index_of_an_interrupted_build_is_replaced(
        self, online, migrate, connection, index, request, has_rows
    ):
        if has_rows:
            request.getfixturevalue("row")
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

    def test_the_index_of_another_schema_is_kept(self, online, migrate, connection, index):
        """The search path of a tenant ends with a schema that all tenants share."""
        migrate(online.before)
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA shared")
            try:
                cursor.execute(f"CREATE TABLE shared.other AS SELECT * FROM {online.table}")
                cursor.execute(f"CREATE INDEX {online.index} ON shared.other (expires_at)")
                cursor.execute("SET search_path = public, shared")
                migrate(online.name)
                cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexname = %s", [online.index])
                assert cursor.fetchone() == (2,)
            finally:
                cursor.execute("RESET search_path")
                cursor.execute("DROP SCHEMA shared CASCADE")

    def test_sqlmigrate_prints_the_statements(self, online, connection, capsys):
        call_command("sqlmigrate", online.app, online.name, database=connection.alias)
        printed = capsys.readouterr().out
        assert printed.count("CONCURRENTLY") == 2


class RecordingEditor:
    """A schema editor that records its calls. ``found`` is whether the table has rows, then the existing indexes."""

    collect_sql = False

    def __init__(self, *found, in_atomic_block=False, vendor="postgresql", collect_sql=False):
        self.connection = mock.MagicMock(vendor=vendor, in_atomic_block=in_atomic_block, alias="default")
        cursor = self.connection.cursor.return_value.__enter__.return_value
        self.has_rows, *cursor.fetchall.return_value = found or [False]
        self.collect_sql = collect_sql
        self.calls = []

    def quote_name(self, name):
        return f'"{name}"'

    def execute(self, sql):
        self.calls.append(sql)

    def add_index(self, model, index, concurrently=False):
        self.calls.append(("add", model, index.name, concurrently))


class TestOperation:
    model = mock.Mock()

    def calls(self, editor, *, allowed=True):
        operation = AddIndexOnline("thing", models.Index(fields=["expires_at"], name="thing_expires_at"))
        state = mock.Mock()
        state.apps.get_model.return_value = self.model
        self.model._base_manager.using().order_by().exists.return_value = editor.has_rows
        with mock.patch.object(AddIndexOnline, "allow_migrate_model", return_value=allowed):
            operation.database_forwards("app", editor, state, state)
        return editor.calls

    def test_a_table_with_rows_gets_a_concurrent_index(self):
        assert self.calls(RecordingEditor(True)) == [("add", self.model, "thing_expires_at", True)]

    def test_an_empty_table_gets_a_plain_index(self):
        assert self.calls(RecordingEditor(False)) == [("add", self.model, "thing_expires_at", False)]

    def test_an_existing_index_is_dropped_in_the_same_way(self):
        index = ('"schema"."thing_expires_at"',)
        for has_rows, word in ((True, "CONCURRENTLY "), (False, "")):
            drop, add = self.calls(RecordingEditor(has_rows, index))
            assert drop == f'DROP INDEX {word}"schema"."thing_expires_at"'
            assert add == ("add", self.model, "thing_expires_at", bool(word))

    def test_printed_statements_suit_any_table(self):
        drop = 'DROP INDEX CONCURRENTLY IF EXISTS "thing_expires_at"'
        assert self.calls(RecordingEditor(collect_sql=True)) == [drop, ("add", self.model, "thing_expires_at", True)]

    @pytest.mark.parametrize("editor", [RecordingEditor(in_atomic_block=True), RecordingEditor(vendor="sqlite")])
    def test_a_transaction_or_another_database_gets_a_plain_index(self, editor):
        assert self.calls(editor) == [("add", self.model, "thing_expires_at", False)]

    def test_a_database_in_which_the_router_allows_no_table_gets_no_index(self):
        assert self.calls(RecordingEditor(), allowed=False) == []
