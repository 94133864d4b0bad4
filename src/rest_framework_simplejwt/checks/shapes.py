"""Checks of types and ranges: whether the value of each setting is one that it accepts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta, timezone
from math import isfinite
from typing import NamedTuple

from django.conf import settings

from .. import profile
from ..settings import DEFAULTS
from .caches import is_cache_name_read
from .project import configured, has_route_to, is_blank, is_simple_jwt_a_dict
from .registry import Finding, check

LONGEST_GRACE_PERIOD = timedelta(minutes=5)


def is_grace_period_valid() -> bool:
    """Returns whether ``REFRESH_TOKEN_GRACE_PERIOD`` is a timedelta from zero to ``LONGEST_GRACE_PERIOD``."""
    period = configured("REFRESH_TOKEN_GRACE_PERIOD")
    return isinstance(period, timedelta) and timedelta(0) <= period <= LONGEST_GRACE_PERIOD


def _is_none_or(is_valid: Callable[[object], bool]) -> Callable[[object], bool]:
    """Returns a predicate that accepts ``None``, and what ``is_valid`` accepts."""
    return lambda value: value is None or is_valid(value)


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    """Returns whether ``value`` is a string that is not blank."""
    return isinstance(value, str) and not is_blank(value)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_timedelta(value: object) -> bool:
    return isinstance(value, timedelta)


def _is_positive_timedelta(value: object) -> bool:
    return isinstance(value, timedelta) and value > timedelta(0)


def _is_positive_int(value: object) -> bool:
    """Returns whether ``value`` is an ``int`` above zero. A bool is not."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_non_negative_int(value: object) -> bool:
    """Returns whether ``value`` is zero or ``_is_positive_int``. A bool is not."""
    return (value == 0 and not isinstance(value, bool)) or _is_positive_int(value)


def _is_positive_number(value: object) -> bool:
    """Returns whether ``value`` is a finite number above zero. A bool is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value > 0


def _is_number_or_timedelta(value: object) -> bool:
    """Returns whether ``value`` is a timedelta, a finite number of any sign, or a bool."""
    return isinstance(value, timedelta) or (isinstance(value, (int, float)) and isfinite(value))


def _is_non_negative_skew(value: object) -> bool:
    """Returns whether ``value`` is a timedelta or a number, not a bool, of zero or above."""
    if isinstance(value, timedelta):
        return value >= timedelta(0)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _as_list(value: object) -> list[object]:
    """Returns the items of a collection. A string is a list of one, and anything else an empty list."""
    return [value] if isinstance(value, str) else list(value) if isinstance(value, Collection) else []


def _are_strings(value: object) -> bool:
    """Returns whether ``value`` is a string, or a collection of strings that is not empty."""
    items = _as_list(value)
    return bool(items) and all(isinstance(item, str) for item in items)


def _have_no_white_space(value: object) -> bool:
    """Returns whether ``value``, or each of its items, is a string without white space that is not empty."""
    return all(isinstance(item, str) and item.split() == [item] for item in _as_list(value))


def _contains_string(value: object) -> bool:
    """Returns whether ``value`` is a string, or a collection with at least one."""
    return isinstance(value, str) or any(isinstance(name, str) for name in _members(value))


def _are_names(value: object) -> bool:
    """Returns whether ``value`` is a string that is not blank, or a collection of one or more of them."""
    return _is_name(value) or (bool(_members(value)) and all(map(_is_name, _members(value))))


def _members(value: object) -> list[object]:
    """Returns the items of a collection. A string, like anything else, is an empty list."""
    return list(value) if isinstance(value, Collection) and not isinstance(value, str) else []


def ends_after_year_9999(lifetime: timedelta) -> bool:
    """Returns whether a token issued now would expire after the year 9999, the last one of ``datetime``."""
    try:
        datetime.now(timezone.utc) + lifetime
    except OverflowError:
        return lifetime > timedelta(0)
    return False


class Rule(NamedTuple):
    """What the settings ``names`` accept. ``expected`` completes the sentence "The setting must be ..."."""

    names: Collection[str]
    is_valid: Callable[[object], bool]
    expected: str


_LIFETIMES = [
    f"{kind}_LIFETIME" for kind in ("ACCESS_TOKEN", "REFRESH_TOKEN", "SLIDING_TOKEN", "SLIDING_TOKEN_REFRESH")
]
_CLAIMS = ["USER_ID_CLAIM", "REVOKE_TOKEN_CLAIM", "SLIDING_TOKEN_REFRESH_EXP_CLAIM"]
_CLAIMS_OR_NONE = ["TOKEN_TYPE_CLAIM", "JTI_CLAIM"]
_NAMES = ["AUTH_HEADER_NAME", "USER_ID_FIELD", "ALGORITHM"]
_FAMILY_CLAIMS = ["TOKEN_FAMILY_CLAIM", "TOKEN_FAMILY_EXPIRATION_CLAIM"]
_SWITCHES = [name for name, default in DEFAULTS.items() if isinstance(default, bool)]
_TTLS = [name for name in DEFAULTS if name.startswith("CACHE_TTL_")]
_PREFIXES = [name for name in DEFAULTS if name.startswith("CACHE_KEY_PREFIX_")]

# A setting can't work with a value that breaks one of these rules: an error, E004.
MUST = [
    Rule(_LIFETIMES, _is_timedelta, "a timedelta"),
    Rule(["TOKEN_FAMILY_LIFETIME"], _is_none_or(_is_positive_timedelta), "a timedelta above zero, or None"),
    Rule(["LEEWAY"], _is_none_or(_is_number_or_timedelta), "a number of seconds or a timedelta, zero or above"),
    Rule(_TTLS, _is_positive_int, "a whole number of seconds above zero"),
    Rule(["JWKS_MAX_AGE"], _is_positive_int, "a whole number of seconds above zero"),
    Rule(["JWK_TIMEOUT"], _is_positive_number, "a number of seconds above zero"),
    Rule(["VERIFIED_TOKEN_CACHE_SIZE"], _is_non_negative_int, "a whole number of tokens, zero or above"),
    Rule(["MAX_TOKEN_LENGTH"], _is_positive_int, "a whole number of characters above zero"),
    Rule(_CLAIMS, _is_string, "a string that is not blank"),
    Rule(_CLAIMS_OR_NONE, _is_none_or(_is_string), "a string that is not blank, or None"),
    Rule([*_FAMILY_CLAIMS, *_PREFIXES], _is_name, "a string that is not blank"),
    Rule(["AUTH_HEADER_TYPES"], _are_strings, "a tuple of strings, such as ('Bearer',)"),
    Rule(_NAMES, _is_string, "a string that is not blank"),
    Rule(["SJWT_CACHE_NAME"], _is_string, "a string that is not blank"),
    Rule(["ACCESS_TOKEN_PROFILE"], lambda value: value in (None, profile.RFC_9068), "'rfc9068', or None"),
    Rule(["CLIENT_ID"], _is_none_or(_is_name), "a string that is not blank, or None"),
    Rule(["JWK_URL", "REVOCATION_REDIS_URL"], _is_none_or(_is_string), "a URL, or None"),
    Rule(["AUDIENCE"], _is_none_or(_contains_string), "a string, a list of strings, or None"),
    Rule(["ISSUER"], _is_none_or(_contains_string), "a string, or None"),
]
# A setting works with a value that breaks one of these rules, but hardly as intended: a warning, W002.
SHOULD = [
    Rule(_SWITCHES, _is_bool, "True or False"),
    Rule(_LIFETIMES, _is_positive_timedelta, "a timedelta above zero"),
    Rule(["LEEWAY"], _is_non_negative_skew, "a number of seconds or a timedelta, zero or above"),
    Rule(_CLAIMS, _is_name, "a string that is not blank"),
    Rule(_CLAIMS_OR_NONE, _is_none_or(_is_name), "a string that is not blank, or None"),
    Rule(["AUTH_HEADER_TYPES"], _have_no_white_space, "a tuple of schemes without white space, such as ('Bearer',)"),
    Rule(_NAMES, _is_name, "a string that is not blank"),
    Rule(["AUDIENCE"], _is_none_or(_are_names), "a string that is not blank, a list of such strings, or None"),
    Rule(["ISSUER"], _is_none_or(_are_names), "a string that is not blank, or None"),
]

SLIDING_VIEWS = ("TokenObtainSlidingView", "TokenRefreshSlidingView")
# Settings that only one feature reads: the beginning of their names, and whether the feature is in use.
_FEATURES: dict[str, Callable[[], object]] = {
    "SLIDING_TOKEN_": lambda: has_route_to(*SLIDING_VIEWS),
    "REVOKE_TOKEN_CLAIM": lambda: configured("CHECK_REVOKE_TOKEN"),
    "TOKEN_FAMILY_": lambda: configured("TOKEN_FAMILY_ENABLED"),
    "CACHE_TTL_BLACKLISTED_R": lambda: configured("CACHE_BLACKLISTED_REFRESH_TOKENS"),
    "CACHE_TTL_BLACKLISTED_F": lambda: configured("CACHE_BLACKLISTED_FAMILIES"),
    "CACHE_KEY_PREFIX_BLACKLISTED_R": lambda: configured("CACHE_BLACKLISTED_REFRESH_TOKENS"),
    "CACHE_KEY_PREFIX_BLACKLISTED_F": lambda: configured("CACHE_BLACKLISTED_FAMILIES"),
    "SJWT_CACHE_NAME": is_cache_name_read,
}


def _is_read(name: str) -> bool:
    """Returns whether the setting ``name`` is in use: it is not one that only unused features read."""
    return all(is_in_use() for prefix, is_in_use in _FEATURES.items() if name.startswith(prefix))


def unmet_expectation(name: str, *tables: list[Rule]) -> str | None:
    """Returns what the setting must be, such as ``"a timedelta"``, if its value breaks a rule; else ``None``.

    Checks the rules of ``tables``: ``MUST``, ``SHOULD``, or both if none is given.
    """
    value = configured(name)
    for rule in (rule for table in tables or (MUST, SHOULD) for rule in table):
        if name in rule.names and not rule.is_valid(value):
            return rule.expected
    return None


@check(
    "simplejwt.E001",
    hint="Write SIMPLE_JWT['REFRESH_TOKEN_GRACE_PERIOD'] = timedelta(seconds=10). It should be as long as a client "
    "needs for a retry, and no longer: a stolen token is accepted within it.",
)
def invalid_grace_period() -> Iterator[Finding]:
    """``REFRESH_TOKEN_GRACE_PERIOD`` is not a timedelta from zero to 5 minutes."""
    if not is_grace_period_valid():
        yield Finding("SIMPLE_JWT['REFRESH_TOKEN_GRACE_PERIOD'] must be a timedelta from 0 to 5 minutes.")


@check(
    "simplejwt.E002",
    hint="Write SIMPLE_JWT['STORE_OUTSTANDING_TOKENS'] = 'none', or 'full' if your own code reads the column token.",
)
def unknown_storage_choice() -> Iterator[Finding]:
    """``STORE_OUTSTANDING_TOKENS`` is neither ``"full"`` nor ``"none"``."""
    if configured("STORE_OUTSTANDING_TOKENS") not in ("full", "none"):
        yield Finding("SIMPLE_JWT['STORE_OUTSTANDING_TOKENS'] must be one of ('full', 'none').")


@check(
    "simplejwt.E003",
    hint="Write SIMPLE_JWT['REVOCATION_FAIL_MODE'] = 'closed' to answer 503 while Redis is unavailable, or 'open' to "
    "accept tokens without checking whether they are revoked.",
)
def unknown_fail_mode() -> Iterator[Finding]:
    """``REVOCATION_FAIL_MODE`` is neither ``"closed"`` nor ``"open"``."""
    if configured("REVOCATION_FAIL_MODE") not in ("closed", "open"):
        yield Finding("SIMPLE_JWT['REVOCATION_FAIL_MODE'] must be one of ('closed', 'open').")


_HINT = "Write SIMPLE_JWT['{name}'] = {default}, which is the default, or another value: {expected}."


@check(
    "simplejwt.E026",
    hint="Write a dict, such as SIMPLE_JWT = {{'ACCESS_TOKEN_LIFETIME': timedelta(minutes=5)}}, or remove SIMPLE_JWT.",
)
def settings_not_a_dict() -> Iterator[Finding]:
    """``SIMPLE_JWT`` is not a dict."""
    if not is_simple_jwt_a_dict():
        yield Finding(f"settings.SIMPLE_JWT must be a dict, not {type(settings.SIMPLE_JWT).__name__}.")


@check("simplejwt.E004", hint=_HINT)
def invalid_values() -> Iterator[Finding]:
    """A setting that is in use has a value of a type with which it can't work, or one that is out of range."""
    for name in DEFAULTS:
        if (expected := unmet_expectation(name, MUST)) and _is_read(name):
            yield _invalid_value(name, expected)


@check("simplejwt.W002", hint=_HINT)
def dubious_values() -> Iterator[Finding]:
    """A value is probably a mistake: a zero lifetime, ``"False"`` for ``False``, a wrong type in an unused setting."""
    for name in DEFAULTS:
        if (expected := unmet_expectation(name)) and not (unmet_expectation(name, MUST) and _is_read(name)):
            yield _invalid_value(name, expected)


def _invalid_value(name: str, expected: str) -> Finding:
    """Returns the finding that the setting must be ``expected``, with the default as Python code for the hint."""
    default = DEFAULTS[name]
    text = f"timedelta(seconds={default.total_seconds():.0f})" if isinstance(default, timedelta) else repr(default)
    return Finding(f"SIMPLE_JWT[{name!r}] must be {expected}.", name=name, default=text, expected=expected)


@check("simplejwt.W036", hint="Write SIMPLE_JWT['{name}'] = timedelta(days=365), or a shorter one.")
def lifetimes_after_year_9999() -> Iterator[Finding]:
    """A lifetime ends after the year 9999, the last one that a ``datetime`` can hold: no token can be issued."""
    for name in (*_LIFETIMES, "TOKEN_FAMILY_LIFETIME"):
        value = configured(name)
        if isinstance(value, timedelta) and ends_after_year_9999(value):
            yield Finding(f"SIMPLE_JWT[{name!r}] ends after the year 9999: no token can be issued with it.", name=name)
