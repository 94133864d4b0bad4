"""Types and ranges: whether a setting's value is of its kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta, timezone
from math import isfinite
from typing import NamedTuple

from django.conf import settings

from .. import profile
from ..settings import DEFAULTS
from .caches import relies_on_cache
from .project import is_blank, is_dict, mounts, written
from .registry import Finding, check

LONGEST_GRACE_PERIOD = timedelta(minutes=5)


def grace_period_is_sound() -> bool:
    period = written("REFRESH_TOKEN_GRACE_PERIOD")
    return isinstance(period, timedelta) and timedelta(0) <= period <= LONGEST_GRACE_PERIOD


def _is_none_or(is_sound: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or is_sound(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and not is_blank(value)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_span(value: object) -> bool:
    return isinstance(value, timedelta)


def _is_lifetime(value: object) -> bool:
    return isinstance(value, timedelta) and value > timedelta(0)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_size(value: object) -> bool:
    return (value == 0 and not isinstance(value, bool)) or _is_count(value)


def _is_duration(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value > 0


def _is_skew(value: object) -> bool:
    return isinstance(value, timedelta) or (isinstance(value, (int, float)) and isfinite(value))


def _is_sound_skew(value: object) -> bool:
    if isinstance(value, timedelta):
        return value >= timedelta(0)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _schemes(value: object) -> list[object]:
    return [value] if isinstance(value, str) else list(value) if isinstance(value, Collection) else []


def _are_texts(value: object) -> bool:
    schemes = _schemes(value)
    return bool(schemes) and all(isinstance(scheme, str) for scheme in schemes)


def _are_words(value: object) -> bool:
    return all(isinstance(scheme, str) and scheme.split() == [scheme] for scheme in _schemes(value))


def _names_somebody(value: object) -> bool:
    return isinstance(value, str) or any(isinstance(name, str) for name in _members(value))


def _names_each(value: object) -> bool:
    return _is_name(value) or (bool(_members(value)) and all(map(_is_name, _members(value))))


def _members(value: object) -> list[object]:
    return list(value) if isinstance(value, Collection) and not isinstance(value, str) else []


def overflows(lifetime: timedelta) -> bool:
    """Whether a token that is issued now would expire after the year 9999, the last of a ``datetime``."""
    try:
        datetime.now(timezone.utc) + lifetime
    except OverflowError:
        return lifetime > timedelta(0)
    return False


class Rule(NamedTuple):
    names: Collection[str]
    is_sound: Callable[[object], bool]
    expected: str


_LIFETIMES = [
    f"{kind}_LIFETIME" for kind in ("ACCESS_TOKEN", "REFRESH_TOKEN", "SLIDING_TOKEN", "SLIDING_TOKEN_REFRESH")
]
_CLAIMS = ["USER_ID_CLAIM", "REVOKE_TOKEN_CLAIM", "SLIDING_TOKEN_REFRESH_EXP_CLAIM"]
_CLAIMS_OR_NONE = ["TOKEN_TYPE_CLAIM", "JTI_CLAIM"]
_FAMILY_CLAIMS = ["TOKEN_FAMILY_CLAIM", "TOKEN_FAMILY_EXPIRATION_CLAIM"]
_SWITCHES = [name for name, default in DEFAULTS.items() if isinstance(default, bool)]
_TTLS = [name for name in DEFAULTS if name.startswith("CACHE_TTL_")]
_PREFIXES = [name for name in DEFAULTS if name.startswith("CACHE_KEY_PREFIX_")]

# What a setting can't work without.
MUST = [
    Rule(_LIFETIMES, _is_span, "a timedelta"),
    Rule(["TOKEN_FAMILY_LIFETIME"], _is_none_or(_is_lifetime), "a timedelta above zero, or None"),
    Rule(["LEEWAY"], _is_none_or(_is_skew), "a number of seconds or a timedelta, zero or above"),
    Rule(_TTLS, _is_count, "a whole number of seconds above zero"),
    Rule(["JWKS_MAX_AGE"], _is_count, "a whole number of seconds above zero"),
    Rule(["JWK_TIMEOUT"], _is_duration, "a number of seconds above zero"),
    Rule(["VERIFIED_TOKEN_CACHE_SIZE"], _is_size, "a whole number of tokens, zero or above"),
    Rule(["MAX_TOKEN_LENGTH"], _is_count, "a whole number of characters above zero"),
    Rule(_CLAIMS, _is_text, "a string that is not blank"),
    Rule(_CLAIMS_OR_NONE, _is_none_or(_is_text), "a string that is not blank, or None"),
    Rule([*_FAMILY_CLAIMS, *_PREFIXES], _is_name, "a string that is not blank"),
    Rule(["AUTH_HEADER_TYPES"], _are_texts, "a tuple of strings, such as ('Bearer',)"),
    Rule(["AUTH_HEADER_NAME", "USER_ID_FIELD", "SJWT_CACHE_NAME", "ALGORITHM"], _is_text, "a string that is not blank"),
    Rule(["ACCESS_TOKEN_PROFILE"], lambda value: value in (None, profile.RFC_9068), "'rfc9068', or None"),
    Rule(["CLIENT_ID"], _is_none_or(_is_name), "a string that is not blank, or None"),
    Rule(["JWK_URL", "REVOCATION_REDIS_URL"], _is_none_or(_is_text), "a URL, or None"),
    Rule(["AUDIENCE"], _is_none_or(_names_somebody), "a string, a list of strings, or None"),
    Rule(["ISSUER"], _is_none_or(_names_somebody), "a string, or None"),
]
# What it does not mean, though it works with it.
SHOULD = [
    Rule(_SWITCHES, _is_switch, "True or False"),
    Rule(_LIFETIMES, _is_lifetime, "a timedelta above zero"),
    Rule(["LEEWAY"], _is_sound_skew, "a number of seconds or a timedelta, zero or above"),
    Rule(_CLAIMS, _is_name, "a string that is not blank"),
    Rule(_CLAIMS_OR_NONE, _is_none_or(_is_name), "a string that is not blank, or None"),
    Rule(["AUTH_HEADER_TYPES"], _are_words, "a tuple of schemes without white space, such as ('Bearer',)"),
    Rule(["AUTH_HEADER_NAME", "USER_ID_FIELD", "ALGORITHM"], _is_name, "a string that is not blank"),
    Rule(["AUDIENCE"], _is_none_or(_names_each), "a string that is not blank, a list of such strings, or None"),
    Rule(["ISSUER"], _is_none_or(_names_each), "a string that is not blank, or None"),
]

SLIDING_VIEWS = ("TokenObtainSlidingView", "TokenRefreshSlidingView")
# Settings that only one feature reads, by how their names begin, and whether it is in use.
_FEATURES: dict[str, Callable[[], object]] = {
    "SLIDING_TOKEN_": lambda: mounts(*SLIDING_VIEWS),
    "REVOKE_TOKEN_CLAIM": lambda: written("CHECK_REVOKE_TOKEN"),
    "TOKEN_FAMILY_": lambda: written("TOKEN_FAMILY_ENABLED"),
    "CACHE_TTL_BLACKLISTED_R": lambda: written("CACHE_BLACKLISTED_REFRESH_TOKENS"),
    "CACHE_TTL_BLACKLISTED_F": lambda: written("CACHE_BLACKLISTED_FAMILIES"),
    "CACHE_KEY_PREFIX_BLACKLISTED_R": lambda: written("CACHE_BLACKLISTED_REFRESH_TOKENS"),
    "CACHE_KEY_PREFIX_BLACKLISTED_F": lambda: written("CACHE_BLACKLISTED_FAMILIES"),
    "SJWT_CACHE_NAME": relies_on_cache,
}


def _is_used(name: str) -> bool:
    return all(in_use() for beginning, in_use in _FEATURES.items() if name.startswith(beginning))


def complaint(name: str, *tables: list[Rule]) -> str | None:
    """What the setting must be and is not, by the rules in ``tables``, else by all of them."""
    value = written(name)
    for rule in (rule for table in tables or (MUST, SHOULD) for rule in table):
        if name in rule.names and not rule.is_sound(value):
            return rule.expected
    return None


@check(
    "simplejwt.E001", hint="Write timedelta(seconds=10): long enough for a retry, too short for a thief to count on."
)
def grace_period() -> Iterator[Finding]:
    """The grace period is none, or longer than 5 minutes."""
    if not grace_period_is_sound():
        yield Finding("SIMPLE_JWT['REFRESH_TOKEN_GRACE_PERIOD'] must be a timedelta from 0 to 5 minutes.")


@check("simplejwt.E002", hint="Write 'full' or 'none'; 'none' unless your own code reads that column.")
def stored_texts() -> Iterator[Finding]:
    """``STORE_OUTSTANDING_TOKENS`` is no choice that there is."""
    if written("STORE_OUTSTANDING_TOKENS") not in ("full", "none"):
        yield Finding("SIMPLE_JWT['STORE_OUTSTANDING_TOKENS'] must be one of ('full', 'none').")


@check("simplejwt.E003", hint="Write 'closed', so that a revoked token stays refused while Redis is away, or 'open'.")
def fail_mode() -> Iterator[Finding]:
    """``REVOCATION_FAIL_MODE`` is no choice that there is."""
    if written("REVOCATION_FAIL_MODE") not in ("closed", "open"):
        yield Finding("SIMPLE_JWT['REVOCATION_FAIL_MODE'] must be one of ('closed', 'open').")


_HINT = "Write SIMPLE_JWT['{name}'] = {default}, which is the default, or else {expected}."


@check(
    "simplejwt.E026",
    hint="Write a dict, such as SIMPLE_JWT = {{'ACCESS_TOKEN_LIFETIME': timedelta(minutes=5)}}, or leave it out.",
)
def no_dict() -> Iterator[Finding]:
    """``SIMPLE_JWT`` is not a dict."""
    if not is_dict():
        yield Finding(f"settings.SIMPLE_JWT must be a dict, not {type(settings.SIMPLE_JWT).__name__}.")


@check("simplejwt.E004", hint=_HINT)
def impossible_values() -> Iterator[Finding]:
    """A setting's value is of a type, or out of a range, that it can't work with."""
    for name in DEFAULTS:
        if (expected := complaint(name, MUST)) and _is_used(name):
            yield _misfit(name, expected)


@check("simplejwt.W002", hint=_HINT)
def odd_values() -> Iterator[Finding]:
    """A value is hardly meant: a lifetime of zero, a text for a switch, a wrong type that no feature in use reads."""
    for name in DEFAULTS:
        if (expected := complaint(name)) and not (complaint(name, MUST) and _is_used(name)):
            yield _misfit(name, expected)


def _misfit(name: str, expected: str) -> Finding:
    default = DEFAULTS[name]
    text = f"timedelta(seconds={default.total_seconds():.0f})" if isinstance(default, timedelta) else repr(default)
    return Finding(f"SIMPLE_JWT[{name!r}] must be {expected}.", name=name, default=text, expected=expected)


@check("simplejwt.W036", hint="Write SIMPLE_JWT['{name}'] = timedelta(days=365), or less.")
def endless_lifetimes() -> Iterator[Finding]:
    """A lifetime ends after the year 9999, and no date can say when: such a token can't be issued."""
    for name in (*_LIFETIMES, "TOKEN_FAMILY_LIFETIME"):
        value = written(name)
        if isinstance(value, timedelta) and overflows(value):
            yield Finding(f"SIMPLE_JWT[{name!r}] ends after the year 9999: no token can be issued with it.", name=name)
