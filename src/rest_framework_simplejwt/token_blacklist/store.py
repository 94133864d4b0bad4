"""Single tokens, remembered and revoked in SQL."""

from __future__ import annotations

from typing import Any

from ..revocation.base import Issued
from ..revocation.sql import SQLStore
from ..settings import api_settings
from .models import BlacklistedToken, OutstandingToken


class TokenStore(SQLStore):
    issued_model = OutstandingToken
    id_field = "jti"
    revoked_model = BlacklistedToken
    link_field = "token"

    def columns(self, issued: Issued) -> dict[str, Any]:
        text = issued.text if api_settings.STORE_OUTSTANDING_TOKENS == "full" else ""
        return {**super().columns(issued), "family_id": issued.family_id, "token": text}
