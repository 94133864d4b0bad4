"""Ending more than one token: everything of a user, a family, or everything there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.views.decorators.debug import sensitive_variables

from . import revocation, signals, state, tokens, users
from .exceptions import TokenError
from .revocation import Issued


@dataclass(frozen=True)
class Revoked:
    """How many were revoked that were alive, or had expired too recently for every machine to refuse them."""

    tokens: int
    families: int


def revoke_all(user: Any, *, except_family: str | None = None) -> Revoked:
    """End every outstanding token and family of ``user``, but for those of one family: "log out everywhere else".

    The number of statements does not grow with that of the tokens. Access tokens, which are not
    recorded, end with their family under ``TOKEN_FAMILY_CHECK_ON_ACCESS``, and else expire.
    Raises ``TokenError`` unless ``user`` is a saved instance of the user model.
    """
    users.require_user(user)
    if user.pk is None:
        # The store takes None for everybody.
        raise TokenError("The user is not saved yet and has no tokens.")
    return _revoke_all(user.pk, except_family)


def revoke_everything() -> Revoked:
    """End every outstanding token and family of everybody."""
    return _revoke_all(None, None)


def _revoke_all(owner_pk: Any, except_family: str | None) -> Revoked:
    # What has just expired by this clock may still be accepted, within the leeway or by a machine with a slower clock.
    now = revocation.expiry_cutoff(tokens.aware_utcnow(), leeway=state.token_backend.get_leeway())
    revoked = families = 0
    # Families first: a refresh that runs meanwhile finds its family ended.
    if tokens.family_enabled():
        families = revocation.family_store().revoke_all(owner_pk, now=now, except_family=except_family)
    if tokens.tokens_recorded():
        revoked = revocation.token_store().revoke_all(owner_pk, now=now, except_family=except_family)
    return Revoked(revoked, families)


@sensitive_variables()
def revoke_token(jti: str) -> bool:
    """Revoke the token of that id, whether or not it was ever recorded. False if it had been revoked before.

    An id does not tell when its token expires: unless that is on record, the revocation is kept for good.
    """
    store = revocation.token_store()
    _, first = store.revoke(_by_id(jti))
    if first:
        store.after_commit(lambda: signals.send(signals.token_revoked, tokens.Token, jti=jti, token=None))
    return first


def revoke_family(family_id: str) -> bool:
    """Revoke the family of that id, whether or not it was ever recorded. False if it had been revoked before.

    It is remembered as long as ``revoke_token`` does.
    """
    store = revocation.family_store()
    _, first = store.revoke(_by_id(family_id))
    if first:
        facts = {"family_id": family_id, "reason": "revoked"}
        store.after_commit(lambda: signals.send(signals.family_revoked, tokens.Token, **facts))
    return first


def _by_id(key: str) -> Issued:
    return Issued(
        key,
        issued_at=tokens.aware_utcnow(),
        expires_at=None,
        owner_pk=lambda: None,
        text=lambda: "",
        is_expiry_known=False,
    )
