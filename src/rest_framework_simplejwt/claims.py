"""What makes claims acceptable: pure policy over a payload, without clock, settings or database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from math import inf
from typing import TypeGuard

from django.utils.translation import gettext_lazy as _

from .exceptions import TokenError
from .utils import datetime_from_epoch, format_lazy, is_storable, seconds_since_epoch

Claims = Mapping[str, object]

# The width of the columns that record ids.
MAX_ID_LENGTH = 255
# The last second that a `datetime` can hold, that of the year 9999.
MAX_NUMERIC_DATE = 253_402_300_799
# Seconds by which `iat` may lie ahead, beyond the leeway: the machine that issued the token has a faster clock.
IAT_TOLERANCE = 60

_IMMUTABLE = frozenset({str, int, float, bool, type(None)})


_NO_ID = _("Token has no id")
_NO_TYPE = _("Token has no type")
_WRONG_TYPE = _("Token has wrong type")


class Unsound(ValueError):
    """The registered claims of a token that is signed refuse it. The text says which; it holds no claim's value."""


class Expired(Unsound):
    """``exp`` has passed."""


def lifespan(claims: Claims) -> tuple[float, float]:
    """From when on ``iat`` and ``nbf`` allow a token, and when ``exp`` ends it, in seconds since the epoch.

    Each may be missing (RFC 7519 sections 4.1.4 to 4.1.6). ``iat`` may lie ``IAT_TOLERANCE`` ahead, ``nbf`` not at
    all. Raises ``Unsound`` for what is no NumericDate, and for a beginning before the epoch.
    """
    iat, exp = claims.get("iat"), claims.get("exp")
    if type(iat) is type(exp) is int and iat >= 0 and exp <= MAX_NUMERIC_DATE and "nbf" not in claims:
        return iat - IAT_TOLERANCE, exp  # as nearly all have it
    start = 0.0
    for claim, tolerance in (("iat", IAT_TOLERANCE), ("nbf", 0)):
        if claim in claims:
            beginning = numeric_date(claims, claim)
            if beginning < 0:
                raise Unsound(f"{claim!r} lies before the epoch")
            start = max(start, beginning - tolerance)
    return start, numeric_date(claims, "exp") if "exp" in claims else inf


def check_times(lifespan: tuple[float, float], *, now: float, leeway: float) -> None:
    """Raise ``Unsound`` unless ``now`` lies within the ``lifespan``; ``Expired`` from the moment on that it ends."""
    start, end = lifespan
    if now + leeway < start:
        raise Unsound("'iat' or 'nbf' lies ahead")
    if end <= now - leeway:
        raise Expired("'exp' has passed")


def numeric_date(claims: Claims, claim: str) -> float:
    """The seconds since the epoch in ``claim`` (RFC 7519 section 2). Raises ``Unsound``."""
    value = claims[claim]
    # NaN compares with nothing, and so can't pass.
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value <= MAX_NUMERIC_DATE:
        raise Unsound(f"{claim!r} is no NumericDate")
    return value


def check_parties(
    claims: Claims, *, audience: str | Iterable[str] | None, issuer: str | Collection[str] | None
) -> None:
    """Raise ``Unsound`` unless the token is from ``issuer`` and for one of ``audience``; ``None`` is anybody."""
    if issuer is not None:
        named = claims.get("iss")
        if not isinstance(named, str) or named not in ({issuer} if isinstance(issuer, str) else issuer):
            raise Unsound("'iss' is not the issuer")
    if audience is not None:
        meant = claims.get("aud")
        meant = [meant] if isinstance(meant, str) else meant
        if not isinstance(meant, list) or not all(isinstance(name, str) for name in meant):
            raise Unsound("'aud' names nobody")
        if set(meant).isdisjoint([audience] if isinstance(audience, str) else audience):
            raise Unsound("'aud' names others")


def is_flat(claims: Claims) -> bool:
    """Whether a copy of the mapping shares nothing that can be changed."""
    return _IMMUTABLE.issuperset(map(type, claims.values()))


def copied(claims: Claims) -> dict[str, object]:
    """A dict that shares nothing that can be changed."""
    return dict(claims) if is_flat(claims) else deepcopy(dict(claims))


def is_id(value: object) -> TypeGuard[str]:
    """Whether ``value`` can name a token or a family: a string that every store can hold."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH and is_storable(value)


def token_id(claims: Claims, claim: str | None) -> str:
    """The token's id. Raises ``TokenError`` when there is none, or none that can be recorded."""
    value = claims.get(claim)  # type: ignore[arg-type]  # None is no claim's name
    if type(value) is str and len(value) <= MAX_ID_LENGTH and value.isalnum() and value.isascii():
        return value  # as nearly all are
    if not is_id(value):
        raise TokenError(_NO_ID)
    return value


def check_type(claims: Claims, claim: str, expected: str | None) -> None:
    """Raise ``TokenError`` unless the claim names the ``expected`` kind of token."""
    if claim not in claims:
        raise TokenError(_NO_TYPE)
    if claims[claim] != expected:
        raise TokenError(_WRONG_TYPE)


def moment(claims: Claims, claim: str) -> datetime:
    """The NumericDate (RFC 7519 section 2) in ``claim``.

    Raises ``TokenError`` when the claim is missing, is no number, or lies outside what a
    ``datetime`` can hold.
    """
    value = claims.get(claim)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return datetime_from_epoch(value)
        except (ValueError, OverflowError, OSError):
            pass
    raise TokenError(format_lazy(_("Token has no '{}' claim"), claim))


def is_ahead(claims: Claims, claim: str, *, now: datetime) -> bool:
    """Whether ``claim`` is a whole number of seconds that lies after ``now``, as nearly all do."""
    end = claims.get(claim)
    return type(end) is int and seconds_since_epoch(now) < end <= MAX_NUMERIC_DATE


def check_expiry(claims: Claims, claim: str, *, now: datetime, leeway: timedelta) -> None:
    """Raise ``TokenError`` unless ``claim`` lies after ``now - leeway``; equal is expired."""
    if seconds_since_epoch(moment(claims, claim)) <= seconds_since_epoch(now) - leeway.total_seconds():
        raise TokenError(format_lazy(_("Token '{}' claim has expired"), claim))


def prolonged(end: datetime, by: timedelta) -> datetime:
    """``end + by``, or the last moment that a ``datetime`` can hold."""
    try:
        return end + by
    except OverflowError:
        return datetime.max.replace(tzinfo=end.tzinfo)


def end_of_copies(claims: Claims, refresh_claim: str, *, lifetime: timedelta) -> datetime:
    """When the last copy of a sliding token expires, which may be made until the time in ``refresh_claim``.

    A copy bears the id of the first one, so its revocation must be remembered for as long.
    Without such a claim it is the token's own expiry. Raises ``TokenError`` if that is malformed.
    """
    own = moment(claims, "exp")
    try:
        return max(own, moment(claims, refresh_claim) + lifetime)
    except (TokenError, OverflowError):
        return own
