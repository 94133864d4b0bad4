"""Single tokens, remembered and revoked in SQL."""

from __future__ import annotations

from typing import Any

from ..revocation.base import Issued
from ..revocation.sql import SQLStore
from ..settings import api_settings
from ..utils import datetime_from_epoch
from .models import BlacklistedToken, OutstandingToken

# The last days of the year 9999, which a column can hold in every time zone.
FAR = 253_402_128_000


class TokenStore(SQLStore):
    issued_model = OutstandingToken
    id_field = "jti"
    revoked_model = BlacklistedToken
    link_field = "token"

    def columns(self, issued: Issued) -> dict[str, Any]:
        text = issued.text if api_settings.STORE_OUTSTANDING_TOKENS == "full" else ""
        # The column takes no NULL. A revocation that is flushed too early would be taken back.
        expires_at = issued.expires_at or datetime_from_epoch(FAR)
        return {**super().columns(issued), "expires_at": expires_at, "family_id": issued.family_id, "token": text}
