"""A project that subclasses what people subclass: it passes ``mypy --strict`` and ``pyright``, and is never run.

A line that ends with both ignores must be a type error. Where it is none, the type checkers report the ignore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AbstractUser
from django.dispatch import receiver
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response

from rest_framework_simplejwt import sessions, signals, state, views
from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken, RefusalCode, TokenError
from rest_framework_simplejwt.models import AnyUser, AuthUser, TokenUser
from rest_framework_simplejwt.passwords import KeepsSalt
from rest_framework_simplejwt.revocation import Issued, RevocationStore, Successor
from rest_framework_simplejwt.serializers import (
    TokenBlacklistSerializer,
    TokenObtainPairSerializer,
    TokenRefreshSerializer,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, BlacklistedToken, RefreshToken, SlidingToken, Token
from rest_framework_simplejwt.utils import aware_utcnow

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


class User(KeepsSalt, AbstractUser):
    """A user model whose salts stay."""

    tenant = "acme"

    class Meta(AbstractUser.Meta):
        app_label = "typing_client"


class TenantAccess(AccessToken):
    """An access token with a claim and a method of its own."""

    lifetime = timedelta(minutes=2)

    @classmethod
    def for_user(cls, user: AnyUser) -> Self:
        token = super().for_user(user)
        token["tenant"] = user.tenant if isinstance(user, User) else "none"
        return token

    @property
    def tenant(self) -> str:
        return str(self["tenant"])


class TenantRefresh(RefreshToken):
    """A refresh token with an access token class of its own."""

    access_token_class = TenantAccess
    no_copy_claims = ("token_type", "exp", "jti", "iat", "device")

    def blacklist(self) -> tuple[BlacklistedToken, bool]:
        row, first = super().blacklist()
        print(row.token.jti, first)
        return row, first


class MachineToken(Token):
    """A kind of its own, signed by a backend of its own."""

    token_type = "machine"
    lifetime = timedelta(hours=1)
    _token_backend = TokenBackend("HS256", "a secret of the machines that is long enough", leeway=5)

    def verify(self) -> None:
        super().verify()
        if "machine" not in self:
            raise TokenError("This token names no machine")


class EnvelopeBackend(TokenBackend):
    """A backend that wraps the payload."""

    def encode(self, payload: Mapping[str, object], *, typ: str = "JWT") -> str:
        return super().encode({"sealed": dict(payload)}, typ=typ)

    def decode(self, token: str | bytes, verify: bool = True) -> dict[str, Any]:
        sealed: dict[str, Any] = super().decode(token, verify)["sealed"]
        return sealed


class CookieAuthentication(JWTAuthentication):
    """Reads the token from a cookie."""

    www_authenticate_realm = "shop"

    def get_header(self, request: HttpRequest) -> bytes | None:
        cookie = request.COOKIES.get("access")
        return super().get_header(request) if cookie is None else f"Bearer {cookie}".encode()

    def get_user(self, validated_token: Token) -> AbstractBaseUser:
        user = super().get_user(validated_token)
        if isinstance(user, TokenUser) or not user.has_usable_password():
            raise AuthenticationFailed("No.", code=RefusalCode.USER_INACTIVE)
        return user

    def authenticate(self, request: HttpRequest) -> tuple[AnyUser, Token] | None:
        found = super().authenticate(request)
        if found is not None and found[1].get("tenant") is None:
            raise InvalidToken({"detail": "No tenant"}, "no_tenant")
        return found


class TenantUser(TokenUser):
    """A stateless user with a claim as a property."""

    @property
    def tenant(self) -> str:
        return str(self.token["tenant"])


class StatelessAuthentication(JWTStatelessUserAuthentication):
    def get_user(self, validated_token: Token) -> TenantUser:
        return TenantUser(validated_token)


class LoginSerializer(TokenObtainPairSerializer):
    """A login with a claim and a field of its own in the answer."""

    token_class = TenantRefresh

    @classmethod
    def get_token(cls, user: AbstractBaseUser) -> RefreshToken:
        token = super().get_token(user)
        token["name"] = user.get_username()
        return token

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {**super().validate(attrs), "user": self.user.get_username()}


class RefreshSerializer(TokenRefreshSerializer):
    token_class = TenantRefresh

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        request: Request = self.context["request"]
        attrs["refresh"] = request.COOKIES["refresh"]
        return super().validate(attrs)


class LoginView(views.TokenObtainPairView):
    serializer_class = LoginSerializer
    throttle_scope = "logins"
    www_authenticate_realm = "shop"

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response = super().post(request, *args, **kwargs)
        response.set_cookie("refresh", str(response.data["refresh"]), httponly=True)
        return response


class RefreshView(views.TokenViewBase):
    _serializer_class = "tests.typing.client.RefreshSerializer"


class MemoryStore:
    """A ``REVOCATION_STORE``, which matches the protocol by its methods alone."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.ends: dict[str, datetime | None] = {}

    def remember(self, issued: Issued) -> tuple[Issued, bool]:
        return issued, True

    def revoke(self, issued: Issued) -> tuple[Issued, bool]:
        first = issued.id not in self.ends
        self.ends[issued.id] = issued.expires_at
        return issued, first

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        return 0

    def exchange(self, consumed: Issued, successor: Issued, families: RevocationStore | None = None) -> bool:
        return self.revoke(consumed)[1] and self.remember(successor)[1]

    def is_revoked(self, record_id: str) -> bool:
        return record_id in self.ends

    def are_revoked(self, token_id: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        return self.is_revoked(token_id), families.is_revoked(family_id)

    def successor(self, token_id: str, successor_id: str, *, now: datetime) -> Successor | None:
        return None

    def expired(self, now: datetime) -> int:
        return 0

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        return iter(())

    def transact(self, work: Callable[[], T]) -> T:
        return work()

    def lasting(self, record_id: str, work: Callable[[], T]) -> T:
        return work()

    def after_commit(self, callback: Callable[[], object]) -> None:
        callback()


def may_have_tokens(user: AbstractBaseUser | None) -> bool:
    """A ``USER_AUTHENTICATION_RULE``."""
    return user is not None and user.is_active


def on_login_success(user: AbstractBaseUser, request: HttpRequest | None) -> None:
    """An ``ON_LOGIN_SUCCESS``."""


def on_login_failed(credentials: dict[str, object], request: HttpRequest | None) -> None:
    """An ``ON_LOGIN_FAILED``."""


def user_from_claims(claims: Mapping[str, object], entry: Mapping[str, object]) -> User | None:
    """A ``USER_FROM_CLAIMS``."""
    return User.objects.filter(username=f"{entry['issuer']} {claims['sub']}").first()


@receiver(signals.token_issued)
def tell(sender: type[Token], token: Token, user: AbstractBaseUser, **kwargs: object) -> None:
    print(sender.token_type, token.get("jti"), user.get_username())


def name_of(user: AuthUser) -> AuthUser:
    return user


def what_has_which_type(user: User, refresh: TenantRefresh) -> None:
    """Each right-hand side is as precise as the name that it is assigned to."""
    tenant: str = refresh.access_token.tenant
    own: TenantRefresh = TenantRefresh.for_user(name_of(user))
    plain: AccessToken = RefreshToken.for_user(user).access_token
    sliding: SlidingToken = SlidingToken.for_user(user)
    granted: timedelta = AccessToken.lifetime
    lifetime: timedelta = api_settings.ACCESS_TOKEN_LIFETIME
    kinds: list[type[Token]] = list(api_settings.AUTH_TOKEN_CLASSES)
    rules: list[Callable[[AbstractBaseUser | None], bool]] = [api_settings.USER_AUTHENTICATION_RULE, may_have_tokens]
    hooks = [api_settings.ON_LOGIN_FAILED, on_login_failed]
    stores: list[RevocationStore] = [MemoryStore("token"), MemoryStore("family")]
    claims: dict[str, Any] = state.token_backend.decode(str(own))
    ended: int = sessions.revoke_all(user).tokens
    code: str = RefusalCode.TOKEN_NOT_VALID.value
    now: datetime = aware_utcnow()
    api_settings.LEEWAY = timedelta(seconds=10)
    del api_settings.LEEWAY
    print(tenant, plain, sliding, granted, lifetime, kinds, rules, hooks, stores, claims, ended, code, now)


def what_must_be_an_error(user: User, refresh: RefreshToken) -> None:
    print(api_settings.ACCESS_TOKEN_LIFETIMES)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    api_settings.LEEWAYS = 10  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    api_settings.LEEWAY = "10"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    AccessToken.for_user(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    print(refresh.access_token.tenant)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    TenantRefresh.for_user(user).blacklisted()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    print(views.token_obtain)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    print(RefusalCode.EXPIRED)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    MachineToken.token_type = 1  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    sessions.revoke_all(user.pk and 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TokenBlacklistSerializer.token_class = AccessToken  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
