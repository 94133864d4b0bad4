"""``TRUSTED_ISSUERS``: whether each entry can be used, and whether two of them can name one user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import trust
from .project import written
from .registry import Finding, check

_ENTRY = (
    "{{'issuer': 'https://issuer.example/', 'audience': 'this-service', "
    "'jwk_url': 'https://issuer.example/jwks.json', 'algorithms': ['RS256']}}"
)


def _entries() -> list[object]:
    value = written("TRUSTED_ISSUERS")
    return list(value) if isinstance(value, (list, tuple)) else []


@check("simplejwt.E024", hint=f"Write {_ENTRY}, or static keys instead of the jwk_url.")
def unusable_issuers() -> Iterator[Finding]:
    """An entry of ``TRUSTED_ISSUERS`` lacks something, can't be read, or has the name of another or of ourselves."""
    if not isinstance(written("TRUSTED_ISSUERS") or (), (list, tuple)):
        yield Finding("SIMPLE_JWT['TRUSTED_ISSUERS'] must be a list of dicts.")
    for number, found in enumerate(trust.read_issuers(_entries())):
        if isinstance(found, trust.BadIssuer):
            yield Finding(f"SIMPLE_JWT['TRUSTED_ISSUERS'][{number}]: {found}.")


@check(
    "simplejwt.W016",
    hint="Write a USER_FROM_CLAIMS that goes by the issuer and its name for the user, both.",
    deploy=True,
)
def users_of_two_issuers() -> Iterator[Finding]:
    """Two of ``TRUSTED_ISSUERS`` name users by their id here: each can be taken for a user of the other."""
    claim = written("USER_ID_CLAIM")
    naming = [entry for entry in _entries() if isinstance(entry, Mapping) and claim in _names_of_ours(entry)]
    if len(naming) > 1 and written("USER_FROM_CLAIMS") is None:
        yield Finding(f"{len(naming)} of SIMPLE_JWT['TRUSTED_ISSUERS'] have claims that lead to {claim!r}.")


def _names_of_ours(entry: Mapping[str, object]) -> list[object]:
    claims = entry.get("claims")
    return list(claims.values()) if isinstance(claims, Mapping) else []
