"""The tables of the apps are older than the code: W022."""

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
def told(alias):
    """What is told of a database."""
    return lambda *aliases: [
        found for found in run_checks(databases=aliases or [alias]) if found.id == "simplejwt.W022"
    ]


@pytest.mark.django_db(transaction=True)
class TestOldTables:
    def test_each_app_that_is_behind_is_told_with_what_it_lacks(self, migrate, told):
        migrate("token_blacklist", "0013")
        (found,) = told()
        assert "0014_outstandingtoken_expires_at_index, 0015_outstandingtoken_family_id" in found.msg
        assert "python manage.py migrate token_blacklist" in found.hint

    @pytest.mark.needs("token_family")
    def test_both_can_be_behind(self, migrate, told):
        migrate("token_blacklist", "0014")
        migrate("token_family", "0002")
        assert ["token_blacklist" in found.msg for found in told()] == [True, False]

    def test_the_command_tells(self, migrate, alias, capsys):
        migrate("token_blacklist", "0014")
        call_command("check", databases=[alias])
        assert "simplejwt.W022" in capsys.readouterr().err
        call_command("check")
        assert "simplejwt.W022" not in capsys.readouterr().err

    def test_a_database_that_has_none_is_new(self, migrate, told):
        migrate("token_blacklist", None)
        assert told() == []


@pytest.mark.django_db
class TestOthers:
    def test_new_tables_are_left_alone(self, told):
        assert told() == []

    def test_a_database_that_is_away_is_none_of_its_business(self, told, monkeypatch):
        def fail(*args, **kwargs):
            raise OperationalError("no such server")

        monkeypatch.setattr("django.db.migrations.recorder.MigrationRecorder.applied_migrations", fail)
        assert told() == []

    def test_a_name_that_is_no_database_is_none_of_its_business(self):
        assert CHECKS["simplejwt.W022"].messages(["no such alias"]) == []

    @pytest.mark.needs("second_database")
    def test_a_database_without_the_tables_is_not_asked(self):
        assert CHECKS["simplejwt.W022"].messages(["default"]) == []
