"""Checks of ``TRUSTED_ISSUERS``: whether each entry is valid, and whether two entries can name the same user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import trust
from .project import configured
from .registry import Finding, check

_ENTRY = (
    "{{'issuer': 'https://issuer.example/', 'audience': 'this-service', "
    "'jwk_url': 'https://issuer.example/jwks.json', 'algorithms': ['RS256']}}"
)


def _entries() -> list[object]:
    """Returns the entries of ``TRUSTED_ISSUERS``, or an empty list if it is not a list or tuple."""
    value = configured("TRUSTED_ISSUERS")
    return list(value) if isinstance(value, (list, tuple)) else []


@check("simplejwt.E024", hint=f"Write {_ENTRY}; or a list of keys instead of the jwk_url.")
def invalid_issuers() -> Iterator[Finding]:
    """An entry of ``TRUSTED_ISSUERS`` is incomplete or invalid, or names the issuer of another entry or ``ISSUER``."""
    if not isinstance(configured("TRUSTED_ISSUERS") or (), (list, tuple)):
        yield Finding("SIMPLE_JWT['TRUSTED_ISSUERS'] must be a list of dicts.")
    for number, found in enumerate(trust.read_issuers(_entries())):
        if isinstance(found, trust.BadIssuer):
            yield Finding(f"SIMPLE_JWT['TRUSTED_ISSUERS'][{number}]: {found}.")


@check(
    "simplejwt.W016",
    hint="Set USER_FROM_CLAIMS to a function that finds the user by both the issuer and its id for the user.",
    deploy=True,
)
def ambiguous_issuer_users() -> Iterator[Finding]:
    """Two of ``TRUSTED_ISSUERS`` map a claim to ``USER_ID_CLAIM``: a user of one can pass for a user of the other."""
    claim = configured("USER_ID_CLAIM")
    mapping = [entry for entry in _entries() if isinstance(entry, Mapping) and claim in _mapped_claims(entry)]
    if len(mapping) > 1 and configured("USER_FROM_CLAIMS") is None:
        yield Finding(
            f"{len(mapping)} entries of SIMPLE_JWT['TRUSTED_ISSUERS'] map a claim to {claim!r}: a user of one issuer "
            "can be taken for a user of another."
        )


def _mapped_claims(entry: Mapping[str, object]) -> list[object]:
    """Returns the names of this project's claims to which ``entry`` maps claims of its issuer."""
    claims = entry.get("claims")
    return list(claims.values()) if isinstance(claims, Mapping) else []
