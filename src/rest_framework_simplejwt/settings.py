"""The settings in ``settings.SIMPLE_JWT``: one table with a row for each, and ``api_settings``, which reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import wraps
from json import JSONEncoder
from os import PathLike
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from ._also import lazy_attributes

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

    from .models import AnyUser, TokenUser
    from .revocation import RevocationStore
    from .tokens import Token

    class _APISettings:
        """DRF's without its ``__getattr__``, by which every name is an attribute: an unknown one is a type error."""

        defaults: Mapping[str, object]
        import_strings: Collection[str]
        _cached_attrs: set[str]

        def __init__(
            self, user_settings: None, defaults: Mapping[str, object], import_strings: Collection[str]
        ) -> None: ...
else:
    from rest_framework.settings import APISettings as _APISettings

    __getattr__ = lazy_attributes(__name__, {"format_lazy": "rest_framework_simplejwt.utils.format_lazy"})

__all__ = [
    "DEFAULTS",
    "IMPORT_STRINGS",
    "REMOVED_SETTINGS",
    "USER_SETTINGS",
    "APISettings",
    "Setting",
    "UserSettings",
    "api_settings",
    "reload_api_settings",
]

T = TypeVar("T")
P = ParamSpec("P")


class Setting(Generic[T]):
    """A descriptor for one setting of type ``T``.

    ``doc`` is its meaning, for the settings reference. ``imported``: the value is a dotted path, or a list of them, and
    is read as what it leads to. ``clean`` converts the value of the project to a ``T``.
    The value is cached on the settings object under the same name, which hides this descriptor until that attribute
    is deleted.
    """

    def __init__(
        self, default: object, doc: str, *, imported: bool = False, clean: Callable[[Any], T] | None = None
    ) -> None:
        """Describes the setting. ``default`` is the value before ``clean``, or a dotted path if ``imported``."""
        self.default = default
        self.__doc__ = doc
        self.imported = imported
        self.clean = clean

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: APISettings, owner: type) -> T: ...
    def __get__(self, instance: APISettings | None, owner: type) -> Setting[T] | T:
        """Returns the value, and caches it on ``instance``. On the class, returns this descriptor.

        Raises ``ImproperlyConfigured`` if ``SIMPLE_JWT`` is not a dict, and ``ImportError`` for a path that can't be
        imported.
        """
        if instance is None:
            return self
        instance._require_dict()
        value: T = instance.__getattr__(self.name)  # type: ignore[attr-defined]  # DRF's, which callers must not see
        if self.clean is not None:
            value = vars(instance)[self.name] = self.clean(value)
        return value

    if TYPE_CHECKING:

        def __set__(self, instance: APISettings, value: T) -> None:
            """An assigned value is an attribute of the instance, which hides this descriptor."""

        def __delete__(self, instance: APISettings) -> None: ...


class UserSettings(dict[str, Any]):
    """The values that the project has set. Calls ``on_edit`` after each edit."""

    on_edit: Callable[[], None] = staticmethod(lambda: None)

    def __reduce__(self) -> tuple[type, tuple[Mapping[str, object]]]:
        """Makes copies plain dicts: editing a copy changes no setting."""
        return dict, (dict(self),)


def _calling_on_edit(method: Callable[Concatenate[UserSettings, P], T]) -> Callable[Concatenate[UserSettings, P], T]:
    """Returns a method that does what ``method`` of ``dict`` does, and then calls ``on_edit``."""

    @wraps(method)
    def edit(self: UserSettings, /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls ``method``, then ``on_edit``. Returns what ``method`` returned."""
        result = method(self, *args, **kwargs)
        self.on_edit()
        return result

    return edit


for _name in ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(UserSettings, _name, _calling_on_edit(getattr(dict, _name)))


def _tuple_of_types(value: str | Collection[str]) -> tuple[str, ...]:
    """Returns the value of ``AUTH_HEADER_TYPES`` as a tuple. A string is a tuple of one."""
    return (value,) if isinstance(value, str) else tuple(value)


class APISettings(_APISettings):
    """The settings: one attribute for each, which is cached when it is read.

    An attribute may be assigned, or deleted and then read again, and the dict ``user_settings`` may be edited. Each
    change takes effect at once for all users of this object. An edit of the project's own dict,
    ``settings.SIMPLE_JWT``, takes effect when a setting is read for the first time, or when ``generation`` is read.
    An unknown name raises ``AttributeError``, a removed setting ``RuntimeError``, and a value of ``SIMPLE_JWT`` other
    than a dict ``ImproperlyConfigured``.

    ``user_settings`` is the project's dict; ``None`` stands for ``settings.SIMPLE_JWT``.
    """

    # The project's dict, and a copy of its items from the last comparison.
    _source: object
    _snapshot: object
    _uses_django_settings: bool
    _generation: int

    ACCESS_TOKEN_LIFETIME = Setting[timedelta](timedelta(minutes=5), "How long an access token is valid.")
    REFRESH_TOKEN_LIFETIME = Setting[timedelta](timedelta(days=1), "How long a refresh token is valid.")
    ROTATE_REFRESH_TOKENS = Setting[bool](False, "Whether a refresh also returns a new refresh token.")
    BLACKLIST_AFTER_ROTATION = Setting[bool](False, "Whether a refresh revokes the presented refresh token.")
    REFRESH_TOKEN_GRACE_PERIOD = Setting[timedelta](
        timedelta(0), "How long a consumed refresh token still gets its successor; at most 5 minutes."
    )
    UPDATE_LAST_LOGIN = Setting[bool](False, "Whether a login calls ON_LOGIN_SUCCESS.")

    TOKEN_FAMILY_ENABLED = Setting[bool](False, "Whether all tokens that descend from one login form a family.")
    TOKEN_FAMILY_CHECK_ON_ACCESS = Setting[bool](
        False, "Whether access tokens carry their family and are refused once it is revoked or has ended."
    )
    TOKEN_FAMILY_BLACKLIST_ON_REUSE = Setting[bool](False, "Whether reuse of a refresh token revokes its family.")
    TOKEN_FAMILY_LIFETIME = Setting[timedelta | None](
        timedelta(days=30), "How long after the login a family ends; None: never."
    )

    ALGORITHM = Setting[str]("HS256", "The algorithm that signs and verifies tokens, RFC 7518 section 3.1.")
    SIGNING_KEY = Setting[Any](None, "The HMAC secret or the private key.")
    VERIFYING_KEY = Setting[Any]("", "The public key. HMAC algorithms ignore it.")
    SIGNING_KEYS = Setting[Sequence[Mapping[str, object]]](
        (), "The signing keys of a key ring, as dicts; it replaces SIGNING_KEY. See Rotate the signing keys."
    )
    VERIFYING_KEYS = Setting[Sequence[Mapping[str, object]]]((), "Keys of the key ring that only verify, as dicts.")
    SIGNING_KEYS_DIR = Setting[str | PathLike[str] | None](
        None, "The path of a directory of signing keys that `rotatesigningkeys` maintains."
    )
    JWKS_MAX_AGE = Setting[int](300, "How many seconds other services may cache the keys that JWKSView publishes.")
    TRUSTED_ISSUERS = Setting[Sequence[Mapping[str, object]]](
        (), "Other issuers whose access tokens authenticate requests, as dicts."
    )
    USER_FROM_CLAIMS = Setting["Callable[[Mapping[str, object], Mapping[str, object]], AnyUser | None] | None"](
        None,
        "Called with the claims of a trusted issuer's token and the issuer's entry; returns the user or None.",
        imported=True,
    )
    AUDIENCE = Setting[str | Iterable[str] | None](
        None, "The aud claim: set in issued tokens and required in presented ones."
    )
    ISSUER = Setting[str | None](None, "The iss claim: set in issued tokens and required in presented ones.")
    JSON_ENCODER = Setting[type[JSONEncoder] | None](None, "The JSON encoder for your own claims.", imported=True)
    JWK_URL = Setting[str | None](None, "The URL where the issuer publishes its keys, RFC 7517.")
    JWK_TIMEOUT = Setting[float](2, "How many seconds a request waits at most for the keys of an issuer.")
    JWK_ALLOW_HTTP = Setting[bool](
        False, "Whether keys may be fetched over http from other machines, as on a private network."
    )
    ACCESS_TOKEN_PROFILE = Setting[str | None](
        None, '"rfc9068": access tokens follow RFC 9068; None: they have no profile.'
    )
    ACCESS_TOKEN_PROFILE_REQUIRED = Setting[bool](
        True, "Whether ACCESS_TOKEN_PROFILE refuses tokens without it; False until older tokens have expired."
    )
    CLIENT_ID = Setting[str | None](None, "The client_id claim that ACCESS_TOKEN_PROFILE requires.")
    VERIFIED_TOKEN_CACHE_SIZE = Setting[int](1024, "How many verified tokens each process keeps in memory; 0: none.")
    MAX_TOKEN_LENGTH = Setting[int](8192, "A token with more characters is refused before it is parsed.")
    LEEWAY = Setting[float | timedelta](0, "The clock skew that is tolerated: seconds or a timedelta.")

    REVOCATION_STORE = Setting["Callable[[str], RevocationStore] | None"](
        None, "The dotted path of a RevocationStore; None: the tables of the installed apps.", imported=True
    )
    REVOCATION_REDIS_URL = Setting[str | None](
        None, "The URL to which RedisStore connects; None: that of the cache SJWT_CACHE_NAME."
    )
    REVOCATION_FAIL_MODE = Setting[str](
        "closed", "Whether requests are answered 503 (closed) or accepted unchecked (open) while Redis is unavailable."
    )
    STORE_OUTSTANDING_TOKENS = Setting[str](
        "full", "Whether the table of outstanding tokens stores their text: full or none."
    )

    SJWT_CACHE_NAME = Setting[str]("default", "The alias in CACHES of the cache of revocations.")
    CACHE_BLACKLISTED_REFRESH_TOKENS = Setting[bool](False, "Whether revocations of tokens are cached.")
    CACHE_BLACKLISTED_FAMILIES = Setting[bool](False, "Whether revocations of families are cached.")
    CACHE_TTL_BLACKLISTED_REFRESH_TOKENS = Setting[int](3600, "How many seconds the revocation of a token is cached.")
    CACHE_TTL_BLACKLISTED_FAMILIES = Setting[int](3600, "How many seconds the revocation of a family is cached.")
    CACHE_KEY_PREFIX_BLACKLISTED_REFRESH_TOKENS = Setting[str](
        "sjwt_brt", "The prefix of the cache keys <prefix>:<jti>."
    )
    CACHE_KEY_PREFIX_BLACKLISTED_FAMILIES = Setting[str](
        "sjwt_btf", "The prefix of the cache keys <prefix>:<family id>."
    )

    AUTH_HEADER_TYPES = Setting[tuple[str, ...]](
        ("Bearer",),
        "The accepted schemes of the Authorization header; the first one is used in WWW-Authenticate.",
        clean=_tuple_of_types,
    )
    AUTH_HEADER_NAME = Setting[str]("HTTP_AUTHORIZATION", "The key in request.META of the header with the token.")
    USER_ID_FIELD = Setting[str]("id", "The field of the user model that identifies a user.")
    USER_ID_CLAIM = Setting[str]("user_id", "The claim with the value of USER_ID_FIELD, as a string.")
    USER_AUTHENTICATION_RULE = Setting["Callable[[AbstractBaseUser | None], bool]"](
        "rest_framework_simplejwt.authentication.default_user_authentication_rule",
        "Called with the user or None; returns whether tokens may be issued to this user.",
        imported=True,
    )
    ON_LOGIN_SUCCESS = Setting["Callable[[AbstractBaseUser, HttpRequest | None], None]"](
        "rest_framework_simplejwt.serializers.default_on_login_success",
        "Called with (user, request) after a login if UPDATE_LAST_LOGIN is on.",
        imported=True,
    )
    ON_LOGIN_FAILED = Setting["Callable[[dict[str, object], HttpRequest | None], None]"](
        "rest_framework_simplejwt.serializers.default_on_login_failed",
        "Called with (credentials, request) after a failed login; secrets are masked.",
        imported=True,
    )
    AUTH_TOKEN_CLASSES = Setting["Collection[type[Token]]"](
        ("rest_framework_simplejwt.tokens.AccessToken",),
        "The token classes that a request may present; they are tried in order.",
        imported=True,
    )
    TOKEN_TYPE_CLAIM = Setting[str | None](
        "token_type", "The claim with the type of a token; None: types are not checked."
    )
    JTI_CLAIM = Setting[str | None]("jti", "The claim with the id of a token; None: tokens have no ids.")
    TOKEN_FAMILY_CLAIM = Setting[str]("family_id", "The claim with the id of the family.")
    TOKEN_FAMILY_EXPIRATION_CLAIM = Setting[str]("family_exp", "The claim with the time when the family ends.")
    TOKEN_USER_CLASS = Setting["type[TokenUser]"](
        "rest_framework_simplejwt.models.TokenUser",
        "The class of request.user under JWTStatelessUserAuthentication.",
        imported=True,
    )

    SLIDING_TOKEN_REFRESH_EXP_CLAIM = Setting[str](
        "refresh_exp", "The claim with the time until which a sliding token can be refreshed."
    )
    SLIDING_TOKEN_LIFETIME = Setting[timedelta](timedelta(minutes=5), "How long a sliding token is valid.")
    SLIDING_TOKEN_REFRESH_LIFETIME = Setting[timedelta](timedelta(days=1), "How long a sliding token can be refreshed.")

    TOKEN_OBTAIN_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenObtainPairSerializer",
        "The serializer of TokenObtainPairView, as a dotted path.",
    )
    TOKEN_REFRESH_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenRefreshSerializer",
        "The serializer of TokenRefreshView, as a dotted path.",
    )
    TOKEN_VERIFY_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenVerifySerializer",
        "The serializer of TokenVerifyView, as a dotted path.",
    )
    TOKEN_BLACKLIST_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenBlacklistSerializer",
        "The serializer of TokenBlacklistView, as a dotted path.",
    )
    SLIDING_TOKEN_OBTAIN_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenObtainSlidingSerializer",
        "The serializer of TokenObtainSlidingView, as a dotted path.",
    )
    SLIDING_TOKEN_REFRESH_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenRefreshSlidingSerializer",
        "The serializer of TokenRefreshSlidingView, as a dotted path.",
    )
    TOKEN_FAMILY_BLACKLIST_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenFamilyBlacklistSerializer",
        "The serializer of TokenFamilyBlacklistView, as a dotted path.",
    )

    CHECK_REVOKE_TOKEN = Setting[bool](False, "Whether tokens are refused after their user's password has changed.")
    REVOKE_TOKEN_CLAIM = Setting[str]("hash_password", "The claim with the fingerprint of the user's password.")
    REVOKE_TOKEN_HASHER = Setting[Callable[[Any], "str | tuple[str, ...]"]](
        "rest_framework_simplejwt.users.md5_fingerprint",
        "Called with the user; returns the password's fingerprint or a tuple: the first is issued, all are accepted.",
        imported=True,
    )
    CHECK_USER_IS_ACTIVE = Setting[bool](True, "Whether inactive users are refused.")

    def __init__(
        self,
        user_settings: Mapping[str, object] | None = None,
        defaults: Mapping[str, object] | None = None,
        import_strings: Collection[str] | None = None,
    ) -> None:
        """Reads ``user_settings``. Raises ``RuntimeError`` if it contains a removed setting.

        ``defaults`` and ``import_strings`` replace ``DEFAULTS`` and ``IMPORT_STRINGS``.
        """
        super().__init__(
            None,
            DEFAULTS if defaults is None else defaults,
            tuple(import_strings or IMPORT_STRINGS),
        )
        self.reload(user_settings)

    # Hidden from type checkers, which accept any attribute of a class with a __setattr__.
    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            """Assigns a value to a setting, in place of the configured one, until ``reload`` or a deletion."""
            super().__setattr__(name, value)
            self._increment_generation()

        def __delattr__(self, name: str) -> None:
            """Removes the cached or assigned value of a setting, if there is one: the next access reads it again."""
            if name in vars(self) or name not in self.defaults:
                super().__delattr__(name)
            self._increment_generation()

    def _increment_generation(self) -> None:
        """Increments ``generation``, so that what is built from settings is compared with them again."""
        # An assignment to the attribute would call __setattr__, and so this method again.
        vars(self)["_generation"] = vars(self).get("_generation", 0) + 1

    @property
    def generation(self) -> int:
        """A number that increases whenever a setting may have changed.

        What is derived from settings stays valid as long as the number is the same.
        """
        self._apply_edits()
        return self._generation

    def get_current(self, name: str) -> Any:
        """Returns the value of the setting ``name``. Unlike the attribute, it notices edits of ``SIMPLE_JWT``."""
        self._apply_edits()
        return getattr(self, name)

    def _apply_edits(self) -> None:
        """Applies the edits of the project's dict that were made since it was last compared."""
        if self._source != self._snapshot:
            self._apply_source(self._source)

    @property
    def user_settings(self) -> UserSettings:
        """The values that the project has set, with all edits so far. Edits of this dict take effect at once."""
        _update_default_signing_key()
        source = _project_settings() if self._uses_django_settings else self._source
        if source is not self._source or source != self._snapshot:
            self._apply_source(source)
        return self._user_settings

    def _require_dict(self) -> None:
        """Raises ``ImproperlyConfigured`` if the project's settings are not a dict."""
        if not isinstance(self._source, Mapping):
            kind = type(self._source).__name__
            raise ImproperlyConfigured(f"settings.SIMPLE_JWT must be a dict, not {kind}: SIMPLE_JWT = {{...}}.")

    def reload(self, user_settings: Mapping[str, object] | None = None) -> None:
        """Discards all cached, assigned and edited values, and reads ``user_settings`` from now on.

        ``None`` stands for ``settings.SIMPLE_JWT``. Raises ``RuntimeError`` if it contains a removed setting.
        """
        self._uses_django_settings = user_settings is None
        self._source = self._snapshot = {}
        self._user_settings = UserSettings()
        self._user_settings.on_edit = self._clear_cache
        self._apply_source(_project_settings() if user_settings is None else user_settings)
        for name in self.defaults:
            vars(self).pop(name, None)
        self._clear_cache()

    def _apply_source(self, source: object) -> None:
        """Copies to ``user_settings`` what has changed in ``source`` since it was last compared.

        Edits of ``user_settings`` itself are kept. Raises ``RuntimeError`` for a removed setting.
        """
        before, now = (dict(values) if isinstance(values, Mapping) else {} for values in (self._snapshot, source))
        for name in REMOVED_SETTINGS:
            if name in now:
                raise RuntimeError(f"The SIMPLE_JWT setting {name!r} has been removed; see the settings reference.")
        for name in before.keys() | now.keys():
            if name not in now:
                dict.pop(self._user_settings, name, None)
            elif name not in before or before[name] != now[name]:
                dict.__setitem__(self._user_settings, name, now[name])
        self._source, self._snapshot = source, now if isinstance(source, Mapping) else source
        self._clear_cache()

    def _clear_cache(self) -> None:
        """Removes the cached values, so that the next access reads each setting again."""
        for name in self._cached_attrs:
            vars(self).pop(name, None)
        self._cached_attrs.clear()
        self._increment_generation()


def _project_settings() -> object:
    """Returns ``settings.SIMPLE_JWT``, which should be a dict, or an empty dict if it is missing or ``None``."""
    found: object = getattr(settings, "SIMPLE_JWT", None)
    return _NO_SETTINGS if found is None else found


# Always the same object: a missing SIMPLE_JWT must not look like a change at each comparison.
_NO_SETTINGS: dict[str, object] = {}

_TABLE = {name: row for name, row in vars(APISettings).items() if isinstance(row, Setting)}

DEFAULTS: dict[str, Any] = {name: row.default for name, row in _TABLE.items()} | {"SIGNING_KEY": settings.SECRET_KEY}
IMPORT_STRINGS: tuple[str, ...] = tuple(name for name, row in _TABLE.items() if row.imported)
REMOVED_SETTINGS: tuple[str, ...] = ("AUTH_HEADER_TYPE", "AUTH_TOKEN_CLASS", "SECRET_KEY", "TOKEN_BACKEND_CLASS")
USER_SETTINGS: Mapping[str, object] | None = getattr(settings, "SIMPLE_JWT", None)


def _update_default_signing_key() -> None:
    """Sets the default of ``SIGNING_KEY`` to the present ``SECRET_KEY``."""
    # SECRET_KEY may be assigned after the import of this module.
    DEFAULTS["SIGNING_KEY"] = settings.SECRET_KEY


api_settings = APISettings(None, DEFAULTS, IMPORT_STRINGS)


def reload_api_settings(*args: object, **kwargs: Any) -> None:
    """Applies ``override_settings`` at once. Receives Django's signal ``setting_changed``."""
    setting, value = kwargs["setting"], kwargs["value"]
    if setting == "SIMPLE_JWT":
        api_settings.reload(None if value is getattr(settings, "SIMPLE_JWT", None) else value or {})
    elif setting == "SECRET_KEY":
        api_settings._clear_cache()
    elif setting == "SECRET_KEY_FALLBACKS":
        api_settings._increment_generation()


setting_changed.connect(reload_api_settings, dispatch_uid="rest_framework_simplejwt.settings")
