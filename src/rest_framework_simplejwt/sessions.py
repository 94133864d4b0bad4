"""Revokes tokens and families: all of a user, all of everybody, or one by its id."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.base_user import AbstractBaseUser
from django.views.decorators.debug import sensitive_variables

from . import records, revocation, signals, state, tokens, users
from .exceptions import TokenError
from .revocation import Issued

__all__ = ["Revoked", "revoke_all", "revoke_everything", "revoke_family", "revoke_token"]


@dataclass(frozen=True)
class Revoked:
    """The number of tokens and families that a call revoked.

    Those that have expired long ago are not counted. Those that may still be accepted within ``LEEWAY``, or by a
    machine whose clock is slow, are revoked and counted.
    """

    tokens: int
    families: int


def revoke_all(user: AbstractBaseUser, *, except_family: str | None = None) -> Revoked:
    """Revokes every outstanding token and family of ``user``, except those of the family ``except_family``.

    With ``except_family`` it is "log out everywhere else". The number of statements does not depend on the number of
    tokens. Access tokens have no record: with ``TOKEN_FAMILY_CHECK_ON_ACCESS`` they are refused once their family is
    revoked, and without it they stay valid until they expire.
    Raises ``TokenError`` unless ``user`` is a saved instance of the user model.
    """
    users.check_user_instance(user)
    if user.pk is None:
        # The store would revoke the tokens of all users.
        raise TokenError("The user is not saved yet and has no tokens.")
    return _revoke_all(user.pk, except_family)


def revoke_everything() -> Revoked:
    """Revokes every outstanding token and family of all users."""
    return _revoke_all(None, None)


def _revoke_all(owner_pk: object, except_family: str | None) -> Revoked:
    """Revokes the families and then the tokens of the user with the primary key ``owner_pk``.

    ``None`` stands for all users. The family with the id ``except_family`` and its tokens are left out.
    """
    # A token that has just expired may still be accepted, within the leeway or by a machine whose clock is slow.
    now = revocation.expiry_cutoff(tokens.aware_utcnow(), leeway=state.token_backend.get_leeway())
    revoked = families = 0
    # Families first: a concurrent refresh then finds its family revoked.
    if records.family_enabled():
        families = revocation.family_store().revoke_all(owner_pk, now=now, except_family=except_family)
    if records.tokens_recorded():
        revoked = revocation.token_store().revoke_all(owner_pk, now=now, except_family=except_family)
    return Revoked(revoked, families)


@sensitive_variables()
def revoke_token(jti: str) -> bool:
    """Revokes the token with the id ``jti``, whether or not it is on record.

    Returns True if this call revoked it, and False if it was revoked already. For a token that is not on record the
    expiry is unknown, and the revocation is stored without an end.
    """
    store = revocation.token_store()
    _, is_revoked_now = store.revoke(_issued_with_id(jti))
    if is_revoked_now:
        store.after_commit(lambda: signals.send(signals.token_revoked, tokens.Token, jti=jti, token=None))
    return is_revoked_now


def revoke_family(family_id: str) -> bool:
    """Revokes the family with the id ``family_id``, whether or not it is on record.

    Returns True if this call revoked it, and False if it was revoked already. For a family that is not on record the
    expiry is unknown, and the revocation is stored without an end.
    """
    store = revocation.family_store()
    _, is_revoked_now = store.revoke(_issued_with_id(family_id))
    if is_revoked_now:
        facts = {"family_id": family_id, "reason": "revoked"}
        store.after_commit(lambda: signals.send(signals.family_revoked, tokens.Token, **facts))
    return is_revoked_now


def _issued_with_id(token_or_family_id: str) -> Issued:
    """Returns the record of a token or family of which nothing but the id is known."""
    return Issued(
        token_or_family_id,
        issued_at=tokens.aware_utcnow(),
        expires_at=None,
        owner_pk=lambda: None,
        text=lambda: "",
        is_expiry_known=False,
    )
