"""W022: the tables of an app lack migrations."""

import pytest
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import OperationalError, router

from rest_framework_simplejwt.checks import CHECKS
from tests.migrating import _migrate  # noqa: F401  # a fixture

pytestmark = pytest.mark.needs("token_blacklist")


@pytest.fixture
def alias():
    return router.db_for_write(get_user_model())


@pytest.fixture
def outdated_warnings(alias):
    """What is outdated_warnings of a database."""
    return lambda *aliases: [
        found for found in run_checks(databases=aliases or [alias]) if found.id == "simplejwt.W022"
    ]


@pytest.mark.django_db(transaction=True)
class TestOutdatedTables:
    def test_an_outdated_app_is_reported_with_its_missing_migrations(self, migrate, outdated_warnings):
        migrate("token_blacklist", "0013")
        (found,) = outdated_warnings()
        assert "0014_outstandingtoken_expires_at_index, 0015_outstandingtoken_family_id" in found.msg
        assert "python manage.py migrate token_blacklist" in found.hint

    @pytest.mark.needs("token_family")
    def test_two_outdated_apps_are_two_warnings(self, migrate, outdated_warnings):
        migrate("token_blacklist", "0014")
        migrate("token_family", "0002")
        assert ["token_blacklist" in found.msg for found in outdated_warnings()] == [True, False]

    def test_check_with_database_reports_outdated_tables(self, migrate, alias, capsys):
        migrate("token_blacklist", "0014")
        call_command("check", databases=[alias])
        assert "simplejwt.W022" in capsys.readouterr().err
        call_command("check")
        assert "simplejwt.W022" not in capsys.readouterr().err

    def test_a_database_without_our_tables_is_accepted(self, migrate, outdated_warnings):
        migrate("token_blacklist", None)
        assert outdated_warnings() == []


@pytest.mark.django_db
class TestNotReported:
    def test_migrated_tables_are_accepted(self, outdated_warnings):
        assert outdated_warnings() == []

    def test_an_unavailable_database_is_not_reported(self, outdated_warnings, monkeypatch):
        def fail(*args, **kwargs):
            raise OperationalError("no such server")

        monkeypatch.setattr("django.db.migrations.recorder.MigrationRecorder.applied_migrations", fail)
        assert outdated_warnings() == []

    def test_an_unknown_alias_is_not_reported(self):
        assert CHECKS["simplejwt.W022"].messages(["no such alias"]) == []

    @pytest.mark.needs("second_database")
    def test_a_database_that_the_router_excludes_is_not_queried(self):
        assert CHECKS["simplejwt.W022"].messages(["default"]) == []
