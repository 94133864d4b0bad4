"""The signals of this package. Unless its comment says otherwise, each is sent after the transaction commits.

The sender is the token's class: ``Token`` where only an id is known, the model for actions of the admin. Django logs
the exception of a receiver and calls the other receivers. ``request`` is ``None`` if the serializer was not given one.
``sessions.revoke_all()`` and ``revoke_everything()`` send nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Model
from django.dispatch import Signal

if TYPE_CHECKING:
    from .tokens import Token

__all__ = ["family_revoked", "refresh_token_reused", "token_issued", "token_refreshed", "token_revoked"]

# A login issued `token` (a refresh or sliding token) for `user`. Arguments: `token`, `user`, `request`.
token_issued = Signal()

# A refresh succeeded. `token` is the refresh token that the client holds now. `replayed` is True if the presented token
# was consumed before and the same successor was returned again. Arguments: `token`, `replayed`, `request`.
token_refreshed = Signal()

# A token was revoked by a logout, a changed password, the admin or a command; not sent when a refresh consumes a token.
# `token` is None if only its id is known. Arguments: `jti`, `token`.
token_revoked = Signal()

# A family was revoked. `reason` is "reuse" if the alarm revoked it, otherwise "revoked".
# Arguments: `family_id`, `reason`.
family_revoked = Signal()

# The alarm: a revoked refresh token was presented outside the grace period, and its family was revoked. Sent once for a
# family and immediately, because a rollback does not undo the revocation. `user_id` is the value of the claim.
# Arguments: `family_id`, `jti`, `user_id`, `request`.
refresh_token_reused = Signal()


def send(signal: Signal, sender: type[Token] | type[Model], **arguments: object) -> None:
    """Calls every receiver of ``signal``. Django logs the exceptions of receivers; none is raised."""
    signal.send_robust(sender, **arguments)
