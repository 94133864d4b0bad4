"""The apps' migrations can be taken back while the tables have rows, and applied again without losing one."""

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
# MariaDB's UUID has no such version; a successor's id may be like that.
ODD_HEX = "0123456789abcdef0123456789abcdef"
# Some are ids of a project's own; three of them spell the same UUID.
JTIS = [HEX, ODD_HEX, f"{{{HEX}}}", str(UUID(HEX)), "x" * 255, "x" * 254 + "y", "ö", *(uuid4().hex for _ in range(4))]
WITHOUT_USER, WITHOUT_START = 1, 2
NEWEST = {"token_blacklist": "0015", "token_family": "0003"}

NOW = aware_utcnow().replace(microsecond=0)

pytestmark = [pytest.mark.needs("full"), pytest.mark.django_db(transaction=True)]


class NowhereRouter:
    """Reads and writes go to ``alias``, and no table may be made anywhere."""

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
def outstanding(user):
    """Make a row of a model of some migration, on the database of the test."""

    def make(model, number, **values):
        values = {"created_at": NOW, "user_id": user.pk, **values}
        return model.objects.create(token=f"text {number}", expires_at=NOW + timedelta(days=number), **values)

    return make


@pytest.fixture
def rows(migrate, outstanding, monkeypatch):
    """The rows of both tables; a migration writes fewer at a time than there are."""
    monkeypatch.setattr(migrations, "BATCH_SIZE", 2)
    get_model = migrate("token_blacklist", NEWEST["token_blacklist"])
    missing = {WITHOUT_USER: {"user_id": None}, WITHOUT_START: {"created_at": None}}
    for number, jti in enumerate(JTIS):
        row = outstanding(get_model("OutstandingToken"), number, jti=jti, **missing.get(number, {}))
        if number % 2:
            get_model("BlacklistedToken").objects.create(token=row)
    return stored(get_model)


def stored(get_model, *names):
    return [
        list(get_model(name).objects.order_by("pk").values())
        for name in names or ("OutstandingToken", "BlacklistedToken")
    ]


class TestTokens:
    @pytest.mark.parametrize("back", ["0004", "0002"])
    def test_no_row_changes_on_the_way_back_and_forward(self, migrate, rows, back):
        migrate("token_blacklist", back)
        assert stored(migrate("token_blacklist", NEWEST["token_blacklist"])) == rows

    def test_each_id_has_a_uuid_of_its_own_that_is_the_same_each_time(self, migrate, rows):
        def uuids():
            rows = migrate("token_blacklist", "0003")("OutstandingToken").objects
            return dict(rows.values_list("jti_hex", "jti"))

        first = uuids()
        assert first.keys() == set(JTIS)
        assert len(set(first.values())) == len(JTIS)
        assert first[HEX] == UUID(HEX)
        migrate("token_blacklist", NEWEST["token_blacklist"])
        assert uuids() == first

    def test_all_the_way_back_and_forward(self, migrate, rows, connection):
        migrate("token_blacklist", None)
        assert not [name for name in connection.introspection.table_names() if name.startswith("token_blacklist")]
        assert stored(migrate("token_blacklist", NEWEST["token_blacklist"])) == [[], []]

    def test_a_first_row_is_there_in_the_end(self, migrate, outstanding):
        get_model = migrate("token_blacklist", "0001")
        rows = [outstanding(get_model("OutstandingToken"), number, jti=uuid4()) for number in range(5)]
        get_model("BlacklistedToken").objects.create(token=rows[3])
        issued, revoked = stored(migrate("token_blacklist", NEWEST["token_blacklist"]))
        kept = ["id", "user_id", "token", "created_at", "expires_at"]
        assert [[row[name] for name in kept] for row in issued] == [
            [getattr(row, name) for name in kept] for row in rows
        ]
        assert [row["jti"] for row in issued] == [row.jti.hex for row in rows]
        assert [row["token_id"] for row in revoked] == [rows[3].pk]

    def test_columns_without_null_are_as_the_old_migrations_made_them(self, migrate, outstanding, connection):
        def nullable():
            with connection.cursor() as cursor:
                columns = connection.introspection.get_table_description(cursor, "token_blacklist_outstandingtoken")
            return {column.name for column in columns if column.null_ok}

        migrate("token_blacklist", None)
        migrate("token_blacklist", "0004")
        before = nullable()
        row = outstanding(migrate("token_blacklist", "0007")("OutstandingToken"), 0, jti=HEX)
        migrate("token_blacklist", "0004")
        assert nullable() == before == set()
        assert type(row).objects.count() == 1

    def test_an_id_that_is_larger_than_an_integer_stays(self, migrate, outstanding):
        large = migrations.MAX_AUTO_FIELD + 5
        get_model = migrate("token_blacklist", NEWEST["token_blacklist"])
        row = outstanding(get_model("OutstandingToken"), 0, jti=HEX, pk=large)
        get_model("BlacklistedToken").objects.create(token=row, pk=large)
        before = stored(get_model)
        migrate("token_blacklist", "0003")
        assert stored(migrate("token_blacklist", NEWEST["token_blacklist"])) == before
        # MariaDB counts on from there, also in the empty table that the next test has.
        migrate("token_blacklist", "zero")

    def test_a_database_that_the_router_keeps_the_tables_out_of_is_left_alone(self, migrate, rows, settings):
        get_model = migrate("token_blacklist", NEWEST["token_blacklist"])
        settings.DATABASE_ROUTERS = [NowhereRouter(router.db_for_write(get_user_model()))]
        migrate("token_blacklist", "0001")
        assert stored(get_model) == rows
        migrate("token_blacklist", NEWEST["token_blacklist"])
        assert stored(get_model) == rows

    def test_what_the_uuid_of_mariadb_refuses_is_derived(self):
        migration = importlib.import_module(
            "rest_framework_simplejwt.token_blacklist.migrations.0005_remove_outstandingtoken_jti"
        )
        mariadb, other = mock.Mock(vendor="mysql"), mock.Mock(vendor="sqlite")
        for jti, is_taken in ((HEX, True), (ODD_HEX, False)):
            assert migration.uuid_from_jti(jti, other).hex == jti
            assert (migration.uuid_from_jti(jti, mariadb).hex == jti) is is_taken

    def test_its_statements_can_be_printed(self, migrate, rows, connection, capsys):
        migrate("token_blacklist", "0004")
        call_command("sqlmigrate", "token_blacklist", "0005", backwards=True, database=connection.alias)
        assert "UPDATE" not in capsys.readouterr().out


class TestFamilies:
    @pytest.mark.parametrize("back", ["0002", "0001"])
    def test_no_row_changes_on_the_way_back_and_forward(self, migrate, user, back):
        names = "TokenFamily", "BlacklistedTokenFamily"
        get_model = migrate("token_family", NEWEST["token_family"])
        for owner in (user.pk, None):
            family = get_model(names[0]).objects.create(user_id=owner, family_id=uuid4().hex, created_at=NOW)
            get_model(names[1]).objects.create(family=family)
        before = stored(get_model, *names)
        migrate("token_family", back)
        assert stored(migrate("token_family", NEWEST["token_family"]), *names) == before

    def test_all_the_way_back(self, migrate, user, connection):
        family = migrate("token_family", NEWEST["token_family"])("TokenFamily")
        family.objects.create(user_id=user.pk, family_id=HEX, created_at=NOW)
        migrate("token_family", None)
        assert not [name for name in connection.introspection.table_names() if name.startswith("token_family")]
