"""Users: finds the user of a claim, and computes the password fingerprints of the revoke claim."""

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

# What REVOKE_TOKEN_HASHER is: takes a user and returns a fingerprint of the password, or a tuple of fingerprints.
# New tokens get the first; a token with any of them is accepted.
Hasher: TypeAlias = Callable[[Any], "str | tuple[str, ...]"]


M = TypeVar("M", bound=Model)


class UsersNotStored(LookupError):
    """Raised where the project stores no users: without a user model, or without a database or a table for it."""


_reads_primary = ContextVar("rest_framework_simplejwt.reads_primary", default=False)


class _PrimaryRouter:
    """A database router that reads users from the database they are written to, inside ``read_from_primary``."""

    def db_for_read(self, model: type[Model], **hints: object) -> str | None:
        """Returns the alias of the database that users are written to. Called by Django.

        Returns ``None``, which leaves the choice to the next router, for other models, outside ``read_from_primary``,
        and if no router chooses a database to write to.
        """
        if not _reads_primary.get() or model._meta.concrete_model is not get_user_model()._meta.concrete_model:
            return None
        # Not router.db_for_write(), which always returns an alias. If no router chooses one, the instance must be
        # read as usual, since Django writes it to the database that it was read from.
        named = (each.db_for_write(model, **hints) for each in router.routers if hasattr(each, "db_for_write"))
        return next(filter(None, named), None)


_primary_router = _PrimaryRouter()


@contextmanager
def read_from_primary() -> Iterator[None]:
    """Reads users from the database that they are written to, even if the project's routers read from a replica.

    A replica may lag behind when a user is created, deactivated or deleted, or changes the password. Applies to the
    current thread or task, and to the queries of authentication backends too. Installs a database router as the
    first one.
    """
    if router.routers and router.routers[0] is not _primary_router:
        router.routers.insert(0, _primary_router)
    token = _reads_primary.set(True)
    try:
        yield
    finally:
        _reads_primary.reset(token)


def find_on_primary(claim: object, *, field: str) -> AbstractBaseUser | None:
    """Returns what ``find`` returns for the user model, read from the database that users are written to.

    Raises ``UsersNotStored`` if the project stores no users, and what ``find`` raises.
    """
    try:
        user_model = get_user_model()
    except ImproperlyConfigured as error:
        raise UsersNotStored("AUTH_USER_MODEL is not installed") from error
    with read_from_primary():
        return _find_stored(claim, user_model, field)


def _find_stored(claim: object, user_model: type[M], field: str) -> M | None:
    """Returns what ``find`` returns. Raises ``UsersNotStored`` without a database or a table for users."""
    if connections[router.db_for_read(user_model)].settings_dict["ENGINE"] == "django.db.backends.dummy":
        raise UsersNotStored("DATABASES has no database for users")
    try:
        return find(user_model, field, claim)
    except DatabaseError as error:
        if is_missing_table(error) and user_model._meta.db_table in first_line(error):
            raise UsersNotStored("the table of the user model does not exist") from error
        raise


def check_user_instance(user: object) -> None:
    """Raises ``TokenError`` unless ``user`` is an instance of the user model, or of a proxy or subclass of it.

    An object of another class can have the primary key of an unrelated user.
    """
    if isinstance(user, Model) and user._meta.label == settings.AUTH_USER_MODEL:
        return  # avoids the slower get_user_model()
    try:
        user_model = get_user_model()
    except ImproperlyConfigured:
        return
    if not isinstance(user, user_model):
        raise TokenError(f"{type(user).__name__} is not the user model: AUTH_USER_MODEL is {settings.AUTH_USER_MODEL}")


def find(user_model: type[M], field_name: str, claim: object) -> M | None:
    """Returns the user whose ``field_name`` equals the ``claim``, or ``None`` if there is none.

    ``field_name`` may be ``pk`` or a look-up such as ``profile__uuid``. The field converts the claim. A value that
    the field can't hold, or that only resembles an id (``true``, ``1.0``, ``"01"``), matches no user. Raises
    ``DatabaseUnavailable`` if the database does not answer.
    """
    # Projects exclude users from `objects` to bar them from logging in, so it has priority over the default manager.
    manager = getattr(user_model, "objects", user_model._default_manager)
    try:
        value = _to_field_value(_get_field(user_model, field_name), claim)
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


def is_valid_for_field(field_name: str, text: str) -> bool:
    """Returns whether the user model's field ``field_name`` can have the value ``text``.

    For a relation, its target field decides. True if the model has no such field.
    """
    field: Any = _get_field(get_user_model(), field_name)
    if field is None:
        return True
    while field.is_relation:
        field = field.target_field
    try:
        value = field.to_python(text)
        if isinstance(value, int):
            field.run_validators(value)  # checks the range of the column
            return abs(value) < 2**63  # Django 4.2 does not check the range for SQLite
    except (TypeError, ValueError, ArithmeticError, ValidationError):
        return False
    return True


def is_user_id(claim: object) -> bool:
    """Returns whether the value of a claim can identify a user: a string that is not empty, or an integer."""
    return claim != "" if type(claim) is str else isinstance(claim, (str, int)) and not isinstance(claim, bool)


def _get_field(user_model: type[Model], name: str) -> AnyField | None:
    """Returns the field ``name`` of the user model, or ``None`` for a look-up such as ``profile__uuid``."""
    if name == "pk":
        return user_model._meta.pk
    try:
        field = user_model._meta.get_field(name)
    except FieldDoesNotExist:
        return None  # it is a look-up such as "profile__uuid"
    return field if isinstance(field, Field) else None


def _to_field_value(field: AnyField | None, claim: object) -> object:
    """Returns the claim as a value of ``field``; unchanged if that is ``None``.

    Raises ``TypeError``, ``ValueError`` or ``ValidationError`` for a claim that is not the id of any user.
    """
    if not is_user_id(claim):
        raise TypeError("an id is a string or an integer")
    if isinstance(claim, str) and not is_storable(claim):
        raise ValueError("databases can't store this text")
    value = claim if field is None else field.to_python(claim)
    if isinstance(value, int) and str(value) != str(claim):
        raise ValueError("an integer id must be written in its canonical form")
    return value


def is_deleted(user: Model | None) -> bool:
    """Returns whether ``user`` has been deleted since it was fetched, by the primary database. False for ``None``."""
    if user is None:
        return False
    alias = router.db_for_write(type(user), instance=user)
    return not type(user)._base_manager.using(alias).filter(pk=user.pk).exists()


def is_active(user: object) -> bool:
    """Returns ``user.is_active`` as a boolean; true if the model has no such attribute."""
    return bool(getattr(user, "is_active", True))


def md5_fingerprint(user: AbstractBaseUser) -> str:
    """Returns the MD5 of the stored password hash, as 5.5.1 does. Changes with the password and with every rehash."""
    return get_md5_hash_password(user.password)


def keyed_fingerprint(user: AbstractBaseUser) -> tuple[str, ...]:
    """Returns the HMAC-SHA256 of the password's salt, under ``SECRET_KEY`` and each of ``SECRET_KEY_FALLBACKS``.

    Django generates a new salt for each new password, so the fingerprint changes with the password. It stays
    the same after a rehash if the user model is a ``KeepsSalt``. It reveals nothing about the hash. For a hash
    without a reusable salt, the HMAC is computed from the whole hash.
    """
    salt = reusable_salt(user.password)
    # Separate purposes, so that a salt and a hash of the same text have different fingerprints.
    purpose, value = ("hash", user.password) if salt is None else ("salt", salt)
    return tuple(
        [
            salted_hmac(f"rest_framework_simplejwt.{purpose}", value, secret=key, algorithm="sha256").hexdigest()
            for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        ]
    )


def keyed_or_md5_fingerprint(user: AbstractBaseUser) -> tuple[str, ...]:
    """Returns ``keyed_fingerprint``, which new tokens get, and ``md5_fingerprint``, which stays accepted.

    Use it until the tokens with an MD5 fingerprint have expired.
    """
    return (*keyed_fingerprint(user), md5_fingerprint(user))


@sensitive_variables()
def password_fingerprint(user: AnyUser, hasher: Hasher) -> str:
    """Returns the value of the revoke claim in a new token: the first fingerprint that ``hasher`` returns."""
    return _accepted_fingerprints(user, hasher)[0]


@sensitive_variables()
def is_password_unchanged(user: AnyUser, fingerprint: object, hasher: Hasher) -> bool:
    """Returns whether ``fingerprint``, from a token, is one that ``hasher`` returns for the user's current password."""
    if not isinstance(fingerprint, str):
        return False
    claimed = _encode(fingerprint)
    return any(hmac.compare_digest(claimed, _encode(accepted)) for accepted in _accepted_fingerprints(user, hasher))


def _accepted_fingerprints(user: AnyUser, hasher: Hasher) -> tuple[str, ...]:
    """Returns the fingerprints that tokens of the user may have. New tokens get the first one."""
    fingerprints = hasher(user)
    return (fingerprints,) if isinstance(fingerprints, str) else tuple(fingerprints)


def _encode(text: str) -> bytes:
    """Returns the text in UTF-8, and accepts lone surrogates."""
    # A string in JSON can contain lone surrogates.
    return text.encode(errors="surrogatepass")
