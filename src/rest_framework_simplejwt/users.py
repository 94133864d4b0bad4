"""From claims to a user: the one place that fetches one."""

from __future__ import annotations

import hmac
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, Model

from .utils import get_md5_hash_password, is_storable


def find(user_model: type[Model], field_name: str, claim: object) -> Any | None:
    """The user whose ``field_name`` is what the ``claim`` says, or ``None``.

    The claim is read with the model's own field. What that field can't hold, and what merely
    resembles an id (``true``, ``1.0``, ``"01"``), is nobody's.
    """
    # Projects filter `objects` to say who can log in, so it wins over the default manager.
    manager = getattr(user_model, "objects", user_model._default_manager)
    try:
        value = _coerce(_field(user_model, field_name), claim)
        return manager.filter(**{field_name: value}).first() if value is not None else None
    except (TypeError, ValueError, OverflowError, ValidationError):
        return None


def is_identity(claim: object) -> bool:
    """Whether a claim can name a user at all: a string that says something, or an integer."""
    return claim != "" and isinstance(claim, (str, int)) and not isinstance(claim, bool)


def _field(user_model: type[Model], name: str) -> Field[Any, Any] | None:
    if name == "pk":
        return user_model._meta.pk
    try:
        field = user_model._meta.get_field(name)
    except FieldDoesNotExist:
        return None  # a look-up such as "profile__uuid"
    return field if isinstance(field, Field) else None


def _coerce(field: Field[Any, Any] | None, claim: object) -> Any:
    if not is_identity(claim):
        raise TypeError("an id is a string or an integer")
    if isinstance(claim, str) and not is_storable(claim):
        raise ValueError("no column holds such text")
    value = claim if field is None else field.to_python(claim)
    if isinstance(value, int) and str(value) != str(claim):
        raise ValueError("int() reads several spellings, an id has one")
    return value


def is_gone(user: Any) -> bool:
    """Whether the user has been deleted since they were looked up."""
    return user is not None and not type(user)._base_manager.using(user._state.db).filter(pk=user.pk).exists()


def is_active(user: Any) -> bool:
    """Whether the user may act; one whose model has no ``is_active`` may."""
    return bool(getattr(user, "is_active", True))


def password_fingerprint(user: AbstractBaseUser) -> str:
    """The value of the revoke claim: it changes with the user's password."""
    return get_md5_hash_password(user.password)


def password_unchanged(user: AbstractBaseUser, fingerprint: object) -> bool:
    """Whether ``fingerprint``, out of a token, is that of the user's present password."""
    return isinstance(fingerprint, str) and hmac.compare_digest(
        fingerprint.encode(errors="replace"), password_fingerprint(user).encode()
    )
