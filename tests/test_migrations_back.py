"""The apps' migrations can be reversed while the tables have rows, and applied again without losing one."""

import importlib
from datetime import timedelta
from unittest import mock
from uuid import UUID, uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections, router

from rest_framework_simplejwt.revocation import migrations
from rest_framework_simplejwt.utils import aware_utcnow
from tests.migrating import _migrate  # noqa: F401  # a fixture

HEX = "0123456789ab4def8123456789abcdef"
# MariaDB's UUID type rejects this version. The id of a successor can be like that.
HEX_OF_ODD_VERSION = "0123456789abcdef0123456789abcdef"
# Some are ids that a project generates. Three are spellings of the same UUID.
JTIS = [
    HEX,
    HEX_OF_ODD_VERSION,
    f"{{{HEX}}}",
    str(UUID(HEX)),
    "x" * 255,
    "x" * 254 + "y",
    "ö",
    *(uuid4().hex for _ in range(4)),
]
WITHOUT_USER, WITHOUT_CREATION_TIME = 1, 2
NEWEST = {"token_blacklist": "0015", "token_family": "0003"}

NOW = aware_utcnow().replace(microsecond=0)

pytestmark = [pytest.mark.needs("full"), pytest.mark.django_db(transaction=True)]


class NoMigrationsRouter:
    """Reads and writes go to ``alias``, and no table may be created in any database."""

    def __init__(self, alias):
        self.alias = alias

    def db_for_read(self, model, **hints):
        return self.alias

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return False


@pytest.fixture
def connection():
    return connections[router.db_for_write(get_user_model())]


@pytest.fixture
def create_outstanding(user):
    """Create a row of a historical model: `create_outstanding(model, number, **values)`."""

    def make(model, number, **values):
        values = {"created_at": NOW, "user_id": user.pk, **values}
        return model.objects.create(token=f"text {number}", expires_at=NOW + timedelta(days=number), **values)

    return make


@pytest.fixture
def rows(migrate, create_outstanding, monkeypatch):
    """The rows of both tables, which are more than one batch of a migration."""
    monkeypatch.setattr(migrations, "BATCH_SIZE", 2)
    get_model = migrate("token_blacklist", NEWEST["token_blacklist"])
    missing = {WITHOUT_USER: {"user_id": None}, WITHOUT_CREATION_TIME: {"created_at": None}}
    for number, jti in enumerate(JTIS):
        row = create_outstanding(get_model("OutstandingToken"), number, jti=jti, **missing.get(number, {}))
        if number % 2:
            get_model("BlacklistedToken").objects.create(token=row)
    return read_rows(get_model)


def read_rows(get_model, *names):
    return [
        list(get_model(name).objects.order_by("pk").values())
        for name in names or ("OutstandingToken", "BlacklistedToken")
    ]


class TestTokens:
    @pytest.mark.parametrize("back", ["0004", "0002"])
    def test_no_row_changes_when_migrations_are_reversed_and_applied_again(self, migrate, rows, back):
        migrate("token_blacklist", back)
        assert read_rows(migrate("token_blacklist", NEWEST["token_blacklist"])) == rows

    def test_each_id_has_its_own_uuid_which_is_the_same_each_time(self, migrate, rows):
        def uuids():
            rows = migrate("token_blacklist", "0003")("OutstandingToken").objects
            return dict(rows.values_list("jti_hex", "jti"))

        first = uuids()
        assert first.keys() == set(JTIS)
        assert len(set(first.values())) == len(JTIS)
        assert first[HEX] == UUID(HEX)
        migrate("token_blacklist", NEWEST["token_blacklist"])
        assert uuids() == first

    def test_all_migrations_can_be_reversed_and_applied_again(self, migrate, rows, connection):
        migrate("token_blacklist", None)
        assert not [name for name in connection.introspection.table_names() if name.startswith("token_blacklist")]
        assert read_rows(migrate("token_blacklist", NEWEST["token_blacklist"])) == [[], []]

    def test_rows_of_the_first_migration_are_kept(self, migrate, create_outstanding):
        get_model = migrate("token_blacklist", "0001")
        rows = [create_outstanding(get_model("OutstandingToken"), number, jti=uuid4()) for number in range(5)]
        get_model("BlacklistedToken").objects.create(token=rows[3])
        issued, revoked = read_rows(migrate("token_blacklist", NEWEST["token_blacklist"]))
        names = ["id", "user_id", "token", "created_at", "expires_at"]
        assert [[row[name] for name in names] for row in issued] == [
            [getattr(row, name) for name in names] for row in rows
        ]
        assert [row["jti"] for row in issued] == [row.jti.hex for row in rows]
        assert [row["token_id"] for row in revoked] == [rows[3].pk]

    def test_columns_are_not_null_again_after_reversing(self, migrate, create_outstanding, connection):
        def nullable():
            with connection.cursor() as cursor:
                columns = connection.introspection.get_table_description(cursor, "token_blacklist_outstandingtoken")
            return {column.name for column in columns if column.null_ok}

        migrate("token_blacklist", None)
        migrate("token_blacklist", "0004")
        before = nullable()
        row = create_outstanding(migrate("token_blacklist", "0007")("OutstandingToken"), 0, jti=HEX)
        migrate("token_blacklist", "0004")
        assert nullable() == before == set()
        assert type(row).objects.count() == 1

    def test_a_primary_key_larger_than_an_integer_is_kept(self, migrate, create_outstanding):
        large = migrations.MAX_AUTO_FIELD + 5
        get_model = migrate("token_blacklist", NEWEST["token_blacklist"])
        row = create_outstanding(get_model("OutstandingToken"), 0, jti=HEX, pk=large)
        get_model("BlacklistedToken").objects.create(token=row, pk=large)
        before = read_rows(get_model)
        migrate("token_blacklist", "0003")
        assert read_rows(migrate("token_blacklist", NEWEST["token_blacklist"])) == before
        # MariaDB continues its ids from there, even in the empty table of the next test.
        migrate("token_blacklist", "zero")

    def test_a_database_in_which_the_router_allows_no_tables_is_not_changed(self, migrate, rows, settings):
        get_model = migrate("token_blacklist", NEWEST["token_blacklist"])
        settings.DATABASE_ROUTERS = [NoMigrationsRouter(router.db_for_write(get_user_model()))]
        migrate("token_blacklist", "0001")
        assert read_rows(get_model) == rows
        migrate("token_blacklist", NEWEST["token_blacklist"])
        assert read_rows(get_model) == rows

    def test_an_id_that_mariadbs_uuid_rejects_gets_a_derived_uuid(self):
        migration = importlib.import_module(
            "rest_framework_simplejwt.token_blacklist.migrations.0005_remove_outstandingtoken_jti"
        )
        mariadb, other = mock.Mock(vendor="mysql"), mock.Mock(vendor="sqlite")
        for jti, is_valid in ((HEX, True), (HEX_OF_ODD_VERSION, False)):
            assert migration.uuid_from_jti(jti, other).hex == jti
            assert (migration.uuid_from_jti(jti, mariadb).hex == jti) is is_valid

    def test_sqlmigrate_prints_the_statements(self, migrate, rows, connection, capsys):
        migrate("token_blacklist", "0004")
        call_command("sqlmigrate", "token_blacklist", "0005", backwards=True, database=connection.alias)
        assert "UPDATE" not in capsys.readouterr().out


class TestFamilies:
    @pytest.mark.parametrize("back", ["0002", "0001"])
    def test_no_row_changes_when_migrations_are_reversed_and_applied_again(self, migrate, user, back):
        names = "TokenFamily", "BlacklistedTokenFamily"
        get_model = migrate("token_family", NEWEST["token_family"])
        for owner in (user.pk, None):
            family = get_model(names[0]).objects.create(user_id=owner, family_id=uuid4().hex, created_at=NOW)
            get_model(names[1]).objects.create(family=family)
        before = read_rows(get_model, *names)
        migrate("token_family", back)
        assert read_rows(migrate("token_family", NEWEST["token_family"]), *names) == before

    def test_all_migrations_can_be_reversed(self, migrate, user, connection):
        family = migrate("token_family", NEWEST["token_family"])("TokenFamily")
        family.objects.create(user_id=user.pk, family_id=HEX, created_at=NOW)
        migrate("token_family", None)
        assert not [name for name in connection.introspection.table_names() if name.startswith("token_family")]
