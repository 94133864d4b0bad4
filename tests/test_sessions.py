from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command

from rest_framework_simplejwt import revocation, rotation, sessions, signals, tokens
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, RevocationUnavailable, TokenError
from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.revocation import sql
from rest_framework_simplejwt.sessions import Revoked
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken
from rest_framework_simplejwt.utils import aware_utcnow

pytestmark = [pytest.mark.django_db, pytest.mark.needs("revocation", "families")]


@pytest.fixture(autouse=True)
def _enable_families(simple_jwt):
    simple_jwt(TOKEN_FAMILY_ENABLED=True, TOKEN_FAMILY_CHECK_ON_ACCESS=True)


@pytest.fixture
def other(db, credentials):
    field = get_user_model().USERNAME_FIELD
    return get_user_model().objects.create_user(**{**credentials, field: f"other-{credentials[field]}"})


def is_valid(token):
    try:
        return bool(type(token)(str(token)))
    except TokenError:
        return False


def test_all_tokens_of_a_user_are_revoked(user):
    tokens = [kind.for_user(user) for kind in (RefreshToken, RefreshToken, SlidingToken)]
    access = tokens[0].access_token
    assert sessions.revoke_all(user) == Revoked(tokens=3, families=2)
    assert not any(is_valid(token) for token in [*tokens, access])


def test_a_second_call_revokes_nothing(user):
    RefreshToken.for_user(user)
    sessions.revoke_all(user)
    assert sessions.revoke_all(user) == Revoked(tokens=0, families=0)


def test_tokens_of_other_users_stay_valid(user, other):
    token = RefreshToken.for_user(other)
    sessions.revoke_all(user)
    assert is_valid(token)


@pytest.mark.parametrize(
    "make",
    [
        lambda user: ContentType(pk=user.pk),
        lambda user: AnonymousUser(),
        lambda user: get_user_model()(pk=None),
        lambda user: TokenUser(AccessToken.for_user(user)),
        lambda user: None,
    ],
    ids=["a row of another model", "nobody", "not saved yet", "stands in for a user", "None"],
)
def test_only_a_saved_user_is_accepted(user, make):
    token = RefreshToken.for_user(user)
    with pytest.raises(TokenError):
        sessions.revoke_all(make(user))
    assert is_valid(token)


def test_a_new_login_is_valid(user):
    sessions.revoke_all(user)
    assert is_valid(RefreshToken.for_user(user))


def test_except_family_keeps_one_family(user, simple_jwt):
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
    here, elsewhere, sliding = RefreshToken.for_user(user), RefreshToken.for_user(user), SlidingToken.for_user(user)
    here = rotation.rotate(here).token
    assert sessions.revoke_all(user, except_family=here["family_id"]) == Revoked(tokens=2, families=1)
    assert is_valid(here)
    assert is_valid(here.access_token)
    assert not is_valid(elsewhere)
    assert not is_valid(sliding)


@pytest.mark.needs("token_blacklist", "token_family")
class TestRowsWithoutFamilyId:
    """Rows from before migration 0015, and rows of 5.5.1: only the text of the token contains the family."""

    @pytest.fixture
    def rows(self):
        return revocation.token_store()._issued_rows

    @pytest.mark.parametrize("batch", [1, 500])
    def test_except_family_is_found_in_the_token_text(self, user, other, rows, batch, monkeypatch):
        monkeypatch.setattr("rest_framework_simplejwt.token_blacklist.store.FETCH_SIZE", batch)
        sliding, elsewhere, here = (kind.for_user(user) for kind in (SlidingToken, RefreshToken, RefreshToken))
        here = rotation.rotate(here).token
        rows.update(family_id=None)
        rows.filter(jti=sliding["jti"]).update(token="of a backend with a format of its own")
        assert sessions.revoke_all(user, except_family=here["family_id"]) == Revoked(tokens=2, families=1)
        assert is_valid(here)
        assert not is_valid(elsewhere)
        assert not is_valid(sliding)
        assert rows.get(jti=here["jti"]).family_id == here["family_id"]

    def test_a_row_without_a_token_text_is_revoked(self, user, rows):
        here = RefreshToken.for_user(user)
        rows.update(family_id=None, token="")
        assert sessions.revoke_all(user, except_family=here["family_id"]).tokens == 1

    def test_without_an_owner_the_rows_of_all_users_are_read(self, user, other, rows):
        here, others = RefreshToken.for_user(user), RefreshToken.for_user(other)
        rows.update(family_id=None)
        moment = tokens.aware_utcnow()
        assert revocation.token_store().revoke_all(None, now=moment, except_family=here["family_id"]) == 1
        assert (is_valid(here), is_valid(others)) == (True, False)


def test_tokens_are_revoked_while_families_are_disabled(user, simple_jwt):
    simple_jwt(TOKEN_FAMILY_ENABLED=False)
    token = RefreshToken.for_user(user)
    assert sessions.revoke_all(user) == Revoked(tokens=1, families=0)
    assert not is_valid(token)


def test_a_refreshed_sliding_token_is_revoked(user, clock, post):
    clock(minutes=-4)
    token = SlidingToken.for_user(user)
    clock(minutes=4)
    copy = SlidingToken(post("refresh sliding", token=str(token)).json()["token"])
    clock(minutes=2)
    assert sessions.revoke_all(user).tokens == 1, "though the first one has expired by now"
    assert not is_valid(copy)


def test_a_token_within_the_leeway_is_revoked(user, clock, simple_jwt):
    simple_jwt(LEEWAY=60)
    clock(seconds=-30)
    clock(seconds=-RefreshToken.lifetime.total_seconds())
    token = RefreshToken.for_user(user)
    clock(seconds=RefreshToken.lifetime.total_seconds() + 30)
    assert is_valid(token)
    sessions.revoke_all(user)
    assert not is_valid(token)


def test_a_token_that_a_slower_clock_still_accepts_is_revoked(user, clock):
    clock(seconds=30 - RefreshToken.lifetime.total_seconds())
    token = RefreshToken.for_user(user)
    clock(seconds=RefreshToken.lifetime.total_seconds() + 10)
    assert sessions.revoke_all(user).tokens == 1
    clock(seconds=-40)
    with pytest.raises(RefreshTokenBlacklistedError):
        RefreshToken(str(token))


def test_without_jti_claim_the_families_are_revoked(user, simple_jwt):
    simple_jwt(JTI_CLAIM=None)
    RefreshToken.for_user(user)
    assert sessions.revoke_all(user) == Revoked(tokens=0, families=1)


@pytest.mark.needs("token_blacklist", "token_family")
class TestConcurrentRefreshes:
    @pytest.fixture
    def lose_rounds(self, monkeypatch):
        """Makes that many rounds find their tokens consumed by a concurrent refresh: `lose_rounds(2)`."""

        def lose(rounds):
            insert = sql.insert_from_query

            def missing(*args):
                nonlocal rounds
                rounds -= 1
                return insert(*args) if rounds < 0 else 0

            monkeypatch.setattr(sql, "insert_from_query", missing)

        return lose

    def test_a_token_that_was_missed_is_revoked_in_the_next_round(self, user, simple_jwt, lose_rounds):
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        token = RefreshToken.for_user(user)
        lose_rounds(2)
        assert sessions.revoke_all(user).tokens == 1
        assert not is_valid(token)

    def test_a_later_round_starts_with_the_new_rows(self, user, simple_jwt, monkeypatch):
        """The last round revokes rows with lower keys, whose transactions were still open before."""
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        tokens = {name: RefreshToken.for_user(user) for name in ("late", "old")}
        scopes, insert = [], sql.insert_from_query

        def racing(model, names, rows):
            found = set(rows.values_list("jti", flat=True))
            scopes.append({name for name, token in tokens.items() if token["jti"] in found})
            if len(scopes) > 1:
                return insert(model, names, rows)
            tokens["new"] = RefreshToken.for_user(user)
            return insert(model, names, rows.filter(jti=tokens["old"]["jti"]))

        monkeypatch.setattr(sql, "insert_from_query", racing)
        assert sessions.revoke_all(user).tokens == 3
        assert scopes == [{"late", "old"}, {"new"}, {"late"}]
        assert not any(is_valid(token) for token in tokens.values())

    def test_a_row_added_to_an_empty_table_is_revoked(self, user, simple_jwt, monkeypatch):
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        tokens, insert = [], sql.insert_from_query

        def racing(*args):
            revoked = insert(*args)
            tokens.extend([] if tokens else [RefreshToken.for_user(user)])
            return revoked

        monkeypatch.setattr(sql, "insert_from_query", racing)
        assert sessions.revoke_all(user).tokens == 1
        assert not is_valid(tokens[0])

    def test_too_many_lost_rounds_raise_revocation_unavailable(self, user, simple_jwt, lose_rounds, caplog):
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        RefreshToken.for_user(user)
        lose_rounds(1000)
        with pytest.raises(RevocationUnavailable):
            sessions.revoke_all(user)
        assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.needs("token_blacklist", "token_family")
def test_the_number_of_statements_does_not_depend_on_the_number_of_tokens(user, assert_statements):
    for _ in range(20):
        RefreshToken.for_user(user)
    # For tokens and for families: find where new rows start, revoke, and check that nothing is left.
    with assert_statements(6):
        sessions.revoke_all(user)


@pytest.mark.needs("token_blacklist", "token_family")
class TestRevokeById:
    """Only the id is known, and not when the token or family expires."""

    FLUSHES = ("flushexpiredtokens", "flushexpiredfamilies")

    @pytest.fixture
    def flush_in_a_year(self, monkeypatch):
        """Runs the flush commands as on a day when every token with a usual lifetime has expired."""
        from rest_framework_simplejwt.revocation.sql import SQLStore

        later = aware_utcnow() + timedelta(days=366)
        purge = SQLStore.purge
        monkeypatch.setattr(SQLStore, "purge", lambda self, now, **kwargs: purge(self, later, **kwargs))

        def flush():
            for command in self.FLUSHES:
                call_command(command, stdout=StringIO())

        return flush

    def test_a_token_without_a_record_stays_revoked_after_a_flush(self, flush_in_a_year):
        token = RefreshToken()
        token.set_exp(lifetime=timedelta(days=800))
        sessions.revoke_token(token["jti"])
        flush_in_a_year()
        assert not is_valid(token)

    def test_a_family_without_a_record_stays_revoked_after_a_flush(self, flush_in_a_year):
        token = RefreshToken()
        token["family_id"] = "f"
        token.set_exp(lifetime=timedelta(days=800))
        sessions.revoke_family("f")
        flush_in_a_year()
        assert not is_valid(token)

    def test_a_token_on_record_keeps_its_expiry(self, user):
        from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
        from rest_framework_simplejwt.token_family.models import TokenFamily

        token = RefreshToken.for_user(user)
        rows = [OutstandingToken.objects.filter(jti=token["jti"]), TokenFamily.objects.all()]
        before = [row.get().expires_at for row in rows]
        assert sessions.revoke_token(token["jti"])
        assert sessions.revoke_family(token["family_id"])
        assert [row.get().expires_at for row in rows] == before
        assert not is_valid(token)


class TestCommand:
    def run(self, *options):
        output = StringIO()
        call_command("revoketokens", *options, stdout=output)
        return output.getvalue().strip()

    @pytest.fixture(autouse=True)
    def _require_core_app(self):
        from django.apps import apps

        if not apps.is_installed("rest_framework_simplejwt"):
            pytest.skip("the command comes with the core app, which this project does not install")

    def test_user_revokes_the_tokens_of_one_user(self, user, other, credentials):
        token, others = RefreshToken.for_user(user), RefreshToken.for_user(other)
        name = credentials[get_user_model().USERNAME_FIELD]
        assert self.run("--user", name) == "Revoked: 1 tokens, 1 families."
        assert (is_valid(token), is_valid(others)) == (False, True)

    def test_all_revokes_the_tokens_of_all_users(self, user, other):
        tokens = [RefreshToken.for_user(user), RefreshToken.for_user(other)]
        assert self.run("--all") == "Revoked: 2 tokens, 2 families."
        assert not any(is_valid(token) for token in tokens)

    def test_jti_revokes_one_token(self, user, received):
        token, sibling = RefreshToken.for_user(user), RefreshToken.for_user(user)
        with received(signals.token_revoked) as calls:
            assert self.run("--jti", token["jti"]) == "The token is revoked."
            assert self.run("--jti", token["jti"]) == "The token was already revoked."
        assert [(call["jti"], call["token"]) for call in calls] == [(token["jti"], None)]
        assert (is_valid(token), is_valid(sibling)) == (False, True)

    def test_jti_revokes_a_token_without_a_record(self):
        token = RefreshToken()
        assert self.run("--jti", token["jti"]) == "The token is revoked."
        assert not is_valid(token)

    def test_family_revokes_one_family(self, user, received):
        token = RefreshToken.for_user(user)
        with received(signals.family_revoked) as calls:
            assert self.run("--family", token["family_id"]) == "The family is revoked."
            assert self.run("--family", token["family_id"]) == "The family was already revoked."
        assert [(call["family_id"], call["reason"]) for call in calls] == [(token["family_id"], "revoked")]
        assert not is_valid(token)

    def test_family_revokes_a_family_without_an_expiry(self, user, simple_jwt):
        simple_jwt(TOKEN_FAMILY_LIFETIME=None)
        token = RefreshToken.for_user(user)
        self.run("--family", token["family_id"])
        assert not is_valid(token)

    def test_an_unknown_user_is_an_error(self, user):
        token = RefreshToken.for_user(user)
        with pytest.raises(CommandError, match="There is no user 'nobody'"):
            self.run("--user", "nobody")
        assert is_valid(token)

    @pytest.mark.parametrize("options", [[], ["--all", "--user", "alice"]])
    def test_exactly_one_option_is_required(self, options):
        with pytest.raises(CommandError):
            self.run(*options)


@pytest.mark.parametrize("options", [["--all"], ["--jti", "x"], ["--family", "x"]])
def test_without_a_revocation_store_the_command_fails(options, monkeypatch):
    from rest_framework_simplejwt.management.commands import revoketokens

    for name in ("can_revoke_tokens", "can_revoke_families"):
        monkeypatch.setattr(revoketokens, name, lambda: False)
    with pytest.raises(CommandError, match="does not record"):
        call_command(revoketokens.Command(), *options)


def test_the_recorded_owner_decides_and_not_the_user_id_claim(user, other):
    """A record has its owner's primary key, whatever USER_ID_CLAIM is."""
    token = RefreshToken.for_user(user)
    token[api_settings.USER_ID_CLAIM] = str(other.pk)
    assert sessions.revoke_all(user).tokens == 1
