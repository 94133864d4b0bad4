"""A refresh that finds out by spending whether its token was revoked refuses what one that asks first refuses."""

from unittest import mock

import pytest
from django.db import IntegrityError, connections, router

from rest_framework_simplejwt import revocation, rotation, signals, tokens
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.revocation.sql import SQLStore
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.tokens import RefreshToken
from tests.conftest import has_other_connections, written_directly

pytestmark = [pytest.mark.django_db, pytest.mark.needs("token_blacklist", "token_family")]


@pytest.fixture(autouse=True)
def _rotating(simple_jwt):
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_ENABLED=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
    )


@pytest.fixture
def refresh(user):
    return RefreshToken.for_user(user)


class Spy:
    def __init__(self):
        self.exchanged = []
        self.asked = []


@pytest.fixture
def spy(monkeypatch):
    """What the stores were asked to exchange, with which result, and what they were asked about."""
    spy, exchange, is_revoked = Spy(), SQLStore.exchange, SQLStore.is_revoked

    def exchanged(self, spent, successor, families):
        spy.exchanged.append(exchange(self, spent, successor, families))
        return spy.exchanged[-1]

    def asked(self, key):
        spy.asked.append(key)
        return is_revoked(self, key)

    monkeypatch.setattr(SQLStore, "exchange", exchanged)
    monkeypatch.setattr(SQLStore, "is_revoked", asked)
    return spy


@pytest.fixture
def recorded():
    """The ids of all tokens on record, and of those that were revoked."""
    store = revocation.token_store()
    return lambda: (
        list(store._issued.order_by("pk").values_list("jti", flat=True)),
        list(store._revoked.order_by("pk").values_list("token__jti", flat=True)),
    )


@pytest.fixture
def directly():
    connection = connections[router.db_for_write(tokens.OutstandingToken)]
    # The test is a transaction, in which SQLite keeps every other connection from writing.
    if not written_directly(connection) or (connection.vendor == "sqlite" and has_other_connections(connection)):
        pytest.skip("the ORM writes here, or it is asked first")


def in_body(answer):
    return answer.status_code, answer.json().get("code"), answer.json().get("detail")


REVOKED = (401, "token_not_valid", "Token is blacklisted")
FAMILY_REVOKED = (401, "token_not_valid", "Token family is blacklisted")


def family_is_revoked(token):
    return revocation.family_store().is_revoked(token["family_id"])


@pytest.mark.usefixtures("directly")
def test_a_good_token_is_spent_and_nobody_asked(post, refresh, spy, recorded, user):
    answer = post("refresh", refresh=str(refresh))
    assert answer.status_code == 200
    assert (spy.exchanged, spy.asked) == ([True], [])
    successor = RefreshToken(answer.json()["refresh"])
    assert recorded() == ([refresh["jti"], successor["jti"]], [refresh["jti"]])
    row = tokens.OutstandingToken.objects.get(jti=successor["jti"])
    assert (row.user, row.token, row.family_id) == (user, str(successor.token), refresh["family_id"])
    assert {name: value for name, value in successor.payload.items() if name not in {"jti", "exp", "iat"}} == {
        name: value for name, value in refresh.payload.items() if name not in {"jti", "exp", "iat"}
    }


def test_a_revoked_token_is_refused_and_sounds_the_alarm(post, refresh, spy, recorded, received):
    refresh.blacklist()
    before = recorded()
    with received(signals.refresh_token_reused) as reused, received(signals.family_revoked) as revoked:
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
    assert True not in spy.exchanged
    assert recorded() == before
    assert family_is_revoked(refresh)
    assert [(call["jti"], call["sender"]) for call in reused] == [(refresh["jti"], RefreshToken)]
    assert [call["reason"] for call in revoked] == ["reuse"]


def test_a_token_that_was_spent_before_is_refused_and_sounds_the_alarm(post, refresh):
    successor = post("refresh", refresh=str(refresh)).json()["refresh"]
    assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
    assert in_body(post("refresh", refresh=successor)) == FAMILY_REVOKED


@pytest.mark.parametrize("find_out", [rotation.refresh, rotation.settle])
def test_the_alarm_names_what_was_presented_and_how(refresh, received, find_out):
    rotation.refresh(rotation.present(RefreshToken, str(refresh), at_once=True))
    request = object()
    with received(signals.refresh_token_reused) as calls, pytest.raises(RefreshTokenBlacklistedError):
        find_out(rotation.present(RefreshToken, str(refresh), request, at_once=True))
    assert [(call["jti"], call["request"]) for call in calls] == [(refresh["jti"], request)]


def test_within_a_revoked_family_nothing_is_spent(post, refresh, recorded):
    refresh.blacklist_family()
    before = recorded()
    assert in_body(post("refresh", refresh=str(refresh))) == FAMILY_REVOKED
    assert recorded() == before
    assert before[1] == []


def test_a_revoked_token_of_a_revoked_family_is_refused_as_revoked(post, refresh, received):
    refresh.blacklist()
    refresh.blacklist_family()
    with received(signals.refresh_token_reused) as reused:
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
    assert reused == []


def test_a_token_that_was_never_recorded_is_good_once(post, refresh, recorded):
    tokens.OutstandingToken.objects.all().delete()
    answer = post("refresh", refresh=str(refresh))
    assert answer.status_code == 200
    successor = RefreshToken(answer.json()["refresh"])["jti"]
    assert (set(recorded()[0]), recorded()[1]) == ({refresh["jti"], successor}, [refresh["jti"]])
    assert in_body(post("refresh", refresh=str(refresh))) == REVOKED


def test_a_token_whose_record_ends_before_it_does_is_good_once(post, refresh):
    record = tokens.OutstandingToken.objects.get()
    tokens.OutstandingToken.objects.update(expires_at=record.created_at)
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert tokens.OutstandingToken.objects.get(pk=record.pk).expires_at == record.expires_at
    assert in_body(post("refresh", refresh=str(refresh))) == REVOKED


def test_a_token_without_a_family_is_asked_about_itself_alone(post, refresh):
    del refresh["family_id"]
    answer = post("refresh", refresh=str(refresh))
    assert answer.status_code == 200
    assert "family_id" not in RefreshToken(answer.json()["refresh"])
    assert in_body(post("refresh", refresh=str(refresh))) == REVOKED


def deactivate(user):
    user.is_active = False
    user.save()


def delete(user):
    user.delete()


@pytest.mark.needs("django's user")
@pytest.mark.parametrize("end", [deactivate, delete])
class TestUserWhoMayNot:
    def test_sounds_the_alarm_with_a_revoked_token(self, post, refresh, user, end, recorded, received):
        refresh.blacklist()
        end(user)
        before = recorded()
        with received(signals.refresh_token_reused) as reused:
            assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
        assert family_is_revoked(refresh)
        assert [call["jti"] for call in reused] == [refresh["jti"]]
        assert recorded() == before

    def test_is_told_that_the_family_was_revoked(self, post, refresh, user, end):
        refresh.blacklist_family()
        end(user)
        assert in_body(post("refresh", refresh=str(refresh))) == FAMILY_REVOKED

    def test_is_refused_with_a_good_one_and_spends_nothing(self, post, refresh, user, end, recorded):
        end(user)
        assert post("refresh", refresh=str(refresh)).json()["code"] == "no_active_account"
        assert recorded() == ([refresh["jti"]], [])
        assert not family_is_revoked(refresh)


def raising(error):
    def rule(user):
        raise error

    return rule


@pytest.mark.parametrize("error", [RuntimeError("the project's own"), IntegrityError("the project's own")])
def test_a_rule_that_raises_does_not_hide_reuse(post, refresh, simple_jwt, received, error):
    refresh.blacklist()
    simple_jwt(USER_AUTHENTICATION_RULE=raising(error))
    with received(signals.refresh_token_reused) as reused:
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
    assert [call["jti"] for call in reused] == [refresh["jti"]]
    assert family_is_revoked(refresh)


def test_a_rule_that_raises_spends_nothing(post, refresh, simple_jwt, recorded):
    simple_jwt(USER_AUTHENTICATION_RULE=raising(RuntimeError("the project's own")))
    with pytest.raises(RuntimeError, match="the project's own"):
        post("refresh", refresh=str(refresh))
    assert recorded() == ([refresh["jti"]], [])


def expired(refresh):
    refresh["exp"] = refresh["iat"] - 1
    return "Token is expired"


def of_another_type(refresh):
    refresh["token_type"] = "access"
    return "Token has wrong type"


def of_an_ended_family(refresh):
    refresh["family_exp"] = refresh["iat"] - 1
    return "Token family has expired"


def with_a_family_that_is_none(refresh):
    refresh["family_id"] = 5
    return "Token is invalid"


@pytest.mark.parametrize("spoil", [expired, of_another_type, of_an_ended_family, with_a_family_that_is_none])
@pytest.mark.parametrize("is_revoked", [True, False], ids=["revoked", "not revoked"])
def test_what_else_is_wrong_is_refused_as_by_one_that_asks_first(post, refresh, spoil, is_revoked, recorded, caplog):
    if is_revoked:
        refresh.blacklist()
    family_id, because = refresh["family_id"], spoil(refresh)
    before = recorded()
    answers, outcomes = [], []
    for exchanges in (lambda token_class: False, rotation._exchanges):
        with mock.patch.object(rotation, "_exchanges", exchanges):
            answers.append(in_body(post("refresh", refresh=str(refresh))))
        outcomes.append(revocation.family_store().is_revoked(family_id))
        tokens.BlacklistedTokenFamily.objects.all().delete()
    assert answers[0] == answers[1]
    assert outcomes[0] == outcomes[1]
    assert recorded() == before
    assert is_revoked or answers[0] == (401, "token_not_valid", because)


class TestProject:
    """One that has a say in the revocation of its tokens is asked as before."""

    @pytest.fixture
    def asks_first(self, refresh, spy, user):
        def asks_first(token_class=RefreshToken, serializer=TokenRefreshSerializer):
            serializer_class = type("Own", (serializer,), {"token_class": token_class})
            data = {"refresh": str(refresh)}
            assert serializer_class().validate(data)["refresh"]
            with pytest.raises(RefreshTokenBlacklistedError):
                serializer_class().validate(data)
            return spy.exchanged == []

        return asks_first

    @pytest.mark.usefixtures("directly")
    def test_that_overrides_nothing_is_not(self, asks_first):
        assert not asks_first()

    @pytest.mark.usefixtures("directly")
    def test_that_adds_to_it_is_not(self, asks_first):
        assert not asks_first(type("Own", (RefreshToken,), {"colour": "blue"}))

    @pytest.mark.parametrize("name", ["check_blacklist", "verify", "blacklist", "outstand", "_issued"])
    def test_that_overrides_a_method_has_it_called(self, asks_first, name):
        called = []

        def overridden(self, *args):
            called.append(name)
            return getattr(super(own, self), name)(*args)

        own = type("Own", (RefreshToken,), {name: overridden})
        assert asks_first(own)
        assert called

    def test_that_overrides_the_check_of_families_has_it_called(self, asks_first):
        class Own(RefreshToken):
            called = []

            @staticmethod
            def check_family_blacklist(token):
                Own.called.append(token["family_id"])
                RefreshToken.check_family_blacklist(token)

        assert asks_first(Own)
        assert Own.called

    @pytest.mark.parametrize("name", ["_ask", "_unasked"])
    def test_that_overrides_the_question_itself_is_asked_first(self, asks_first, name):
        assert asks_first(type("Own", (RefreshToken,), {name: None}))

    @pytest.mark.parametrize("name", ["check_blacklist", "blacklist", "outstand", "verify"])
    def test_that_patches_a_method_has_it_called(self, asks_first, name, monkeypatch):
        called, of_ours = [], getattr(RefreshToken, name)
        monkeypatch.setattr(RefreshToken, name, lambda self, *args: called.append(name) or of_ours(self, *args))
        assert asks_first()
        assert called

    @pytest.mark.parametrize("name", ["check_blacklist", "check_family_blacklist"])
    def test_that_refuses_a_token_is_obeyed(self, refresh, name):
        def refuse(*args):
            raise TokenError("denied")

        own = type("Own", (RefreshToken,), {name: staticmethod(refuse)})
        serializer = type("Own", (TokenRefreshSerializer,), {"token_class": own})
        with pytest.raises(TokenError, match="denied"):
            serializer().validate({"refresh": str(refresh)})

    def test_whose_tokens_end_with_the_password_is_asked_first(self, asks_first, simple_jwt, refresh, user):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        refresh["hash_password"] = RefreshToken.for_user(user)["hash_password"]
        assert asks_first()

    @pytest.mark.needs("django's user")
    def test_whose_password_was_changed_has_its_token_revoked(self, post, simple_jwt, user, recorded):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        refresh = RefreshToken.for_user(user)
        user.set_password("another")
        user.save()
        assert post("refresh", refresh=str(refresh)).json()["code"] == "password_changed"
        assert recorded() == ([refresh["jti"]], [refresh["jti"]])
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED

    @pytest.mark.parametrize("setting", ["CACHE_BLACKLISTED_REFRESH_TOKENS", "CACHE_BLACKLISTED_FAMILIES"])
    def test_with_a_cache_before_the_store_is_asked_first(self, asks_first, simple_jwt, setting):
        simple_jwt(**{setting: True})
        assert asks_first()

    @pytest.mark.parametrize("kind", ["token", "family"])
    def test_with_a_store_of_its_own_is_obeyed(self, kind, simple_jwt, post, refresh, spy, recorded):
        from rest_framework_simplejwt.token_blacklist.store import TokenStore
        from rest_framework_simplejwt.token_family.store import FamilyStore

        before = recorded()
        stores = {"token": TokenStore, "family": FamilyStore}
        stores[kind] = type("Denying", (stores[kind],), {"is_revoked": lambda self, key: True})
        simple_jwt(REVOCATION_STORE=lambda kind: stores[kind]())
        assert post("refresh", refresh=str(refresh)).status_code == 401
        assert spy.exchanged == []
        assert recorded() == before

    def test_that_does_not_spend_its_tokens_is_asked_first(self, simple_jwt, post, refresh, spy):
        simple_jwt(BLACKLIST_AFTER_ROTATION=False)
        refresh.blacklist()
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
        assert spy.exchanged == []

    def test_that_does_not_rotate_is_asked_first(self, simple_jwt, post, refresh, spy):
        simple_jwt(ROTATE_REFRESH_TOKENS=False)
        refresh.blacklist()
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
        assert spy.exchanged == []


def test_a_token_that_was_never_recorded_is_good_once_without_families_too(post, refresh, simple_jwt):
    simple_jwt(TOKEN_FAMILY_ENABLED=False)
    tokens.OutstandingToken.objects.all().delete()
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert post("refresh", refresh=str(refresh)).status_code == 401


@pytest.mark.usefixtures("directly")
def test_families_that_are_off_are_not_asked(post, refresh, spy, simple_jwt):
    refresh.blacklist_family()
    simple_jwt(TOKEN_FAMILY_ENABLED=False)
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert (spy.exchanged, spy.asked) == ([True], [])


def test_what_is_presented_otherwise_is_asked_about_at_once(refresh):
    refresh.blacklist()
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.present(RefreshToken, str(refresh))
    with pytest.raises(RefreshTokenBlacklistedError):
        RefreshToken(str(refresh))


@pytest.mark.usefixtures("directly")
def test_what_was_presented_is_asked_about_when_it_is_verified_again(refresh):
    presented = rotation.present(RefreshToken, str(refresh), at_once=True)
    assert presented.is_open
    refresh.blacklist()
    with pytest.raises(RefreshTokenBlacklistedError):
        presented.token.verify()
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.settle(presented)
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.refresh(presented)
