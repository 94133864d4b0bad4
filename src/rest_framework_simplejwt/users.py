"""From claims to a user: the one place that fetches one, and tells whether their password is the one it was."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError
from django.db import DatabaseError, Error, connections, router
from django.db.models import Field, Model
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from . import compiled, database_outage
from .compiled import AnyField
from .db_errors import first_line, is_missing_table, is_unstorable
from .exceptions import TokenError
from .models import AnyUser
from .passwords import reusable_salt
from .utils import get_md5_hash_password, is_storable

__all__ = ["keyed_fingerprint", "keyed_or_md5_fingerprint", "md5_fingerprint"]

# A user's password in short: what new tokens carry, or that and what else is accepted.
Hasher: TypeAlias = Callable[[Any], "str | tuple[str, ...]"]


M = TypeVar("M", bound=Model)


class NotKept(LookupError):
    """The project keeps no users: it has no user model, or neither a database nor a table for it."""


_reads_primary = ContextVar("rest_framework_simplejwt.reads_primary", default=False)


class _PrimaryRouter:
    """A database router that sends reads of users to the database that they are written to, inside ``from_primary``."""

    def db_for_read(self, model: type[Model], **hints: object) -> str | None:
        if not _reads_primary.get() or model._meta.concrete_model is not get_user_model()._meta.concrete_model:
            return None
        # Not router.db_for_write, which has a default: where no router names a database to write to,
        # Django writes an instance to the one that it was read from.
        named = (each.db_for_write(model, **hints) for each in router.routers if hasattr(each, "db_for_write"))
        return next(filter(None, named), None)


_primary_router = _PrimaryRouter()


@contextmanager
def from_primary() -> Iterator[None]:
    """Read users from the database that they are written to, also where the project's routers read from a replica.

    A replica may not know yet that a user was created, deactivated or deleted, or has another password. The
    router goes first in Django's list of them, since an authentication backend makes its own queries.
    """
    if router.routers and router.routers[0] is not _primary_router:
        router.routers.insert(0, _primary_router)
    token = _reads_primary.set(True)
    try:
        yield
    finally:
        _reads_primary.reset(token)


def named_by(claim: object, *, field: str) -> AbstractBaseUser | None:
    """The user whose ``field`` is what the ``claim`` says, or ``None``, read ``from_primary``. Raises ``NotKept``."""
    try:
        user_model = get_user_model()
    except ImproperlyConfigured as error:
        raise NotKept("AUTH_USER_MODEL is not installed") from error
    with from_primary():
        return _named_by(claim, user_model, field)


def _named_by(claim: object, user_model: type[M], field: str) -> M | None:
    if connections[router.db_for_read(user_model)].settings_dict["ENGINE"] == "django.db.backends.dummy":
        raise NotKept("DATABASES has no database for users")
    try:
        return find(user_model, field, claim)
    except DatabaseError as error:
        if is_missing_table(error) and user_model._meta.db_table in first_line(error):
            raise NotKept("there is no table of users") from error
        raise


def require_user(user: object) -> None:
    """Raise ``TokenError`` unless ``user`` is of the user model, or of a proxy or subclass of it.

    The primary key of any other object may be that of a user who is somebody else.
    """
    if isinstance(user, Model) and user._meta.label == settings.AUTH_USER_MODEL:
        return  # faster than to look the model up
    try:
        user_model = get_user_model()
    except ImproperlyConfigured:
        return
    if not isinstance(user, user_model):
        raise TokenError(f"{type(user).__name__} is not the user model: AUTH_USER_MODEL is {settings.AUTH_USER_MODEL}")


def find(user_model: type[M], field_name: str, claim: object) -> M | None:
    """The user whose ``field_name`` is what the ``claim`` says, or ``None``.

    The claim is read with the model's own field. What that field can't hold, and what merely
    resembles an id (``true``, ``1.0``, ``"01"``), is nobody's. Raises ``ServiceUnavailable``.
    """
    # Projects filter `objects` to say who can log in, so it wins over the default manager.
    manager = getattr(user_model, "objects", user_model._default_manager)
    try:
        value = _coerce(_field(user_model, field_name), claim)
        user = compiled.first(manager, field_name, value) if value is not None else None
    except (TypeError, ValueError, OverflowError, ValidationError):
        return None
    except Error as error:
        if is_unstorable(error):
            return None
        database_outage.raise_if_outage(error)
        raise
    database_outage.end_outage()
    return user


def can_hold(field_name: str, text: str) -> bool:
    """Whether a field of the user model, or the one that a relation leads to, has such a value; true without one."""
    field: Any = _field(get_user_model(), field_name)
    if field is None:
        return True
    while field.is_relation:
        field = field.target_field
    try:
        value = field.to_python(text)
        if isinstance(value, int):
            field.run_validators(value)  # its range
            return abs(value) < 2**63  # Django 4.2 knows no range for SQLite
    except (TypeError, ValueError, ArithmeticError, ValidationError):
        return False
    return True


def is_identity(claim: object) -> bool:
    """Whether a claim can name a user at all: a string that says something, or an integer."""
    return claim != "" if type(claim) is str else isinstance(claim, (str, int)) and not isinstance(claim, bool)


def _field(user_model: type[Model], name: str) -> AnyField | None:
    if name == "pk":
        return user_model._meta.pk
    try:
        field = user_model._meta.get_field(name)
    except FieldDoesNotExist:
        return None  # a look-up such as "profile__uuid"
    return field if isinstance(field, Field) else None


def _coerce(field: AnyField | None, claim: object) -> object:
    if not is_identity(claim):
        raise TypeError("an id is a string or an integer")
    if isinstance(claim, str) and not is_storable(claim):
        raise ValueError("no column holds such text")
    value = claim if field is None else field.to_python(claim)
    if isinstance(value, int) and str(value) != str(claim):
        raise ValueError("int() reads several spellings, an id has one")
    return value


def is_gone(user: Model | None) -> bool:
    """Whether the user has been deleted since they were looked up."""
    if user is None:
        return False
    alias = router.db_for_write(type(user), instance=user)
    return not type(user)._base_manager.using(alias).filter(pk=user.pk).exists()


def is_active(user: object) -> bool:
    """Whether the user may act; one whose model has no ``is_active`` may."""
    return bool(getattr(user, "is_active", True))


def md5_fingerprint(user: AbstractBaseUser) -> str:
    """Of the stored hash, as 5.5.1 has it: another password is another one, and so is an upgrade of the hash."""
    return get_md5_hash_password(user.password)


def keyed_fingerprint(user: AbstractBaseUser) -> tuple[str, ...]:
    """Of the hash's salt, by HMAC-SHA256 under ``SECRET_KEY``, and one for each of ``SECRET_KEY_FALLBACKS``.

    Each new password draws a new salt, so that it changes with the password, and stays when only
    the hash's parameters change and the user model ``KeepsSalt``. It says nothing of the hash to
    who reads the token. A hash without a salt of its own counts as a whole.
    """
    salt = reusable_salt(user.password)
    # Apart, so that no salt is taken for a hash.
    purpose, value = ("hash", user.password) if salt is None else ("salt", salt)
    return tuple(
        [
            salted_hmac(f"rest_framework_simplejwt.{purpose}", value, secret=key, algorithm="sha256").hexdigest()
            for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        ]
    )


def keyed_or_md5_fingerprint(user: AbstractBaseUser) -> tuple[str, ...]:
    """``keyed_fingerprint`` in new tokens, ``md5_fingerprint`` accepted too: until the old tokens have expired."""
    return (*keyed_fingerprint(user), md5_fingerprint(user))


@sensitive_variables()
def password_fingerprint(user: AnyUser, hasher: Hasher) -> str:
    """The value of the revoke claim in a new token: it changes with the user's password."""
    return _accepted(user, hasher)[0]


@sensitive_variables()
def password_unchanged(user: AnyUser, fingerprint: object, hasher: Hasher) -> bool:
    """Whether ``fingerprint``, out of a token, is one that ``hasher`` accepts of the user's present password."""
    if not isinstance(fingerprint, str):
        return False
    claimed = _bytes(fingerprint)
    return any(hmac.compare_digest(claimed, _bytes(accepted)) for accepted in _accepted(user, hasher))


def _accepted(user: AnyUser, hasher: Hasher) -> tuple[str, ...]:
    fingerprints = hasher(user)
    return (fingerprints,) if isinstance(fingerprints, str) else tuple(fingerprints)


def _bytes(text: str) -> bytes:
    # JSON may hold lone surrogates.
    return text.encode(errors="surrogatepass")
