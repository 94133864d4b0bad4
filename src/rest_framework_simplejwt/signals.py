"""What receivers can learn of: each signal is sent after the fact, and once it can't be rolled back any more.

A receiver that raises is logged by Django and breaks nothing. ``request`` is ``None`` where there
is none. Revoking everything of a user at once sends nothing: the caller knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Model
from django.dispatch import Signal

if TYPE_CHECKING:
    from .tokens import Token

__all__ = ["family_revoked", "refresh_token_reused", "token_issued", "token_refreshed", "token_revoked"]

# A login bought `token`, for `user`; `request`. The sender is the token's class, here and below.
token_issued = Signal()

# `token`, the refresh token that is good now, with `request`. `replayed`: it was handed out before,
# and a repeated request got it again.
token_refreshed = Signal()

# The token of the id `jti` was revoked: by a log-out, a changed password, the admin or a command.
# `token` is `None` where only its id is known. Not sent for a token that a refresh spends.
token_revoked = Signal()

# The family `family_id` was revoked. `reason`: "reuse" of a revoked refresh token, or "revoked" by somebody.
family_revoked = Signal()

# A revoked refresh token was presented again, and its family revoked for it: theft, or a broken client.
# `family_id`, `jti`, `user_id` (as in the token's claims), `request`. Once for a family, and at once:
# it is true whatever becomes of the transaction.
refresh_token_reused = Signal()


def send(signal: Signal, sender: type[Token] | type[Model], **facts: object) -> None:
    """Tell every receiver, whatever the others raise."""
    signal.send_robust(sender, **facts)
