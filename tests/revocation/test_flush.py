"""The two flush commands delete expired rows in batches, and no revocation of a token that is still accepted."""

import importlib
import signal
import sys
from datetime import timedelta
from io import StringIO
from unittest import mock

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections, models, router
from django.db.models import signals
from django.test.utils import CaptureQueriesContext

from rest_framework_simplejwt import sessions
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import ExpiredTokenError, RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.revocation import bulk, flush, transactions
from rest_framework_simplejwt.revocation.null import NullStore
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSlidingSerializer
from rest_framework_simplejwt.tokens import AccessToken, FamilyMixin, RefreshToken, SlidingToken, Token
from rest_framework_simplejwt.utils import aware_utcnow, datetime_to_epoch
from tests.another_vendor import another_vendor

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PACKAGE = "rest_framework_simplejwt"


class Kind:
    """One of the two commands, and the store it deletes from."""

    def __init__(self, noun, app, store, cache_setting):
        self.noun = noun
        self.name = f"flushexpired{noun}"
        self.app = app
        self.path = f"{PACKAGE}.{app}.management.commands.{self.name}"
        self.store_path = f"{PACKAGE}.{app}.store.{store}"
        self.cache_setting = cache_setting

    @property
    def sql_store(self):
        module, _, name = self.store_path.rpartition(".")
        return getattr(importlib.import_module(module), name)()

    @property
    def alias(self):
        return self.sql_store.alias

    @property
    def issued(self):
        return self.sql_store.issued_model._default_manager

    @property
    def revoked(self):
        return self.sql_store.revoked_model._default_manager

    def run(self, out=None, **options):
        """Run the command and return its output."""
        out = out or StringIO()
        call_command(self.name, stdout=out, **options)
        return out.getvalue()

    def fill(self, count, *, expires_at=None, name="x"):
        """Insert ``count`` rows, expired by default, and revoke every other one."""
        sql_store, now = self.sql_store, aware_utcnow()
        times = {"created_at": now - DAY, "expires_at": expires_at or now - 3 * HOUR}
        ids = [f"{name}{number}" for number in range(count)]
        self.issued.bulk_create([sql_store.issued_model(**{sql_store.id_field: key}, **times) for key in ids])
        rows = self.issued.filter(**{f"{sql_store.id_field}__in": ids[::2]})
        self.revoked.bulk_create([sql_store.revoked_model(**{sql_store.link_field: row}) for row in rows])

    def count_rows(self):
        return self.issued.count(), self.revoked.count()


TOKENS = Kind("tokens", "token_blacklist", "TokenStore", "CACHE_BLACKLISTED_REFRESH_TOKENS")
FAMILIES = Kind("families", "token_family", "FamilyStore", "CACHE_BLACKLISTED_FAMILIES")
each_kind = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.needs(kind.app), id=kind.noun) for kind in (TOKENS, FAMILIES)]
)


class TerminalOutput(StringIO):
    def isatty(self):
        return True


def flush_after(delta, kind=None):
    """Run the command ``delta`` later and return its output."""
    kind, now = kind or TOKENS, aware_utcnow() + delta
    with mock.patch(f"{kind.path}.aware_utcnow", lambda: now):
        return kind.run()


def calling_in_batches(before=lambda: None, after=lambda: None):
    """Call a function in the transaction of each batch, before or after the deletion."""
    run = transactions.run_with_retry

    def run_with_calls(alias, work, *, writes):
        def work_with_calls():
            before()
            result = work()
            after()
            return result

        return run(alias, work_with_calls, writes=writes)

    return mock.patch.object(transactions, "run_with_retry", run_with_calls)


def blacklist_token(token):
    token.blacklist()


def blacklist_row(token):
    TOKENS.revoked.get_or_create(token=TOKENS.issued.get(jti=token["jti"]))


def revoke_all(token):
    sessions.revoke_all(TOKENS.issued.get(jti=token["jti"]).user)


def lengthen_by_set_exp(token):
    token.set_exp(lifetime=30 * DAY)


def lengthen_payload(token):
    token["exp"] += 29 * 86400


def issue_directly(user, credentials, lengthen):
    token = RefreshToken.for_user(user)
    lengthen(token)
    return token


def issue_by_login(user, credentials, lengthen):
    class Lengthening(TokenObtainPairSerializer):
        @classmethod
        def get_token(cls, user):
            return issue_directly(user, None, lengthen)

    serializer = Lengthening(data=credentials)
    assert serializer.is_valid()
    return RefreshToken(serializer.validated_data["refresh"], verify=False)


def longest_shift():
    """Return how much longer records stay where times are naive."""
    return timedelta(hours=0 if settings.USE_TZ else 2)


def constraints_deferred(kind):
    if connections[kind.alias].vendor == "mysql":
        pytest.skip("MySQL and MariaDB check constraints immediately")
    return mock.patch.object(connections[kind.alias].features, "can_defer_constraint_checks", True)


def constraints_checked_immediately(kind):
    return mock.patch.object(connections[kind.alias].features, "can_defer_constraint_checks", False)


def rows_deleted_by_collector(kind):
    return mock.patch.object(bulk, "_can_skip_collector", lambda model, dependent: False)


def orm_only(kind):
    return another_vendor(kind.alias)


# The ways to delete a batch. Which one is used depends on the database and the project.
DELETION_METHODS = [constraints_deferred, constraints_checked_immediately, rows_deleted_by_collector, orm_only]


@each_kind
class TestOptions:
    def test_expired_rows_are_deleted_in_batches(self, kind):
        kind.fill(5)
        kind.fill(2, expires_at=aware_utcnow() + HOUR, name="unexpired")
        sizes = list(kind.sql_store.purge(aware_utcnow(), batch_size=2))
        assert sizes == [2, 2, 1]
        assert kind.count_rows() == (2, 1)

    def test_the_command_prints_the_number_of_deleted_rows(self, kind):
        kind.fill(5)
        assert kind.run(batch_size=2) == f"Expired {kind.noun} deleted: 5.\n"
        assert kind.run() == f"Expired {kind.noun} deleted: 0.\n"
        assert kind.count_rows() == (0, 0)

    def test_it_works_from_the_command_line(self, kind):
        kind.fill(3)
        out = StringIO()
        options = "--batch-size 2 --sleep 0.001 --dry-run".split()
        call_command(kind.name, *options, "--database", kind.alias, stdout=out)
        assert out.getvalue() == f"Expired {kind.noun} to delete: 3.\n"

    def test_handle_can_be_called_without_options(self, kind, capsys):
        kind.fill(3)
        importlib.import_module(kind.path).Command().handle()
        assert capsys.readouterr().out == f"Expired {kind.noun} deleted: 3.\n"

    def test_a_dry_run_counts_and_deletes_nothing(self, kind):
        kind.fill(3)
        kind.fill(2, expires_at=aware_utcnow() + HOUR, name="unexpired")
        assert kind.run(dry_run=True) == f"Expired {kind.noun} to delete: 3.\n"
        assert kind.count_rows() == (5, 3)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"batch_size": 0}, "--batch-size must be a whole number from 1 to 100000, not 0"),
            ({"batch_size": -1}, "--batch-size"),
            ({"batch_size": 100_001}, "--batch-size"),
            ({"batch_size": "many"}, "--batch-size"),
            ({"sleep": -0.1}, "--sleep must be a number of seconds, zero or more, not -0.1"),
            ({"sleep": float("nan")}, "--sleep"),
            ({"sleep": float("inf")}, "--sleep"),
            ({"sleep": "long"}, "--sleep"),
            ({"database": "elsewhere"}, "Unknown database 'elsewhere'. Use one of DATABASES: default"),
            ({"database": ""}, "Unknown database ''"),
        ],
    )
    @pytest.mark.parametrize("dry_run", [True, False])
    def test_an_invalid_value_is_an_error_and_nothing_is_deleted(self, kind, options, message, dry_run):
        kind.fill(3)
        with pytest.raises(CommandError, match=message):
            kind.run(**options, dry_run=dry_run)
        assert kind.count_rows() == (3, 2)

    @pytest.mark.parametrize("arguments", ["--batch-size=0", "--batch-size=2.5", "--sleep=-1", "--database=no"])
    def test_an_invalid_argument_is_an_error(self, kind, arguments):
        kind.fill(3)
        with pytest.raises(CommandError):
            call_command(kind.name, arguments)
        assert kind.count_rows() == (3, 2)

    @pytest.mark.needs("second_database")
    def test_a_database_without_the_tables_is_an_error(self, kind):
        with pytest.raises(CommandError, match=f"The database 'default' has no table of {kind.noun}"):
            kind.run(database="default")

    @pytest.mark.parametrize("cached", [True, False])
    def test_a_database_can_be_named(self, kind, simple_jwt, cached):
        simple_jwt(**{kind.cache_setting: cached})
        kind.fill(3)
        alias = kind.alias
        # The database that the router names for writes does not exist.
        with mock.patch.object(router, "db_for_write", return_value="elsewhere"):
            assert kind.run(database=alias, dry_run=True) == f"Expired {kind.noun} to delete: 3.\n"
            assert kind.run(database=alias) == f"Expired {kind.noun} deleted: 3.\n"
        assert kind.count_rows() == (0, 0)

    def test_the_command_pauses_between_batches(self, kind):
        kind.fill(5)
        with mock.patch.object(flush, "time") as time:
            kind.run(batch_size=2, sleep=0.5)
            assert time.sleep.mock_calls == [mock.call(0.5)] * 2
            kind.fill(5)
            kind.run(batch_size=2)
            assert time.sleep.call_count == 2
        assert kind.count_rows() == (0, 0)

    @pytest.mark.parametrize(("vendor", "size"), [("sqlite", 100_000), ("postgresql", 10_000), ("mysql", 10_000)])
    def test_batches_are_larger_on_sqlite(self, kind, vendor, size):
        purge = mock.Mock(return_value=iter(()))
        with (
            mock.patch.object(type(kind.sql_store), "purge", purge),
            mock.patch.object(connections[kind.alias], "vendor", vendor),
            mock.patch.object(connections[kind.alias], "cursor", mock.MagicMock()),
        ):
            cursor = connections[kind.alias].cursor.return_value.__enter__.return_value
            cursor.execute.return_value.fetchone.return_value = (-2000,)
            kind.run()
        assert purge.call_args.kwargs == {"batch_size": size}
        assert bool(cursor.execute.mock_calls) is (vendor == "sqlite")

    def test_the_page_cache_of_sqlite_is_restored(self, kind):
        if connections[kind.alias].vendor != "sqlite":
            pytest.skip("only SQLite has this cache")

        def cache_size():
            with connections[kind.alias].cursor() as cursor:
                return cursor.execute("PRAGMA cache_size").fetchone()[0]

        before, during = cache_size(), []
        kind.fill(1)
        with calling_in_batches(before=lambda: during.append(cache_size())):
            kind.run()
        assert during == [-flush.SQLITE_CACHE_KIB]
        assert cache_size() == before


@each_kind
class TestOutput:
    @pytest.fixture(autouse=True)
    def _capable_terminal(self, monkeypatch):
        monkeypatch.setenv("TERM", "xterm")
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)

    def test_a_terminal_gets_a_progress_bar(self, kind):
        kind.fill(3)
        drawn = kind.run(TerminalOutput(), batch_size=2)
        assert f"Expired {kind.noun}" in drawn.split("\x1b", 1)[1]
        assert drawn.endswith(f"Expired {kind.noun} deleted: 3.\n")

    @pytest.mark.parametrize(("out", "with_rich"), [(TerminalOutput, False), (StringIO, True)])
    def test_without_a_terminal_or_rich_only_the_count_is_printed(self, kind, out, with_rich):
        kind.fill(3)
        missing = {} if with_rich else dict.fromkeys(["rich", "rich.console", "rich.progress"])
        with mock.patch.dict(sys.modules, missing):
            assert kind.run(out(), batch_size=2) == f"Expired {kind.noun} deleted: 3.\n"

    def interrupted(self, kind, out=None, **options):
        out = out or StringIO()
        with pytest.raises(SystemExit) as stopped:
            kind.run(out, batch_size=2, **options)
        assert stopped.value.code == 130
        return out.getvalue()

    def test_an_interrupt_keeps_and_prints_what_was_deleted(self, kind):
        kind.fill(5)
        with mock.patch.object(flush, "time") as time:
            time.sleep.side_effect = [None, KeyboardInterrupt]
            assert self.interrupted(kind, sleep=1) == f"Interrupted. Expired {kind.noun} deleted: 4.\n"
        assert kind.count_rows() == (1, 1)
        assert kind.run() == f"Expired {kind.noun} deleted: 1.\n", "the next run deletes the rest"

    def test_the_count_is_printed_after_the_progress_bar(self, kind):
        kind.fill(5)
        with mock.patch.object(flush, "time") as time:
            time.sleep.side_effect = KeyboardInterrupt
            drawn = self.interrupted(kind, TerminalOutput(), sleep=1)
        assert drawn.endswith(f"Interrupted. Expired {kind.noun} deleted: 2.\n")

    def test_an_interrupt_in_a_batch_rolls_it_back(self, kind):
        kind.fill(5)
        with calling_in_batches(after=lambda: signal.raise_signal(signal.SIGINT)):
            assert self.interrupted(kind) == f"Interrupted. Expired {kind.noun} deleted: 0.\n"
        assert kind.count_rows() == (5, 3)


def test_a_subclass_must_define_the_store_and_the_cutoff():
    command = flush.FlushCommand()
    for missing in (command.store, command.sql_store, command.cutoff):
        with pytest.raises(NotImplementedError):
            missing()


class OtherStore(NullStore):
    """A store of a project, with one expired record."""

    def __init__(self, kind):
        self.kind = kind

    def expired(self, now):
        return 1

    def purge(self, now, *, batch_size):
        return iter([1])


@each_kind
def test_the_store_of_the_project_is_purged_unless_a_database_is_named(kind, simple_jwt):
    kind.fill(3)
    simple_jwt(REVOCATION_STORE=OtherStore)
    assert kind.run(dry_run=True) == f"Expired {kind.noun} to delete: 1.\n"
    assert kind.run() == f"Expired {kind.noun} deleted: 1.\n"
    assert kind.count_rows() == (3, 2)
    assert kind.run(database=kind.alias) == f"Expired {kind.noun} deleted: 3.\n"


@each_kind
class TestStatements:
    def statements(self, kind, rows, batch_size, deletion_method=constraints_deferred):
        kind.fill(rows)
        with deletion_method(kind), CaptureQueriesContext(connections[kind.alias]) as context:
            kind.run(batch_size=batch_size)
        assert kind.count_rows() == (0, 0)
        return [query["sql"] for query in context if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "PRAGMA"))]

    def test_the_number_of_statements_of_a_batch_does_not_depend_on_its_size(self, kind):
        few, many = self.statements(kind, 50, 10), self.statements(kind, 5_000, 1_000)
        assert len(few) == len(many)
        deletes = [sql for sql in many if sql.startswith("DELETE")]
        assert len(deletes) == 10, "two for each batch, one for each table"

    def test_no_query_returns_more_than_one_row(self, kind):
        queries = [sql for sql in self.statements(kind, 5_000, 1_000) if sql.startswith("SELECT")]
        assert len(queries) == 6, "one for the last row, and one for the end of each batch"
        for sql in queries:
            assert "MAX(" in sql or sql.partition(" OFFSET")[0].endswith("LIMIT 1")

    def test_no_encoded_token_is_fetched_where_constraints_are_checked_immediately(self, kind):
        statements = self.statements(kind, 50, 10, constraints_checked_immediately)
        deletes = [sql for sql in statements if sql.startswith("DELETE")]
        assert len(deletes) == 10
        text = connections[kind.alias].ops.quote_name("token")
        assert not any(text in sql for sql in statements)

    def test_rows_that_must_be_fetched_are_fetched_in_batches(self, kind, monkeypatch):
        monkeypatch.setattr(bulk, "FETCH_SIZE", 10)
        text = connections[kind.alias].ops.quote_name(kind.sql_store.id_field)
        few, many = (self.statements(kind, rows, 100, rows_deleted_by_collector) for rows in (100, 200))
        fetching = [sql for sql in many if sql.startswith("SELECT") and text in sql]
        assert (len(fetching), len(many) < 2 * len(few)) == (20, True)


@pytest.mark.needs("token_blacklist")
class TestTokensStayRejected:
    @pytest.fixture
    def expired_token(self, user):
        """Return a token that was issued a day ago and expired ``delta`` ago: `expired_token(delta)`."""

        def make(delta):
            token = RefreshToken()
            token.set_exp(from_time=aware_utcnow(), lifetime=-delta)
            token.set_iat(at_time=aware_utcnow() - DAY)
            return token

        return make

    @pytest.mark.parametrize("leeway", [3600, 3600.0, HOUR])
    def test_within_the_leeway(self, expired_token, simple_jwt, leeway):
        simple_jwt(LEEWAY=leeway)
        token = expired_token(timedelta(minutes=59))
        text = str(token)
        RefreshToken(text).blacklist()
        assert flush_after(longest_shift()) == "Expired tokens deleted: 0.\n"
        with pytest.raises(RefreshTokenBlacklistedError):
            RefreshToken(text)

    def test_on_a_machine_whose_clock_is_behind(self, expired_token):
        token = expired_token(timedelta(seconds=-5))
        text = str(token)
        token.blacklist()
        assert flush_after(timedelta(minutes=9) + longest_shift()) == "Expired tokens deleted: 0.\n"
        with pytest.raises(RefreshTokenBlacklistedError):
            RefreshToken(text)

    def test_until_no_machine_accepts_them(self, expired_token, simple_jwt):
        simple_jwt(LEEWAY=60)
        token = expired_token(timedelta(minutes=11, seconds=5))
        token.blacklist()
        assert flush_after(longest_shift()) == "Expired tokens deleted: 1.\n"
        with pytest.raises(ExpiredTokenError):
            RefreshToken(str(token))

    def class_with_leeway(self, leeway):
        """Return a token class with its own leeway, in seconds."""
        backend = TokenBackend("HS256", "k" * 32, leeway=leeway)
        return type("Patient", (RefreshToken,), {"_token_backend": backend})

    @pytest.mark.parametrize("revoke", [blacklist_token, blacklist_row, revoke_all])
    def test_within_the_leeway_of_their_class(self, user, simple_jwt, revoke):
        simple_jwt(LEEWAY=timedelta(minutes=10))
        token = self.class_with_leeway(3600).for_user(user)
        revoke(token)
        lifetime = type(token).lifetime
        assert flush_after(lifetime + timedelta(minutes=69) + longest_shift()) == "Expired tokens deleted: 0.\n"
        assert flush_after(lifetime + timedelta(minutes=71) + longest_shift()) == "Expired tokens deleted: 1.\n"

    def test_a_shorter_leeway_of_their_class_changes_nothing(self, user, simple_jwt):
        simple_jwt(LEEWAY=60)
        token = self.class_with_leeway(0).for_user(user)
        assert datetime_to_epoch(TOKENS.issued.get().expires_at) == token["exp"]

    @pytest.mark.parametrize("revoke", [blacklist_token, blacklist_row])
    def test_a_refreshed_sliding_token(self, user, clock, revoke):
        token = SlidingToken.for_user(user)
        clock(minutes=4)
        serializer = TokenRefreshSlidingSerializer(data={"token": str(token)})
        assert serializer.is_valid()
        copy = SlidingToken(serializer.validated_data["token"], verify=False)
        revoke(copy)
        # The first token expires after five minutes, and the copy after nine.
        assert flush_after(timedelta(minutes=6)) == "Expired tokens deleted: 0.\n"
        with pytest.raises(RefreshTokenBlacklistedError):
            copy.check_blacklist()
        assert flush_after(2 * DAY) == "Expired tokens deleted: 1.\n"

    def test_the_copy_of_a_sliding_token_whose_original_is_revoked(self, user, clock):
        token = SlidingToken.for_user(user)
        clock(minutes=4)
        serializer = TokenRefreshSlidingSerializer(data={"token": str(token)})
        assert serializer.is_valid()
        SlidingToken(str(token), verify=False).blacklist()
        assert flush_after(timedelta(minutes=6)) == "Expired tokens deleted: 0.\n"
        with pytest.raises(RefreshTokenBlacklistedError):
            SlidingToken(serializer.validated_data["token"], verify=False).check_blacklist()

    def test_a_token_whose_expiry_was_moved_after_it_was_recorded(self, user):
        token = RefreshToken.for_user(user)
        token.payload["exp"] += 29 * 86400
        RefreshToken(str(token)).blacklist()
        assert flush_after(2 * DAY) == "Expired tokens deleted: 0.\n"
        with pytest.raises(RefreshTokenBlacklistedError):
            RefreshToken(str(token))
        assert flush_after(31 * DAY) == "Expired tokens deleted: 1.\n"

    @pytest.mark.parametrize("revoke", [blacklist_token, blacklist_row, revoke_all])
    @pytest.mark.parametrize(
        ("log_in", "lengthen"),
        [
            (issue_directly, lengthen_by_set_exp),
            (issue_by_login, lengthen_by_set_exp),
            (issue_by_login, lengthen_payload),
        ],
    )
    def test_a_token_whose_expiry_is_moved_at_login(self, user, credentials, log_in, lengthen, revoke):
        token = log_in(user, credentials, lengthen)
        revoke(token)
        assert flush_after(2 * DAY) == "Expired tokens deleted: 0.\n"
        assert flush_after(31 * DAY) == "Expired tokens deleted: 1.\n"

    def test_revoke_all_finds_a_token_whose_expiry_was_moved(self, user, credentials):
        token = issue_directly(user, credentials, lengthen_by_set_exp)
        now = aware_utcnow() + 2 * DAY
        with mock.patch("rest_framework_simplejwt.tokens.aware_utcnow", lambda: now):
            assert sessions.revoke_all(user).tokens == 1
        self.assert_rejected(token)

    def test_changing_the_expiry_or_the_id_writes_nothing(self, user, assert_statements):
        token = RefreshToken.for_user(user)
        with assert_statements(0):
            token.set_exp(lifetime=HOUR)
            token.set_jti()
            token.set_exp(lifetime=30 * DAY)

    def test_a_token_without_expiry_can_be_issued(self, user, credentials):
        assert issue_by_login(user, credentials, lambda token: token.payload.pop("exp"))

    def recorded_too_short(self, user):
        """Return tokens that expire in 30 days but are recorded with an expiry in one day."""
        tokens = [RefreshToken.for_user(user) for _ in range(4)]
        for token in tokens:
            token.payload["exp"] += 29 * 86400
        return tokens

    def assert_rejected(self, token):
        with pytest.raises(TokenError):
            RefreshToken(str(token))

    @pytest.mark.parametrize("number", range(4))
    def test_a_token_that_is_revoked_between_two_batches(self, user, number):
        tokens = self.recorded_too_short(user)
        batches = TOKENS.sql_store.purge(aware_utcnow() + 2 * DAY, batch_size=2)
        assert next(batches) == 2
        assert tokens[number].blacklist()[1]
        assert list(batches) == [2 if number < 2 else 1]
        self.assert_rejected(tokens[number])
        assert TOKENS.count_rows() == (1, 1)

    @pytest.mark.parametrize("number", range(4))
    @pytest.mark.parametrize("deletion_method", DELETION_METHODS)
    def test_a_token_that_is_revoked_while_its_batch_waits(self, user, number, deletion_method):
        tokens = self.recorded_too_short(user)
        revoking = iter([tokens[number].blacklist])
        with deletion_method(TOKENS), calling_in_batches(before=lambda: [revoke() for revoke in revoking]):
            sizes = list(TOKENS.sql_store.purge(aware_utcnow() + 2 * DAY, batch_size=2))
        assert sizes == ([1, 2] if number < 2 else [2, 1])
        self.assert_rejected(tokens[number])
        assert TOKENS.count_rows() == (1, 1)

    @pytest.mark.parametrize("deletion_method", DELETION_METHODS)
    def test_a_revoked_token_whose_expiry_is_moved_while_its_batch_waits(self, user, deletion_method):
        token, _, _, _ = self.recorded_too_short(user)
        TOKENS.revoked.create(token=TOKENS.issued.get(jti=token["jti"]))
        revoking = iter([token.blacklist])
        with deletion_method(TOKENS), calling_in_batches(before=lambda: [revoke() for revoke in revoking]):
            assert sum(TOKENS.sql_store.purge(aware_utcnow() + 2 * DAY, batch_size=5)) == 3
        self.assert_rejected(token)
        assert TOKENS.count_rows() == (1, 1)


@pytest.mark.needs("token_family")
class TestFamiliesStayRejected:
    @pytest.mark.parametrize(("leeway", "deleted"), [(3600, 0), (HOUR, 0), (10, 1)])
    def test_within_the_leeway(self, user, simple_jwt, leeway, deleted):
        simple_jwt(LEEWAY=leeway, TOKEN_FAMILY_LIFETIME=DAY)
        token = RefreshToken.for_user(user)
        ended = timedelta(minutes=59)
        token.set_exp("family_exp", from_time=aware_utcnow(), lifetime=-ended)
        FAMILIES.issued.update(expires_at=aware_utcnow() - ended)
        token.blacklist_family()
        assert flush_after(longest_shift(), FAMILIES) == f"Expired families deleted: {deleted}.\n"
        with pytest.raises(TokenError, match="expired" if deleted else "blacklisted"):
            RefreshToken(str(token))

    def kinds():
        backend = {"_token_backend": TokenBackend("HS256", "k" * 32, leeway=3600)}
        access = type("Access", (AccessToken,), backend)
        own = {"token_type": "own", "lifetime": DAY, **backend}
        return [
            type("Refresh", (RefreshToken,), backend),
            type("RefreshOfAccess", (RefreshToken,), {"access_token_class": access}),
            type("WithoutAccess", (FamilyMixin, Token), own),
        ]

    @pytest.mark.parametrize("kind", kinds())
    def test_within_the_leeway_of_a_class_of_the_family(self, user, simple_jwt, kind):
        simple_jwt(TOKEN_FAMILY_LIFETIME=DAY)
        kind.for_user(user).blacklist_family()
        assert flush_after(DAY + timedelta(minutes=69) + longest_shift(), FAMILIES) == "Expired families deleted: 0.\n"
        assert flush_after(DAY + timedelta(minutes=71) + longest_shift(), FAMILIES) == "Expired families deleted: 1.\n"

    @pytest.mark.parametrize("end", [DAY * 30, None], ids=["later", "never"])
    def test_families_whose_expiry_is_moved_at_login(self, user, simple_jwt, credentials, end):
        simple_jwt(TOKEN_FAMILY_LIFETIME=DAY)

        def lengthen(token):
            if end is None:
                del token["family_exp"]
            else:
                token.set_exp("family_exp", lifetime=end)

        issue_by_login(user, credentials, lengthen)
        FAMILIES.revoked.create(family=FAMILIES.issued.get())
        assert flush_after(2 * DAY, FAMILIES) == "Expired families deleted: 0.\n"
        assert flush_after(31 * DAY, FAMILIES) == f"Expired families deleted: {0 if end is None else 1}.\n"

    def test_families_without_expiry(self, user, simple_jwt):
        simple_jwt(TOKEN_FAMILY_LIFETIME=None)
        token = RefreshToken.for_user(user)
        token.blacklist_family()
        assert flush_after(36_500 * DAY, FAMILIES) == "Expired families deleted: 0.\n"
        with pytest.raises(TokenError, match="blacklisted"):
            RefreshToken(str(token))


@each_kind
@pytest.mark.parametrize("deletion_method", DELETION_METHODS)
class TestConcurrentRuns:
    def test_each_row_is_counted_by_one_run(self, kind, deletion_method):
        kind.fill(7)
        with deletion_method(kind):
            one, other = (kind.sql_store.purge(aware_utcnow(), batch_size=2) for _ in range(2))
            assert [next(one), next(other), next(one)] == [2, 2, 2]
            assert (sum(other), sum(one)) == (1, 0)
        assert kind.count_rows() == (0, 0)

    def test_rows_that_another_run_deleted_are_not_counted(self, kind, deletion_method):
        kind.fill(5)
        with deletion_method(kind):
            other = kind.sql_store.purge(aware_utcnow(), batch_size=3)
            taking = iter([other])
            with calling_in_batches(before=lambda: [next(batches) for batches in taking]):
                assert list(kind.sql_store.purge(aware_utcnow(), batch_size=2)) == [0, 2]
            assert sum(other) == 0
        assert kind.count_rows() == (0, 0)


@each_kind
class TestSignalReceivers:
    @pytest.mark.parametrize("signal", [signals.pre_delete, signals.post_delete])
    @pytest.mark.parametrize("table", ["issued", "revoked"])
    def test_a_receiver_is_called_for_each_row(self, kind, signal, table, monkeypatch):
        monkeypatch.setattr(bulk, "FETCH_SIZE", 2)
        kind.fill(7)
        model, received = getattr(kind, table).model, []

        def receiver(instance, **facts):
            received.append(instance.pk)

        signal.connect(receiver, sender=model)
        try:
            expected = sorted(getattr(kind, table).values_list("pk", flat=True))
            assert kind.run(batch_size=5) == f"Expired {kind.noun} deleted: 7.\n"
        finally:
            signal.disconnect(receiver, sender=model)
        assert sorted(received) == expected
        assert kind.count_rows() == (0, 0)


@pytest.fixture
def note_model(kind, table, related_name, transactional_db):
    """A model of a project with a foreign key to one of the models, with CASCADE."""
    model = getattr(kind, table).model
    field = models.ForeignKey(model, models.CASCADE, related_name=related_name)
    meta = type("Meta", (), {"app_label": kind.app})
    note = type("Note", (models.Model,), {"__module__": __name__, "row": field, "Meta": meta})
    with connections[kind.alias].schema_editor() as editor:
        editor.create_model(note)
    yield note
    with connections[kind.alias].schema_editor() as editor:
        editor.delete_model(note)
    del apps.all_models[kind.app]["note"]
    apps.clear_cache()


@each_kind
@pytest.mark.parametrize("table", ["issued", "revoked"])
@pytest.mark.parametrize("related_name", [None, "+"])
@pytest.mark.django_db(transaction=True)
def test_rows_of_a_project_are_deleted_by_cascade(kind, table, note_model):
    kind.fill(3)
    kind.fill(1, expires_at=aware_utcnow() + HOUR, name="unexpired")
    note_model._default_manager.bulk_create([note_model(row=row) for row in getattr(kind, table).all()])
    assert kind.run(batch_size=2) == f"Expired {kind.noun} deleted: 3.\n"
    assert kind.count_rows() == (1, 1)
    assert note_model._default_manager.count() == 1
