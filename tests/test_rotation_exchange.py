"""A refresh verifies its token, then the store exchanges it for the successor."""

import pytest
from django.db import IntegrityError

from rest_framework_simplejwt import revocation, rotation, signals, tokens
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.revocation.sql import SQLStore
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.tokens import RefreshToken

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
        self.questions = []


@pytest.fixture
def spy(monkeypatch):
    """The results of each exchange, and the ids in each question about revocations."""
    spy, exchange, is_revoked, are_revoked = Spy(), SQLStore.exchange, SQLStore.is_revoked, SQLStore.are_revoked

    def exchanged(self, consumed, successor):
        spy.exchanged.append(exchange(self, consumed, successor))
        return spy.exchanged[-1]

    def asked_one(self, key):
        spy.questions.append([key])
        return is_revoked(self, key)

    def asked_both(self, key, families, family_id):
        spy.questions.append([key, family_id])
        return are_revoked(self, key, families, family_id)

    monkeypatch.setattr(SQLStore, "exchange", exchanged)
    monkeypatch.setattr(SQLStore, "is_revoked", asked_one)
    monkeypatch.setattr(SQLStore, "are_revoked", asked_both)
    return spy


@pytest.fixture
def recorded():
    """The ids of all tokens on record, and of those that were revoked."""
    store = revocation.token_store()
    return lambda: (
        list(store._issued_rows.order_by("pk").values_list("jti", flat=True)),
        list(store._revoked_rows.order_by("pk").values_list("token__jti", flat=True)),
    )


def in_body(answer):
    return answer.status_code, answer.json().get("code"), answer.json().get("detail")


REVOKED = (401, "token_not_valid", "Token is blacklisted")
FAMILY_REVOKED = (401, "token_not_valid", "Token family is blacklisted")


def family_is_revoked(token):
    return revocation.family_store().is_revoked(token["family_id"])


def test_a_valid_token_costs_one_question_and_one_exchange(post, refresh, spy, recorded, user):
    answer = post("refresh", refresh=str(refresh))
    assert answer.status_code == 200
    assert (spy.exchanged, spy.questions) == ([True], [[refresh["jti"], refresh["family_id"]]])
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
    assert spy.exchanged == []
    assert recorded() == before
    assert family_is_revoked(refresh)
    assert [(call["jti"], call["sender"]) for call in reused] == [(refresh["jti"], RefreshToken)]
    assert [call["reason"] for call in revoked] == ["reuse"]


def test_a_token_that_was_spent_before_is_refused_and_sounds_the_alarm(post, refresh):
    successor = post("refresh", refresh=str(refresh)).json()["refresh"]
    assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
    assert in_body(post("refresh", refresh=successor)) == FAMILY_REVOKED


def test_a_token_that_is_consumed_after_its_verification_triggers_the_alarm(refresh, received, spy):
    request = object()
    faster, slower = rotation.present(RefreshToken, str(refresh)), rotation.present(RefreshToken, str(refresh), request)
    rotation.refresh(faster)
    with received(signals.refresh_token_reused) as calls, pytest.raises(RefreshTokenBlacklistedError):
        rotation.refresh(slower)
    assert spy.exchanged == [True, False]
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
def test_a_token_with_another_fault_is_refused_and_records_nothing(post, refresh, spoil, is_revoked, recorded):
    if is_revoked:
        refresh.blacklist()
    because = spoil(refresh)
    before = recorded()
    # The signature's check includes the expiry; every other fault comes after the revocation.
    detail = "Token is blacklisted" if is_revoked and spoil not in (expired, with_a_family_that_is_none) else because
    assert in_body(post("refresh", refresh=str(refresh))) == (401, "token_not_valid", detail)
    assert recorded() == before


class TestProject:
    """A project that overrides a method has it called."""

    @pytest.fixture
    def refreshes_once(self, refresh, spy, user):
        """Refreshes the token twice, the second time in vain; returns the results of the exchanges."""

        def refreshes_once(token_class=RefreshToken, serializer=TokenRefreshSerializer):
            serializer_class = type("Own", (serializer,), {"token_class": token_class})
            data = {"refresh": str(refresh)}
            assert serializer_class().validate(data)["refresh"]
            with pytest.raises(RefreshTokenBlacklistedError):
                serializer_class().validate(data)
            return spy.exchanged

        return refreshes_once

    def test_a_subclass_without_methods_of_its_own_is_exchanged_by_the_store(self, refreshes_once):
        assert refreshes_once(type("Own", (RefreshToken,), {"colour": "blue"})) == [True]

    @pytest.mark.parametrize(
        ("name", "exchanged"), [("check_blacklist", [True]), ("verify", [True]), ("blacklist", []), ("outstand", [])]
    )
    def test_an_overridden_method_is_called(self, refreshes_once, name, exchanged):
        called = []

        def overridden(self, *args):
            called.append(name)
            return getattr(super(own, self), name)(*args)

        own = type("Own", (RefreshToken,), {name: overridden})
        assert refreshes_once(own) == exchanged
        assert called

    def test_an_overridden_check_of_families_is_called(self, refreshes_once):
        class Own(RefreshToken):
            called = []

            @staticmethod
            def check_family_blacklist(token):
                Own.called.append(token["family_id"])
                RefreshToken.check_family_blacklist(token)

        assert refreshes_once(Own) == [True]
        assert Own.called

    @pytest.mark.parametrize("name", ["check_blacklist", "blacklist", "outstand", "verify"])
    def test_a_patched_method_is_called(self, refreshes_once, name, monkeypatch):
        called, of_ours = [], getattr(RefreshToken, name)
        monkeypatch.setattr(RefreshToken, name, lambda self, *args: called.append(name) or of_ours(self, *args))
        refreshes_once()
        assert called

    def test_a_blacklist_of_its_own_that_says_it_was_not_first_records_no_successor(self, refresh, spy, recorded):
        own = type("Own", (RefreshToken,), {"blacklist": lambda self: (None, False)})
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.rotate(own(str(refresh)))
        assert recorded() == ([refresh["jti"]], [])

    def test_a_check_of_its_own_that_asks_nobody_costs_no_question(self, refresh, spy):
        own = type("Own", (RefreshToken,), {"check_blacklist": lambda self: None})
        own(str(refresh))
        assert spy.questions == [[refresh["family_id"]]] or spy.questions == [[refresh["jti"], refresh["family_id"]]]

    @pytest.mark.parametrize("name", ["check_blacklist", "check_family_blacklist"])
    def test_a_check_of_its_own_that_refuses_is_obeyed(self, refresh, name):
        def refuse(*args):
            raise TokenError("denied")

        own = type("Own", (RefreshToken,), {name: staticmethod(refuse)})
        serializer = type("Own", (TokenRefreshSerializer,), {"token_class": own})
        with pytest.raises(TokenError, match="denied"):
            serializer().validate({"refresh": str(refresh)})

    @pytest.mark.needs("django's user")
    def test_a_token_from_before_a_change_of_password_is_revoked(self, post, simple_jwt, user, recorded):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        refresh = RefreshToken.for_user(user)
        user.set_password("another")
        user.save()
        assert post("refresh", refresh=str(refresh)).json()["code"] == "password_changed"
        assert recorded() == ([refresh["jti"]], [refresh["jti"]])
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED

    @pytest.mark.parametrize("kind", ["token", "family"])
    def test_a_store_of_its_own_is_obeyed(self, kind, simple_jwt, post, refresh, spy, recorded):
        from rest_framework_simplejwt.token_blacklist.store import TokenStore
        from rest_framework_simplejwt.token_family.store import FamilyStore

        before = recorded()
        stores = {"token": TokenStore, "family": FamilyStore}
        stores[kind] = type("Denying", (stores[kind],), {"is_revoked": lambda self, key: True})
        simple_jwt(REVOCATION_STORE=lambda kind: stores[kind]())
        assert post("refresh", refresh=str(refresh)).status_code == 401
        assert spy.exchanged == []
        assert recorded() == before

    @pytest.mark.parametrize("name", ["revoke", "remember"])
    def test_a_store_of_its_own_is_told_of_an_exchange(self, name, simple_jwt, post, refresh):
        from rest_framework_simplejwt.token_blacklist.store import TokenStore
        from rest_framework_simplejwt.token_family.store import FamilyStore

        told = []

        def own(self, issued):
            told.append(issued.id)
            return getattr(TokenStore, name)(self, issued)

        stores = {"token": type("Own", (TokenStore,), {name: own}), "family": FamilyStore}
        simple_jwt(REVOCATION_STORE=lambda kind: stores[kind]())
        successor = RefreshToken(post("refresh", refresh=str(refresh)).json()["refresh"])
        assert (refresh if name == "revoke" else successor)["jti"] in told

    def test_without_consumption_a_revoked_token_is_refused_too(self, simple_jwt, post, refresh, spy):
        simple_jwt(BLACKLIST_AFTER_ROTATION=False)
        refresh.blacklist()
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
        assert spy.exchanged == []

    def test_without_rotation_a_revoked_token_is_refused_too(self, simple_jwt, post, refresh, spy):
        simple_jwt(ROTATE_REFRESH_TOKENS=False)
        refresh.blacklist()
        assert in_body(post("refresh", refresh=str(refresh))) == REVOKED
        assert spy.exchanged == []


def test_a_token_that_was_never_recorded_is_good_once_without_families_too(post, refresh, simple_jwt):
    simple_jwt(TOKEN_FAMILY_ENABLED=False)
    tokens.OutstandingToken.objects.all().delete()
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert post("refresh", refresh=str(refresh)).status_code == 401


def test_families_that_are_off_are_not_asked_about(post, refresh, spy, simple_jwt):
    refresh.blacklist_family()
    simple_jwt(TOKEN_FAMILY_ENABLED=False)
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert (spy.exchanged, spy.questions) == ([True], [[refresh["jti"]]])


def test_each_check_outside_of_a_verification_asks_anew(refresh, spy):
    token = RefreshToken(str(refresh))
    refresh.blacklist()
    refresh.blacklist_family()
    with pytest.raises(RefreshTokenBlacklistedError):
        token.check_blacklist()
    with pytest.raises(TokenError, match="family is blacklisted"):
        token.check_family_blacklist(token)
    with pytest.raises(RefreshTokenBlacklistedError):
        token.verify()
