"""Checks of claims (RFC 7519 section 4). Pure functions: the clock, the settings and the leeway are arguments."""

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

# Characters: the width of the columns that record ids.
MAX_ID_LENGTH = 255
# Seconds since the epoch: the last second that a `datetime` can hold, in the year 9999.
MAX_NUMERIC_DATE = 253_402_300_799
# Seconds by which `iat` may lie in the future, in addition to the leeway: the issuing machine's clock may be fast.
IAT_TOLERANCE = 60

_IMMUTABLE = frozenset({str, int, float, bool, type(None)})


_NO_ID = _("Token has no id")
_NO_TYPE = _("Token has no type")
_WRONG_TYPE = _("Token has wrong type")


class InvalidClaims(ValueError):
    """The registered claims of a token make it invalid. The text names the claim, and does not contain its value."""


class Expired(InvalidClaims):
    """The time in ``exp`` has passed."""


def lifespan(claims: Claims) -> tuple[float, float]:
    """Returns from when and until when a token is valid by ``iat``, ``nbf`` and ``exp``, in seconds since the epoch.

    Each claim may be missing (RFC 7519 sections 4.1.4 to 4.1.6): the start is then 0, the end infinity. The start is
    ``IAT_TOLERANCE`` before ``iat``. Raises ``InvalidClaims`` if a claim is not a NumericDate, and if ``iat`` or
    ``nbf`` lies before the epoch.
    """
    iat, exp = claims.get("iat"), claims.get("exp")
    if type(iat) is type(exp) is int and iat >= 0 and exp <= MAX_NUMERIC_DATE and "nbf" not in claims:
        return iat - IAT_TOLERANCE, exp  # The fast path: most tokens are like this.
    start = 0.0
    for claim, tolerance in (("iat", IAT_TOLERANCE), ("nbf", 0)):
        if claim in claims:
            valid_from = numeric_date(claims, claim)
            if valid_from < 0:
                raise InvalidClaims(f"{claim!r} lies before the epoch")
            start = max(start, valid_from - tolerance)
    return start, numeric_date(claims, "exp") if "exp" in claims else inf


def check_times(lifespan: tuple[float, float], *, now: float, leeway: float) -> None:
    """Raises ``InvalidClaims`` before the ``lifespan`` starts, and ``Expired`` from its end on.

    All times are in seconds since the epoch. ``leeway``, in seconds, extends the lifespan on both sides.
    """
    start, end = lifespan
    if now + leeway < start:
        raise InvalidClaims("'iat' or 'nbf' lies in the future")
    if end <= now - leeway:
        raise Expired("'exp' has passed")


def numeric_date(claims: Claims, claim: str) -> float:
    """Returns the seconds since the epoch in ``claim`` (RFC 7519 section 2).

    Raises ``InvalidClaims`` if the value is not a number, or is greater than ``MAX_NUMERIC_DATE``.
    """
    value = claims[claim]
    # Every comparison with NaN is false, so NaN is refused too.
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value <= MAX_NUMERIC_DATE:
        raise InvalidClaims(f"{claim!r} is not a NumericDate")
    return value


def check_parties(
    claims: Claims, *, audience: str | Iterable[str] | None, issuer: str | Collection[str] | None
) -> None:
    """Raises ``InvalidClaims`` unless ``iss`` is one of ``issuer`` and ``aud`` names one of ``audience``.

    Each may be one name or several; ``None`` skips that check.
    """
    if issuer is not None:
        iss = claims.get("iss")
        if not isinstance(iss, str) or iss not in ({issuer} if isinstance(issuer, str) else issuer):
            raise InvalidClaims("'iss' is missing or names another issuer")
    if audience is not None:
        aud = claims.get("aud")
        aud = [aud] if isinstance(aud, str) else aud
        if not isinstance(aud, list) or not all(isinstance(name, str) for name in aud):
            raise InvalidClaims("'aud' is missing, or neither a string nor a list of strings")
        if set(aud).isdisjoint([audience] if isinstance(audience, str) else audience):
            raise InvalidClaims("'aud' does not name this service")


def is_flat(claims: Claims) -> bool:
    """Returns whether every value is immutable, so that a shallow copy is independent of ``claims``."""
    return _IMMUTABLE.issuperset(map(type, claims.values()))


def copy_claims(claims: Claims) -> dict[str, object]:
    """Returns a copy that shares no mutable value with ``claims``."""
    return dict(claims) if is_flat(claims) else deepcopy(dict(claims))


def is_id(value: object) -> TypeGuard[str]:
    """Returns whether ``value`` is a non-empty string that every revocation store can record as an id."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH and is_storable(value)


def token_id(claims: Claims, claim: str | None) -> str:
    """Returns the token's id, which is in ``claim``. Raises ``TokenError`` if it is missing or ``is_id`` is false."""
    value = claims.get(claim)  # type: ignore[arg-type]  # None is not the name of a claim
    if type(value) is str and len(value) <= MAX_ID_LENGTH and value.isalnum() and value.isascii():
        return value  # The fast path: most ids are like this.
    if not is_id(value):
        raise TokenError(_NO_ID)
    return value


def check_type(claims: Claims, claim: str, expected: str | None) -> None:
    """Raises ``TokenError`` unless ``claim`` is present and equals the ``expected`` token type."""
    if claim not in claims:
        raise TokenError(_NO_TYPE)
    if claims[claim] != expected:
        raise TokenError(_WRONG_TYPE)


def read_time(claims: Claims, claim: str) -> datetime:
    """Returns the NumericDate (RFC 7519 section 2) in ``claim`` as a UTC ``datetime``, aware under ``USE_TZ``.

    Raises ``TokenError`` if the claim is missing, is not a number, or is more than a ``datetime`` can hold.
    """
    value = claims.get(claim)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return datetime_from_epoch(value)
        except (ValueError, OverflowError, OSError):
            pass
    raise TokenError(format_lazy(_("Token has no '{}' claim"), claim))


def is_ahead(claims: Claims, claim: str, *, now: datetime) -> bool:
    """Returns whether ``claim`` is an ``int`` of seconds since the epoch that lies after ``now``.

    This is a fast test that most tokens pass. False for any other value, for which ``check_expiry`` decides.
    """
    end = claims.get(claim)
    return type(end) is int and seconds_since_epoch(now) < end <= MAX_NUMERIC_DATE


def check_expiry(claims: Claims, claim: str, *, now: datetime, leeway: timedelta) -> None:
    """Raises ``TokenError`` unless ``claim`` lies after ``now - leeway``. A claim that equals it has expired."""
    if seconds_since_epoch(read_time(claims, claim)) <= seconds_since_epoch(now) - leeway.total_seconds():
        raise TokenError(format_lazy(_("Token '{}' claim has expired"), claim))


def add_capped(end: datetime, by: timedelta) -> datetime:
    """Returns ``end + by``, or ``datetime.max`` in the time zone of ``end`` if that is too late for a ``datetime``."""
    try:
        return end + by
    except OverflowError:
        return datetime.max.replace(tzinfo=end.tzinfo)


def last_copy_expiry(claims: Claims, refresh_claim: str, *, lifetime: timedelta) -> datetime:
    """Returns the expiry of the last token to which a sliding token can be refreshed.

    Until the time in ``refresh_claim``, each refresh returns a token of ``lifetime`` with the same id, so a revocation
    of that id must be remembered as long. If ``refresh_claim`` is missing or malformed, returns the token's own expiry.
    Raises ``TokenError`` if ``exp`` is missing or malformed.
    """
    own = read_time(claims, "exp")
    try:
        return max(own, read_time(claims, refresh_claim) + lifetime)
    except (TokenError, OverflowError):
        return own
