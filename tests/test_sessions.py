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
def _families(simple_jwt):
    simple_jwt(TOKEN_FAMILY_ENABLED=True, TOKEN_FAMILY_CHECK_ON_ACCESS=True)


@pytest.fixture
def other(db, credentials):
    field = get_user_model().USERNAME_FIELD
    return get_user_model().objects.create_user(**{**credentials, field: f"other-{credentials[field]}"})


def lives(token):
    try:
        return bool(type(token)(str(token)))
    except TokenError:
        return False


def test_everything_of_a_user_ends(user):
    tokens = [kind.for_user(user) for kind in (RefreshToken, RefreshToken, SlidingToken)]
    access = tokens[0].access_token
    assert sessions.revoke_all(user) == Revoked(tokens=3, families=2)
    assert not any(lives(token) for token in [*tokens, access])


def test_a_second_time_there_is_nothing_left(user):
    RefreshToken.for_user(user)
    sessions.revoke_all(user)
    assert sessions.revoke_all(user) == Revoked(tokens=0, families=0)


def test_others_are_left_alone(user, other):
    token = RefreshToken.for_user(other)
    sessions.revoke_all(user)
    assert lives(token)


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
def test_who_is_no_user_of_the_project_ends_nothing(user, make):
    token = RefreshToken.for_user(user)
    with pytest.raises(TokenError):
        sessions.revoke_all(make(user))
    assert lives(token)


def test_new_logins_are_welcome(user):
    sessions.revoke_all(user)
    assert lives(RefreshToken.for_user(user))


def test_one_family_may_be_excepted(user, simple_jwt):
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
    here, elsewhere, sliding = RefreshToken.for_user(user), RefreshToken.for_user(user), SlidingToken.for_user(user)
    here = rotation.rotate(here).token
    assert sessions.revoke_all(user, except_family=here["family_id"]) == Revoked(tokens=2, families=1)
    assert lives(here)
    assert lives(here.access_token)
    assert not lives(elsewhere)
    assert not lives(sliding)


@pytest.mark.needs("token_blacklist", "token_family")
class TestRowsFromBeforeTheColumnOfFamilies:
    """Before migration 0015, and those that 5.5.1 writes: the family stands in the text of the token alone."""

    @pytest.fixture
    def rows(self):
        return revocation.token_store()._issued_rows

    @pytest.mark.parametrize("batch", [1, 500])
    def test_the_family_that_is_excepted_is_found_in_the_text(self, user, other, rows, batch, monkeypatch):
        monkeypatch.setattr("rest_framework_simplejwt.token_blacklist.store.FETCH_SIZE", batch)
        sliding, elsewhere, here = (kind.for_user(user) for kind in (SlidingToken, RefreshToken, RefreshToken))
        here = rotation.rotate(here).token
        rows.update(family_id=None)
        rows.filter(jti=sliding["jti"]).update(token="of a backend with a format of its own")
        assert sessions.revoke_all(user, except_family=here["family_id"]) == Revoked(tokens=2, families=1)
        assert lives(here)
        assert not lives(elsewhere)
        assert not lives(sliding)
        assert rows.get(jti=here["jti"]).family_id == here["family_id"]

    def test_what_has_no_text_either_ends(self, user, rows):
        here = RefreshToken.for_user(user)
        rows.update(family_id=None, token="")
        assert sessions.revoke_all(user, except_family=here["family_id"]).tokens == 1

    def test_everybodys_are_looked_at_when_no_owner_is_named(self, user, other, rows):
        here, others = RefreshToken.for_user(user), RefreshToken.for_user(other)
        rows.update(family_id=None)
        moment = tokens.aware_utcnow()
        assert revocation.token_store().revoke_all(None, now=moment, except_family=here["family_id"]) == 1
        assert (lives(here), lives(others)) == (True, False)


def test_while_families_are_off_the_tokens_end(user, simple_jwt):
    simple_jwt(TOKEN_FAMILY_ENABLED=False)
    token = RefreshToken.for_user(user)
    assert sessions.revoke_all(user) == Revoked(tokens=1, families=0)
    assert not lives(token)


def test_a_sliding_token_that_was_refreshed_ends_too(user, clock, post):
    clock(minutes=-4)
    token = SlidingToken.for_user(user)
    clock(minutes=4)
    copy = SlidingToken(post("refresh sliding", token=str(token)).json()["token"])
    clock(minutes=2)
    assert sessions.revoke_all(user).tokens == 1, "though the first one has expired by now"
    assert not lives(copy)


def test_what_the_leeway_still_accepts_ends_too(user, clock, simple_jwt):
    simple_jwt(LEEWAY=60)
    clock(seconds=-30)
    clock(seconds=-RefreshToken.lifetime.total_seconds())
    token = RefreshToken.for_user(user)
    clock(seconds=RefreshToken.lifetime.total_seconds() + 30)
    assert lives(token)
    sessions.revoke_all(user)
    assert not lives(token)


def test_what_a_machine_with_a_slower_clock_still_accepts_ends_too(user, clock):
    clock(seconds=30 - RefreshToken.lifetime.total_seconds())
    token = RefreshToken.for_user(user)
    clock(seconds=RefreshToken.lifetime.total_seconds() + 10)
    assert sessions.revoke_all(user).tokens == 1
    clock(seconds=-40)
    with pytest.raises(RefreshTokenBlacklistedError):
        RefreshToken(str(token))


def test_without_a_jti_the_families_end(user, simple_jwt):
    simple_jwt(JTI_CLAIM=None)
    RefreshToken.for_user(user)
    assert sessions.revoke_all(user) == Revoked(tokens=0, families=1)


@pytest.mark.needs("token_blacklist", "token_family")
class TestRefreshesThatAreFaster:
    @pytest.fixture
    def slow(self, monkeypatch):
        """Let so many rounds find their tokens spent already, as a refresh at that moment would: `slow(2)`."""

        def miss(rounds):
            insert = sql.insert_from_query

            def missing(*args):
                nonlocal rounds
                rounds -= 1
                return insert(*args) if rounds < 0 else 0

            monkeypatch.setattr(sql, "insert_from_query", missing)

        return miss

    def test_what_they_left_ends_in_the_next_round(self, user, simple_jwt, slow):
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        token = RefreshToken.for_user(user)
        slow(2)
        assert sessions.revoke_all(user).tokens == 1
        assert not lives(token)

    def test_a_later_round_begins_with_the_new_rows(self, user, simple_jwt, monkeypatch):
        """Then come rows whose transaction was still open: their keys are lower than that of the newest row."""
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
        assert not any(lives(token) for token in tokens.values())

    def test_the_first_row_of_all_may_be_new(self, user, simple_jwt, monkeypatch):
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        tokens, insert = [], sql.insert_from_query

        def racing(*args):
            revoked = insert(*args)
            tokens.extend([] if tokens else [RefreshToken.for_user(user)])
            return revoked

        monkeypatch.setattr(sql, "insert_from_query", racing)
        assert sessions.revoke_all(user).tokens == 1
        assert not lives(tokens[0])

    def test_if_they_stay_faster_that_is_said(self, user, simple_jwt, slow, caplog):
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        RefreshToken.for_user(user)
        slow(1000)
        with pytest.raises(RevocationUnavailable):
            sessions.revoke_all(user)
        assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.needs("token_blacklist", "token_family")
def test_the_number_of_statements_does_not_grow(user, assert_statements):
    for _ in range(20):
        RefreshToken.for_user(user)
    # To see where new rows begin, to revoke, and to see that nothing is left: for tokens and for families.
    with assert_statements(6):
        sessions.revoke_all(user)


@pytest.mark.needs("token_blacklist", "token_family")
class TestRevokedByItsId:
    """An id does not tell when its token expires."""

    FLUSHES = ("flushexpiredtokens", "flushexpiredfamilies")

    @pytest.fixture
    def flushed_later(self, monkeypatch):
        """The flush of a day on which nothing of the usual lifetimes is left."""
        from rest_framework_simplejwt.revocation.sql import SQLStore

        later = aware_utcnow() + timedelta(days=366)
        purge = SQLStore.purge
        monkeypatch.setattr(SQLStore, "purge", lambda self, now, **kwargs: purge(self, later, **kwargs))

        def flush():
            for command in self.FLUSHES:
                call_command(command, stdout=StringIO())

        return flush

    def test_a_token_that_lasts_longer_than_others_stays_revoked(self, flushed_later):
        token = RefreshToken()
        token.set_exp(lifetime=timedelta(days=800))
        sessions.revoke_token(token["jti"])
        flushed_later()
        assert not lives(token)

    def test_and_so_does_a_family(self, flushed_later):
        token = RefreshToken()
        token["family_id"] = "f"
        token.set_exp(lifetime=timedelta(days=800))
        sessions.revoke_family("f")
        flushed_later()
        assert not lives(token)

    def test_one_on_record_is_kept_as_long_as_that(self, user):
        from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
        from rest_framework_simplejwt.token_family.models import TokenFamily

        token = RefreshToken.for_user(user)
        rows = [OutstandingToken.objects.filter(jti=token["jti"]), TokenFamily.objects.all()]
        before = [row.get().expires_at for row in rows]
        assert sessions.revoke_token(token["jti"])
        assert sessions.revoke_family(token["family_id"])
        assert [row.get().expires_at for row in rows] == before
        assert not lives(token)


class TestCommand:
    def run(self, *options):
        output = StringIO()
        call_command("revoketokens", *options, stdout=output)
        return output.getvalue().strip()

    @pytest.fixture(autouse=True)
    def _installed(self):
        from django.apps import apps

        if not apps.is_installed("rest_framework_simplejwt"):
            pytest.skip("the command comes with the core app, which this project does not install")

    def test_a_users(self, user, other, credentials):
        token, others = RefreshToken.for_user(user), RefreshToken.for_user(other)
        name = credentials[get_user_model().USERNAME_FIELD]
        assert self.run("--user", name) == "Revoked: 1 tokens, 1 families."
        assert (lives(token), lives(others)) == (False, True)

    def test_everybodys(self, user, other):
        tokens = [RefreshToken.for_user(user), RefreshToken.for_user(other)]
        assert self.run("--all") == "Revoked: 2 tokens, 2 families."
        assert not any(lives(token) for token in tokens)

    def test_one(self, user, received):
        token, sibling = RefreshToken.for_user(user), RefreshToken.for_user(user)
        with received(signals.token_revoked) as calls:
            assert self.run("--jti", token["jti"]) == "The token is revoked."
            assert self.run("--jti", token["jti"]) == "The token had been revoked before."
        assert [(call["jti"], call["token"]) for call in calls] == [(token["jti"], None)]
        assert (lives(token), lives(sibling)) == (False, True)

    def test_one_that_was_never_recorded(self):
        token = RefreshToken()
        assert self.run("--jti", token["jti"]) == "The token is revoked."
        assert not lives(token)

    def test_a_family(self, user, received):
        token = RefreshToken.for_user(user)
        with received(signals.family_revoked) as calls:
            assert self.run("--family", token["family_id"]) == "The family is revoked."
            assert self.run("--family", token["family_id"]) == "The family had been revoked before."
        assert [(call["family_id"], call["reason"]) for call in calls] == [(token["family_id"], "revoked")]
        assert not lives(token)

    def test_a_family_that_lasts_for_ever(self, user, simple_jwt):
        simple_jwt(TOKEN_FAMILY_LIFETIME=None)
        token = RefreshToken.for_user(user)
        self.run("--family", token["family_id"])
        assert not lives(token)

    def test_an_unknown_user_is_an_error(self, user):
        token = RefreshToken.for_user(user)
        with pytest.raises(CommandError, match="There is no user 'nobody'"):
            self.run("--user", "nobody")
        assert lives(token)

    @pytest.mark.parametrize("options", [[], ["--all", "--user", "alice"]])
    def test_exactly_one_of_them_is_named(self, options):
        with pytest.raises(CommandError):
            self.run(*options)


@pytest.mark.parametrize("options", [["--all"], ["--jti", "x"], ["--family", "x"]])
def test_where_nothing_is_remembered_the_command_says_so(options, monkeypatch):
    from rest_framework_simplejwt.management.commands import revoketokens

    for name in ("can_revoke_tokens", "can_revoke_families"):
        monkeypatch.setattr(revoketokens, name, lambda: False)
    with pytest.raises(CommandError, match="does not remember"):
        call_command(revoketokens.Command(), *options)


def test_the_claim_is_not_what_decides_whose_tokens_are_ended(user, other):
    """Records know their owner by primary key, whatever USER_ID_CLAIM says."""
    token = RefreshToken.for_user(user)
    token[api_settings.USER_ID_CLAIM] = str(other.pk)
    assert sessions.revoke_all(user).tokens == 1
