"""A refresh verifies its token, then the store exchanges it for the successor."""

from contextlib import suppress

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connections, router
from django.test.utils import CaptureQueriesContext

from rest_framework_simplejwt import revocation, rotation, signals, tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.cache import blacklist_cache
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.mixins import check_not_revoked
from rest_framework_simplejwt.revocation.sql import SQLStore
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.tokens import RefreshToken
from tests.test_rotation import ROTATION

pytestmark = [pytest.mark.django_db, pytest.mark.needs("token_blacklist", "token_family")]


@pytest.fixture(autouse=True)
def _rotation(simple_jwt):
    simple_jwt(**ROTATION)


@pytest.fixture
def refresh(user):
    return RefreshToken.for_user(user)


class Calls:
    """The calls of a store: the result of each exchange, and the ids in each look-up of revocations."""

    def __init__(self):
        self.exchanges = []
        self.lookups = []


@pytest.fixture
def calls(monkeypatch):
    """The calls that SQL stores receive during the test."""
    calls, exchange, is_revoked, are_revoked = Calls(), SQLStore.exchange, SQLStore.is_revoked, SQLStore.are_revoked

    def record_exchange(self, *args):
        calls.exchanges.append(exchange(self, *args))
        return calls.exchanges[-1]

    def record_is_revoked(self, key):
        calls.lookups.append([key])
        return is_revoked(self, key)

    def record_are_revoked(self, key, families, family_id):
        calls.lookups.append([key, family_id])
        return are_revoked(self, key, families, family_id)

    monkeypatch.setattr(SQLStore, "exchange", record_exchange)
    monkeypatch.setattr(SQLStore, "is_revoked", record_is_revoked)
    monkeypatch.setattr(SQLStore, "are_revoked", record_are_revoked)
    return calls


@pytest.fixture
def recorded():
    """A function that returns the ids of all recorded tokens, and of those that are revoked."""
    store = revocation.token_store()
    return lambda: (
        list(store._issued_rows.order_by("pk").values_list("jti", flat=True)),
        list(store._revoked_rows.order_by("pk").values_list("token__jti", flat=True)),
    )


def refusal(response):
    """The status of a response, and the code and detail in its body."""
    return response.status_code, response.json().get("code"), response.json().get("detail")


REVOKED = (401, "token_not_valid", "Token is blacklisted")
FAMILY_REVOKED = (401, "token_not_valid", "Token family is blacklisted")


def family_is_revoked(token):
    return revocation.family_store().is_revoked(token["family_id"])


def test_a_refresh_makes_one_lookup_and_one_exchange(post, refresh, calls, recorded, user):
    response = post("refresh", refresh=str(refresh))
    assert response.status_code == 200
    assert (calls.exchanges, calls.lookups) == ([True], [[refresh["jti"], refresh["family_id"]]])
    successor = RefreshToken(response.json()["refresh"])
    assert recorded() == ([refresh["jti"], successor["jti"]], [refresh["jti"]])
    row = tokens.OutstandingToken.objects.get(jti=successor["jti"])
    assert (row.user, row.token, row.family_id) == (user, str(successor.token), refresh["family_id"])
    assert {name: value for name, value in successor.payload.items() if name not in {"jti", "exp", "iat"}} == {
        name: value for name, value in refresh.payload.items() if name not in {"jti", "exp", "iat"}
    }


def test_the_recorded_text_is_the_one_that_was_sent_and_signed_once(post, refresh, monkeypatch):
    """A signature with a private key takes time, and each ECDSA signature is another text."""
    signed, encode = [], TokenBackend.encode
    monkeypatch.setattr(
        TokenBackend, "encode", lambda *args, **kwargs: signed.append(encode(*args, **kwargs)) or signed[-1]
    )
    response = post("refresh", refresh=str(refresh)).json()
    assert signed[1:] == [response["access"], response["refresh"]], "the first is the presented one"
    assert tokens.OutstandingToken.objects.filter(token=response["refresh"]).count() == 1


@pytest.mark.parametrize("is_written_with_orm", [False, True], ids=["directly", "with the ORM"])
def test_a_family_that_is_revoked_after_the_verification_issues_no_pair(
    post, refresh, simple_jwt, recorded, received, is_written_with_orm, monkeypatch
):
    def revoke_family(user):
        RefreshToken(str(refresh)).blacklist_family()
        return True

    if is_written_with_orm:
        monkeypatch.setattr(SQLStore, "_exchange_directly", lambda self, *args: False)
    simple_jwt(USER_AUTHENTICATION_RULE=revoke_family)
    before = recorded()
    with received(signals.refresh_token_reused) as calls:
        assert refusal(post("refresh", refresh=str(refresh))) == FAMILY_REVOKED
    assert recorded() == before
    assert calls == []


def test_a_successor_needs_no_second_look_up_of_its_user(post, refresh, assert_statements):
    tokens.OutstandingToken.objects.all().delete()
    with CaptureQueriesContext(connections[router.db_for_read(get_user_model())]) as queries:
        assert post("refresh", refresh=str(refresh)).status_code == 200
    table = get_user_model()._meta.db_table
    assert len([query for query in queries if query["sql"].startswith("SELECT") and table in query["sql"]]) == 1


def test_a_revoked_token_is_refused_and_triggers_the_alarm(post, refresh, calls, recorded, received):
    refresh.blacklist()
    before = recorded()
    with received(signals.refresh_token_reused) as reused, received(signals.family_revoked) as revoked:
        assert refusal(post("refresh", refresh=str(refresh))) == REVOKED
        assert refusal(post("refresh", refresh=str(refresh))) == REVOKED
    assert calls.exchanges == []
    assert recorded() == before
    assert family_is_revoked(refresh)
    assert [(call["jti"], call["sender"]) for call in reused] == [(refresh["jti"], RefreshToken)]
    assert [call["reason"] for call in revoked] == ["reuse"]


def test_a_consumed_token_is_refused_and_triggers_the_alarm(post, refresh):
    successor = post("refresh", refresh=str(refresh)).json()["refresh"]
    assert refusal(post("refresh", refresh=str(refresh))) == REVOKED
    assert refusal(post("refresh", refresh=successor)) == FAMILY_REVOKED


def test_a_token_that_is_consumed_after_its_verification_triggers_the_alarm(refresh, received, calls):
    request = object()
    faster, slower = rotation.present(RefreshToken, str(refresh)), rotation.present(RefreshToken, str(refresh), request)
    rotation.refresh(faster)
    with received(signals.refresh_token_reused) as reused, pytest.raises(RefreshTokenBlacklistedError):
        rotation.refresh(slower)
    assert calls.exchanges == [True, False]
    assert [(call["jti"], call["request"]) for call in reused] == [(refresh["jti"], request)]


def test_a_token_of_a_revoked_family_is_refused_and_not_consumed(post, refresh, recorded):
    refresh.blacklist_family()
    before = recorded()
    assert refusal(post("refresh", refresh=str(refresh))) == FAMILY_REVOKED
    assert recorded() == before
    assert before[1] == []


def test_a_revoked_token_of_a_revoked_family_is_refused_as_blacklisted_token(post, refresh, received):
    refresh.blacklist()
    refresh.blacklist_family()
    with received(signals.refresh_token_reused) as reused:
        assert refusal(post("refresh", refresh=str(refresh))) == REVOKED
    assert reused == []


def test_an_unrecorded_token_can_be_refreshed_only_once(post, refresh, recorded):
    tokens.OutstandingToken.objects.all().delete()
    response = post("refresh", refresh=str(refresh))
    assert response.status_code == 200
    successor = RefreshToken(response.json()["refresh"])["jti"]
    assert (set(recorded()[0]), recorded()[1]) == ({refresh["jti"], successor}, [refresh["jti"]])
    assert refusal(post("refresh", refresh=str(refresh))) == REVOKED


def test_a_token_whose_record_expires_first_can_be_refreshed_only_once(post, refresh):
    record = tokens.OutstandingToken.objects.get()
    tokens.OutstandingToken.objects.update(expires_at=record.created_at)
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert tokens.OutstandingToken.objects.get(pk=record.pk).expires_at == record.expires_at
    assert refusal(post("refresh", refresh=str(refresh))) == REVOKED


def test_a_token_without_a_family_can_be_refreshed_only_once(post, refresh):
    del refresh["family_id"]
    response = post("refresh", refresh=str(refresh))
    assert response.status_code == 200
    assert "family_id" not in RefreshToken(response.json()["refresh"])
    assert refusal(post("refresh", refresh=str(refresh))) == REVOKED


def deactivate(user):
    user.is_active = False
    user.save()


def delete(user):
    user.delete()


@pytest.mark.needs("django's user")
@pytest.mark.parametrize("end", [deactivate, delete])
class TestInactiveOrDeletedUser:
    def test_reuse_of_a_revoked_token_triggers_the_alarm(self, post, refresh, user, end, recorded, received):
        refresh.blacklist()
        end(user)
        before = recorded()
        with received(signals.refresh_token_reused) as reused:
            assert refusal(post("refresh", refresh=str(refresh))) == REVOKED
        assert family_is_revoked(refresh)
        assert [call["jti"] for call in reused] == [refresh["jti"]]
        assert recorded() == before

    def test_a_token_of_a_revoked_family_is_refused_as_blacklisted_family(self, post, refresh, user, end):
        refresh.blacklist_family()
        end(user)
        assert refusal(post("refresh", refresh=str(refresh))) == FAMILY_REVOKED

    def test_a_valid_token_is_refused_and_not_consumed(self, post, refresh, user, end, recorded):
        end(user)
        assert post("refresh", refresh=str(refresh)).json()["code"] == "no_active_account"
        assert recorded() == ([refresh["jti"]], [])
        assert not family_is_revoked(refresh)


def rule_that_raises(error):
    def rule(user):
        raise error

    return rule


@pytest.mark.parametrize("error", [RuntimeError("an error of the project"), IntegrityError("an error of the project")])
def test_reuse_triggers_the_alarm_although_the_user_authentication_rule_raises(
    post, refresh, simple_jwt, received, error
):
    refresh.blacklist()
    simple_jwt(USER_AUTHENTICATION_RULE=rule_that_raises(error))
    with received(signals.refresh_token_reused) as reused:
        assert refusal(post("refresh", refresh=str(refresh))) == REVOKED
    assert [call["jti"] for call in reused] == [refresh["jti"]]
    assert family_is_revoked(refresh)


def test_a_token_is_not_consumed_if_the_user_authentication_rule_raises(post, refresh, simple_jwt, recorded):
    simple_jwt(USER_AUTHENTICATION_RULE=rule_that_raises(RuntimeError("an error of the project")))
    with pytest.raises(RuntimeError, match="an error of the project"):
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


def with_a_malformed_family(refresh):
    refresh["family_id"] = 5
    return "Token is invalid"


@pytest.mark.parametrize("invalidate", [expired, of_another_type, of_an_ended_family, with_a_malformed_family])
@pytest.mark.parametrize("is_revoked", [True, False], ids=["revoked", "not revoked"])
def test_an_invalid_token_is_refused_and_changes_no_record(post, refresh, invalidate, is_revoked, recorded):
    if is_revoked:
        refresh.blacklist()
    fault = invalidate(refresh)
    before = recorded()
    # An expired token and a malformed family are rejected before the revocation is looked up; other faults after it.
    detail = "Token is blacklisted" if is_revoked and invalidate not in (expired, with_a_malformed_family) else fault
    assert refusal(post("refresh", refresh=str(refresh))) == (401, "token_not_valid", detail)
    assert recorded() == before


class TestCustomizedProject:
    """A project overrides methods or the store, or changes what a refresh does by settings."""

    @pytest.fixture
    def refresh_twice(self, refresh, calls, user):
        """Refresh the token twice; the second refresh must be rejected. Returns the results of the exchanges."""

        def refresh_twice(token_class=RefreshToken, serializer=TokenRefreshSerializer):
            serializer_class = type("Custom", (serializer,), {"token_class": token_class})
            data = {"refresh": str(refresh)}
            assert serializer_class().validate(data)["refresh"]
            with pytest.raises(RefreshTokenBlacklistedError):
                serializer_class().validate(data)
            return calls.exchanges

        return refresh_twice

    def test_a_token_of_a_subclass_without_overridden_methods_is_exchanged_by_the_store(self, refresh_twice):
        assert refresh_twice(type("Custom", (RefreshToken,), {"colour": "blue"})) == [True]

    @pytest.mark.parametrize(
        ("name", "exchanges"), [("check_blacklist", [True]), ("verify", [True]), ("blacklist", []), ("outstand", [])]
    )
    def test_an_overridden_method_is_called(self, refresh_twice, name, exchanges):
        called = []

        def overridden(self, *args):
            called.append(name)
            return getattr(super(custom, self), name)(*args)

        custom = type("Custom", (RefreshToken,), {name: overridden})
        assert refresh_twice(custom) == exchanges
        assert called

    def test_an_overridden_check_family_blacklist_is_called(self, refresh_twice):
        class Custom(RefreshToken):
            called = []

            @staticmethod
            def check_family_blacklist(token):
                Custom.called.append(token["family_id"])
                RefreshToken.check_family_blacklist(token)

        assert refresh_twice(Custom) == [True]
        assert Custom.called

    @pytest.mark.parametrize("name", ["check_blacklist", "blacklist", "outstand", "verify"])
    def test_a_patched_method_is_called(self, refresh_twice, name, monkeypatch):
        called, original = [], getattr(RefreshToken, name)
        monkeypatch.setattr(RefreshToken, name, lambda self, *args: called.append(name) or original(self, *args))
        refresh_twice()
        assert called

    def test_no_successor_is_recorded_if_an_overridden_blacklist_reports_false(self, refresh, calls, recorded):
        custom = type("Custom", (RefreshToken,), {"blacklist": lambda self: (None, False)})
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.rotate(custom(str(refresh)))
        assert recorded() == ([refresh["jti"]], [])

    def test_an_overridden_check_blacklist_causes_no_additional_lookup(self, refresh, calls):
        custom = type("Custom", (RefreshToken,), {"check_blacklist": lambda self: None})
        custom(str(refresh))
        assert calls.lookups == [[refresh["family_id"]]] or calls.lookups == [[refresh["jti"], refresh["family_id"]]]

    @pytest.mark.parametrize("name", ["check_blacklist", "check_family_blacklist"])
    def test_a_token_error_of_an_overridden_check_rejects_the_token(self, refresh, name):
        def refuse(*args):
            raise TokenError("denied")

        custom = type("Custom", (RefreshToken,), {name: staticmethod(refuse)})
        serializer = type("Custom", (TokenRefreshSerializer,), {"token_class": custom})
        with pytest.raises(TokenError, match="denied"):
            serializer().validate({"refresh": str(refresh)})

    @pytest.mark.needs("django's user")
    def test_a_token_issued_before_a_change_of_password_is_revoked(self, post, simple_jwt, user, recorded):
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        refresh = RefreshToken.for_user(user)
        user.set_password("another")
        user.save()
        assert post("refresh", refresh=str(refresh)).json()["code"] == "password_changed"
        assert recorded() == ([refresh["jti"]], [refresh["jti"]])
        assert refusal(post("refresh", refresh=str(refresh))) == REVOKED

    @pytest.mark.parametrize("kind", ["token", "family"])
    def test_a_token_is_refused_if_is_revoked_of_a_custom_store_returns_true(
        self, kind, simple_jwt, post, refresh, calls, recorded
    ):
        from rest_framework_simplejwt.token_blacklist.store import TokenStore
        from rest_framework_simplejwt.token_family.store import FamilyStore

        before = recorded()
        stores = {"token": TokenStore, "family": FamilyStore}
        stores[kind] = type("Denying", (stores[kind],), {"is_revoked": lambda self, key: True})
        simple_jwt(REVOCATION_STORE=lambda kind: stores[kind]())
        assert post("refresh", refresh=str(refresh)).status_code == 401
        assert calls.exchanges == []
        assert recorded() == before

    @pytest.mark.parametrize("name", ["revoke", "remember"])
    def test_an_exchange_calls_the_overridden_method_of_a_custom_store(self, name, simple_jwt, post, refresh):
        from rest_framework_simplejwt.token_blacklist.store import TokenStore
        from rest_framework_simplejwt.token_family.store import FamilyStore

        ids = []

        def custom(self, issued):
            ids.append(issued.id)
            return getattr(TokenStore, name)(self, issued)

        stores = {"token": type("Custom", (TokenStore,), {name: custom}), "family": FamilyStore}
        simple_jwt(REVOCATION_STORE=lambda kind: stores[kind]())
        successor = RefreshToken(post("refresh", refresh=str(refresh)).json()["refresh"])
        assert (refresh if name == "revoke" else successor)["jti"] in ids

    def test_an_exchange_runs_within_the_overridden_transact_of_a_custom_store(self, simple_jwt, post, refresh):
        from rest_framework_simplejwt.token_blacklist.store import TokenStore
        from rest_framework_simplejwt.token_family.store import FamilyStore

        calls = []

        def transact(self, work):
            calls.append(work)
            return TokenStore.transact(self, work)

        stores = {"token": type("Custom", (TokenStore,), {"transact": transact}), "family": FamilyStore}
        simple_jwt(REVOCATION_STORE=lambda kind: stores[kind]())
        assert post("refresh", refresh=str(refresh)).status_code == 200
        assert calls

    def test_a_revoked_token_is_refused_if_blacklist_after_rotation_is_off(self, simple_jwt, post, refresh, calls):
        simple_jwt(BLACKLIST_AFTER_ROTATION=False)
        refresh.blacklist()
        assert refusal(post("refresh", refresh=str(refresh))) == REVOKED
        assert calls.exchanges == []

    def test_a_revoked_token_is_refused_if_rotation_is_off(self, simple_jwt, post, refresh, calls):
        simple_jwt(ROTATE_REFRESH_TOKENS=False)
        refresh.blacklist()
        assert refusal(post("refresh", refresh=str(refresh))) == REVOKED
        assert calls.exchanges == []


def test_an_unrecorded_token_can_be_refreshed_only_once_without_families(post, refresh, simple_jwt):
    simple_jwt(TOKEN_FAMILY_ENABLED=False)
    tokens.OutstandingToken.objects.all().delete()
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert post("refresh", refresh=str(refresh)).status_code == 401


def test_disabled_families_are_not_looked_up(post, refresh, calls, simple_jwt):
    refresh.blacklist_family()
    simple_jwt(TOKEN_FAMILY_ENABLED=False)
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert (calls.exchanges, calls.lookups) == ([True], [[refresh["jti"]]])


def test_each_check_after_verification_makes_its_own_lookup(refresh, calls):
    token = RefreshToken(str(refresh))
    refresh.blacklist()
    refresh.blacklist_family()
    with pytest.raises(RefreshTokenBlacklistedError):
        token.check_blacklist()
    with pytest.raises(TokenError, match="family is blacklisted"):
        token.check_family_blacklist(token)
    with pytest.raises(RefreshTokenBlacklistedError):
        token.verify()


class Lenient(RefreshToken):
    """A project's own class that accepts a revoked token, as for a grace period of its own."""

    def check_blacklist(self):
        with suppress(RefreshTokenBlacklistedError):
            super().check_blacklist()


@pytest.mark.parametrize("is_cached", [False, True])
def test_a_project_that_accepts_a_revoked_token_still_refuses_its_revoked_family(refresh, simple_jwt, is_cached):
    simple_jwt(CACHE_BLACKLISTED_REFRESH_TOKENS=is_cached)
    refresh.blacklist()
    blacklist_cache.add_refresh_token(refresh["jti"])
    Lenient(str(refresh))
    refresh.blacklist_family()
    with pytest.raises(TokenError, match="family is blacklisted"):
        Lenient(str(refresh))


class WithLegacyId(RefreshToken):
    """A project's own class whose tokens may have their id in an older claim."""

    def check_blacklist(self):
        if "legacy_id" in self:
            self["jti"] = self["legacy_id"]
        super().check_blacklist()


def test_a_check_that_changes_the_id_checks_the_new_id(refresh):
    refresh.blacklist()
    legacy = WithLegacyId(str(refresh), verify=False)
    legacy["legacy_id"] = refresh["jti"]
    del legacy["jti"]
    with pytest.raises(RefreshTokenBlacklistedError):
        WithLegacyId(str(legacy))


class VerifiedTwice(RefreshToken):
    def check_blacklist(self):
        super().check_blacklist()
        check_not_revoked(self)


def test_a_check_within_a_check_works(refresh):
    assert VerifiedTwice(str(refresh))["jti"] == refresh["jti"]


def test_the_family_of_an_object_that_only_has_claims_can_be_checked(refresh):
    class Claims(dict):
        token_type = "refresh"

    RefreshToken.check_family_blacklist(Claims(refresh.payload))
    refresh.blacklist_family()
    with pytest.raises(TokenError, match="family is blacklisted"):
        RefreshToken.check_family_blacklist(Claims(refresh.payload))
