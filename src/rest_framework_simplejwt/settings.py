"""The settings in ``settings.SIMPLE_JWT``: one table with a row for each, and ``api_settings``, which reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import wraps
from json import JSONEncoder
from typing import Any, Generic, TypeVar, overload

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from rest_framework.settings import APISettings as DRFAPISettings

from ._also import also_has

T = TypeVar("T")

__getattr__ = also_has(__name__, {"format_lazy": "rest_framework_simplejwt.utils.format_lazy"})


class Setting(Generic[T]):
    """A descriptor for one setting of type ``T``.

    ``doc`` is its meaning, for the settings reference. ``imported``: the value is a dotted path, or a list of them, and
    is read as what it leads to. ``clean`` converts the value of the project to a ``T``.
    The value is cached on the settings object under the same name, which hides this descriptor until that attribute
    is deleted.
    """

    def __init__(
        self, default: Any, doc: str, *, imported: bool = False, clean: Callable[[Any], T] | None = None
    ) -> None:
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
        if instance is None:
            return self
        instance._require_dict()
        value: T = instance.__getattr__(self.name)
        if self.clean is not None:
            value = vars(instance)[self.name] = self.clean(value)
        return value


class UserSettings(dict[str, Any]):
    """The values that the project has set. Calls ``on_edit`` after each edit."""

    on_edit: Callable[[], None] = staticmethod(lambda: None)

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        """Makes copies plain dicts: editing a copy changes no setting."""
        return dict, (dict(self),)


def _calling_on_edit(method: Callable[..., Any]) -> Callable[..., Any]:
    """Returns ``method`` of ``dict`` extended by a call of ``on_edit``."""

    @wraps(method)
    def edit(self: UserSettings, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        self.on_edit()
        return result

    return edit


for _name in ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(UserSettings, _name, _calling_on_edit(getattr(dict, _name)))


def _tuple_of_types(value: str | Collection[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


class APISettings(DRFAPISettings):
    """The settings: one attribute for each, which is cached when it is read.

    An attribute may be assigned, or deleted and then read again, and the dict ``user_settings`` may be edited. Each
    change takes effect at once for all users of this object. An edit of the project's own dict,
    ``settings.SIMPLE_JWT``, takes effect when a setting is read for the first time, or when ``generation`` is read.
    An unknown name raises ``AttributeError``, a removed setting ``RuntimeError``, and a value of ``SIMPLE_JWT`` other
    than a dict ``ImproperlyConfigured``.

    ``user_settings`` is the project's dict; ``None`` stands for ``settings.SIMPLE_JWT``.
    """

    # The project's dict, and a copy of its items from the last comparison.
    _source: Any
    _source_copy: Any
    _uses_django_settings: bool
    _generation: int

    ACCESS_TOKEN_LIFETIME = Setting[timedelta](timedelta(minutes=5), "How long an access token is good.")
    REFRESH_TOKEN_LIFETIME = Setting[timedelta](timedelta(days=1), "How long a refresh token is good.")
    ROTATE_REFRESH_TOKENS = Setting[bool](False, "Whether a refresh also answers with a new refresh token.")
    BLACKLIST_AFTER_ROTATION = Setting[bool](False, "Whether the refresh token that was rotated is revoked.")
    REFRESH_TOKEN_GRACE_PERIOD = Setting[timedelta](
        timedelta(0), "How long a spent refresh token still buys its own successor; 5 minutes at most."
    )
    UPDATE_LAST_LOGIN = Setting[bool](False, "Whether ON_LOGIN_SUCCESS is called.")

    TOKEN_FAMILY_ENABLED = Setting[bool](False, "Whether tokens descended from one login form a family.")
    TOKEN_FAMILY_CHECK_ON_ACCESS = Setting[bool](False, "Whether access tokens carry, and die with, their family.")
    TOKEN_FAMILY_BLACKLIST_ON_REUSE = Setting[bool](
        False, "Whether a blacklisted refresh token, presented again, takes its family with it."
    )
    TOKEN_FAMILY_LIFETIME = Setting[timedelta | None](
        timedelta(days=30), "How long a family lasts whatever is rotated within it; None: for ever."
    )

    ALGORITHM = Setting[str]("HS256", "A JWS algorithm, RFC 7518 section 3.1.")
    SIGNING_KEY = Setting[Any](None, "HMAC secret or private key; SECRET_KEY by default.")
    VERIFYING_KEY = Setting[Any]("", "Public key; ignored by HMAC algorithms.")
    SIGNING_KEYS = Setting[Sequence[Mapping[str, Any]]](
        (), "The keys of a ring that take turns in signing, instead of SIGNING_KEY: dicts, see rotating keys."
    )
    VERIFYING_KEYS = Setting[Sequence[Mapping[str, Any]]]((), "Keys of the ring that only verify: dicts as well.")
    SIGNING_KEYS_DIR = Setting[Any](None, "A directory of signing keys, which `rotatesigningkeys` looks after.")
    JWKS_MAX_AGE = Setting[int](300, "Seconds that other services may keep what JWKSView publishes.")
    TRUSTED_ISSUERS = Setting[Sequence[Mapping[str, Any]]]((), "Others whose tokens authenticate here: dicts.")
    USER_FROM_CLAIMS = Setting[Callable[[Mapping[str, Any], Mapping[str, Any]], Any] | None](
        None, "Called with a trusted issuer's claims, and its entry: their user, or None.", imported=True
    )
    AUDIENCE = Setting[Any](None, "The aud claim: put into tokens and required of them.")
    ISSUER = Setting[str | None](None, "The iss claim: put into tokens and required of them.")
    JSON_ENCODER = Setting[type[JSONEncoder] | None](None, "Encoder for claims of the project's own.", imported=True)
    JWK_URL = Setting[str | None](None, "Where the issuer publishes its keys, RFC 7517.")
    JWK_TIMEOUT = Setting[float](2, "Seconds that a request waits for those keys at the most.")
    JWK_ALLOW_HTTP = Setting[bool](
        False, "Whether keys are also fetched over http from other machines, as on a private network."
    )
    ACCESS_TOKEN_PROFILE = Setting[str | None](None, '"rfc9068": access tokens of that standard; None: plain ones.')
    ACCESS_TOKEN_PROFILE_REQUIRED = Setting[bool](
        True, "Whether plain tokens are then refused; False until those from before have expired."
    )
    CLIENT_ID = Setting[str | None](None, "The client_id claim of these access tokens.")
    VERIFIED_TOKEN_CACHE_SIZE = Setting[int](
        1024, "How many tokens whose signature was good are remembered, in each process; 0: none."
    )
    MAX_TOKEN_LENGTH = Setting[int](8192, "Characters; a longer token is refused before it is looked at.")
    LEEWAY = Setting[float | timedelta](0, "Clock skew forgiven: seconds, or a timedelta.")

    REVOCATION_STORE = Setting[Any](
        None, "Dotted path of a RevocationStore; by default the tables of the installed apps.", imported=True
    )
    REVOCATION_REDIS_URL = Setting[str | None](None, "Where RedisStore connects; by default as SJWT_CACHE_NAME does.")
    REVOCATION_FAIL_MODE = Setting[str](
        "closed", "While Redis can't be asked, an access token is answered 503 (closed) or accepted (open)."
    )
    STORE_OUTSTANDING_TOKENS = Setting[str](
        "full", "What the table of outstanding tokens holds of their texts: all (full) or nothing (none)."
    )

    SJWT_CACHE_NAME = Setting[str]("default", "The alias in CACHES that remembers revocations.")
    CACHE_BLACKLISTED_REFRESH_TOKENS = Setting[bool](False, "Whether revoked tokens are cached.")
    CACHE_BLACKLISTED_FAMILIES = Setting[bool](False, "Whether revoked families are cached.")
    CACHE_TTL_BLACKLISTED_REFRESH_TOKENS = Setting[int](3600, "Seconds a revoked token stays cached.")
    CACHE_TTL_BLACKLISTED_FAMILIES = Setting[int](3600, "Seconds a revoked family stays cached.")
    CACHE_KEY_PREFIX_BLACKLISTED_REFRESH_TOKENS = Setting[str]("sjwt_brt", "Cache keys are <prefix>:<jti>.")
    CACHE_KEY_PREFIX_BLACKLISTED_FAMILIES = Setting[str]("sjwt_btf", "Cache keys are <prefix>:<family id>.")

    AUTH_HEADER_TYPES = Setting[tuple[str, ...]](
        ("Bearer",), "Authorization schemes accepted; the first one challenges.", clean=_tuple_of_types
    )
    AUTH_HEADER_NAME = Setting[str]("HTTP_AUTHORIZATION", "The header's key in request.META.")
    USER_ID_FIELD = Setting[str]("id", "The user model's field that identifies a user.")
    USER_ID_CLAIM = Setting[str]("user_id", "The claim that carries it, as a string.")
    USER_AUTHENTICATION_RULE = Setting[Callable[[Any], bool]](
        "rest_framework_simplejwt.authentication.default_user_authentication_rule",
        "Called with the user or None: may they have tokens?",
        imported=True,
    )
    ON_LOGIN_SUCCESS = Setting[Callable[[Any, Any], None]](
        "rest_framework_simplejwt.serializers.default_on_login_success",
        "Called with (user, request) under UPDATE_LAST_LOGIN.",
        imported=True,
    )
    ON_LOGIN_FAILED = Setting[Callable[[Any, Any], None]](
        "rest_framework_simplejwt.serializers.default_on_login_failed",
        "Called with (credentials, secrets masked; request).",
        imported=True,
    )
    AUTH_TOKEN_CLASSES = Setting[Collection[Any]](
        ("rest_framework_simplejwt.tokens.AccessToken",), "Token classes tried in turn on a request.", imported=True
    )
    TOKEN_TYPE_CLAIM = Setting[str | None]("token_type", "The claim that tells kinds apart; None: not checked.")
    JTI_CLAIM = Setting[str | None]("jti", "The claim that names a token; None: not checked.")
    TOKEN_FAMILY_CLAIM = Setting[str]("family_id", "The claim that names a token's family.")
    TOKEN_FAMILY_EXPIRATION_CLAIM = Setting[str]("family_exp", "The claim that says when the family ends.")
    TOKEN_USER_CLASS = Setting[Any](
        "rest_framework_simplejwt.models.TokenUser", "The stateless stand-in for a user.", imported=True
    )

    SLIDING_TOKEN_REFRESH_EXP_CLAIM = Setting[str]("refresh_exp", "When a sliding token can't be refreshed any more.")
    SLIDING_TOKEN_LIFETIME = Setting[timedelta](timedelta(minutes=5), "How long a sliding token is good.")
    SLIDING_TOKEN_REFRESH_LIFETIME = Setting[timedelta](timedelta(days=1), "How long it can be refreshed.")

    TOKEN_OBTAIN_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenObtainPairSerializer", "Dotted path, for TokenObtainPairView."
    )
    TOKEN_REFRESH_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenRefreshSerializer", "Dotted path, for TokenRefreshView."
    )
    TOKEN_VERIFY_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenVerifySerializer", "Dotted path, for TokenVerifyView."
    )
    TOKEN_BLACKLIST_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenBlacklistSerializer", "Dotted path, for TokenBlacklistView."
    )
    SLIDING_TOKEN_OBTAIN_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenObtainSlidingSerializer", "Dotted path, for TokenObtainSlidingView."
    )
    SLIDING_TOKEN_REFRESH_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenRefreshSlidingSerializer",
        "Dotted path, for TokenRefreshSlidingView.",
    )
    TOKEN_FAMILY_BLACKLIST_SERIALIZER = Setting[str](
        "rest_framework_simplejwt.serializers.TokenFamilyBlacklistSerializer",
        "Dotted path, for TokenFamilyBlacklistView.",
    )

    CHECK_REVOKE_TOKEN = Setting[bool](False, "Whether a changed password ends the tokens issued before.")
    REVOKE_TOKEN_CLAIM = Setting[str]("hash_password", "The claim that fingerprints the password's hash.")
    REVOKE_TOKEN_HASHER = Setting[Callable[[Any], "str | tuple[str, ...]"]](
        "rest_framework_simplejwt.users.md5_fingerprint",
        "Called with the user: the fingerprint; or a tuple, of which tokens get the first and may have any.",
        imported=True,
    )
    CHECK_USER_IS_ACTIVE = Setting[bool](True, "Whether inactive users are refused.")

    def __init__(
        self,
        user_settings: dict[str, Any] | None = None,
        defaults: dict[str, Any] | None = None,
        import_strings: Collection[str] | None = None,
    ) -> None:
        super().__init__(
            None,
            DEFAULTS if defaults is None else defaults,  # type: ignore[arg-type]  # ours are not DRF's
            tuple(import_strings or IMPORT_STRINGS),
        )
        self.reload(user_settings)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self._increment_generation()

    def __delattr__(self, name: str) -> None:
        """Removes the cached or assigned value of a setting, if there is one: the next access reads it again."""
        if name in vars(self) or name not in self.defaults:
            super().__delattr__(name)
        self._increment_generation()

    def _increment_generation(self) -> None:
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
        """Applies the edits of the project's dict since the last comparison."""
        if self._source != self._source_copy:
            self._apply_source(self._source)

    @property
    def user_settings(self) -> UserSettings:
        """The values that the project has set, with all edits so far. Edits of this dict take effect at once."""
        _update_default_signing_key()
        source = _project_settings() if self._uses_django_settings else self._source
        if source is not self._source or source != self._source_copy:
            self._apply_source(source)
        return self._user_settings

    def _require_dict(self) -> None:
        """Raises ``ImproperlyConfigured`` if the project's settings are not a dict."""
        if not isinstance(self._source, Mapping):
            kind = type(self._source).__name__
            raise ImproperlyConfigured(f"settings.SIMPLE_JWT must be a dict, not {kind}: SIMPLE_JWT = {{...}}.")

    def reload(self, user_settings: dict[str, Any] | None = None) -> None:
        """Discards all cached, assigned and edited values, and reads ``user_settings`` from now on.

        ``None`` stands for ``settings.SIMPLE_JWT``. Raises ``RuntimeError`` if it contains a removed setting.
        """
        self._uses_django_settings = user_settings is None
        self._source = self._source_copy = {}
        self._user_settings = UserSettings()
        self._user_settings.on_edit = self._clear_cache
        self._apply_source(_project_settings() if user_settings is None else user_settings)
        for name in self.defaults:
            vars(self).pop(name, None)
        self._clear_cache()

    def _apply_source(self, source: Any) -> None:
        """Copies to ``user_settings`` what differs between ``source`` and the last comparison.

        Edits of ``user_settings`` itself are kept. Raises ``RuntimeError`` for a removed setting.
        """
        before, now = (dict(values) if isinstance(values, Mapping) else {} for values in (self._source_copy, source))
        for name in REMOVED_SETTINGS:
            if name in now:
                raise RuntimeError(f"The SIMPLE_JWT setting {name!r} has been removed; see the settings reference.")
        for name in before.keys() | now.keys():
            if name not in now:
                dict.pop(self._user_settings, name, None)
            elif name not in before or before[name] != now[name]:
                dict.__setitem__(self._user_settings, name, now[name])
        self._source, self._source_copy = source, now if isinstance(source, Mapping) else source
        self._clear_cache()

    def _clear_cache(self) -> None:
        """Removes the cached values, so that the next access reads each setting again."""
        for name in self._cached_attrs:
            vars(self).pop(name, None)
        self._cached_attrs.clear()
        self._increment_generation()


def _project_settings() -> Any:
    """Returns ``settings.SIMPLE_JWT``, which should be a dict, or an empty dict if it is missing or ``None``."""
    found = getattr(settings, "SIMPLE_JWT", None)
    return _NO_SETTINGS if found is None else found


# Always the same object: a missing SIMPLE_JWT must not look like a change at each comparison.
_NO_SETTINGS: dict[str, Any] = {}

_TABLE = {name: row for name, row in vars(APISettings).items() if isinstance(row, Setting)}

DEFAULTS: dict[str, Any] = {name: row.default for name, row in _TABLE.items()} | {"SIGNING_KEY": settings.SECRET_KEY}
IMPORT_STRINGS: tuple[str, ...] = tuple(name for name, row in _TABLE.items() if row.imported)
REMOVED_SETTINGS: tuple[str, ...] = ("AUTH_HEADER_TYPE", "AUTH_TOKEN_CLASS", "SECRET_KEY", "TOKEN_BACKEND_CLASS")
USER_SETTINGS: dict[str, Any] | None = getattr(settings, "SIMPLE_JWT", None)


def _update_default_signing_key() -> None:
    # SECRET_KEY may be assigned after the import of this module.
    DEFAULTS["SIGNING_KEY"] = settings.SECRET_KEY


api_settings = APISettings(None, DEFAULTS, IMPORT_STRINGS)


def reload_api_settings(*args: Any, **kwargs: Any) -> None:
    """Applies ``override_settings`` at once. A receiver of Django's signal ``setting_changed``."""
    setting, value = kwargs["setting"], kwargs["value"]
    if setting == "SIMPLE_JWT":
        api_settings.reload(None if value is getattr(settings, "SIMPLE_JWT", None) else value or {})
    elif setting == "SECRET_KEY":
        api_settings._clear_cache()
    elif setting == "SECRET_KEY_FALLBACKS":
        api_settings._increment_generation()


setting_changed.connect(reload_api_settings, dispatch_uid="rest_framework_simplejwt.settings")
