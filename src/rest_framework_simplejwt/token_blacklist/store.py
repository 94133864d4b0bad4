"""Single tokens, remembered and revoked in SQL."""

from __future__ import annotations

from typing import Any

from ..revocation.base import Issued
from ..revocation.sql import SQLStore
from .models import BlacklistedToken, OutstandingToken


class TokenStore(SQLStore):
    issued_model = OutstandingToken
    id_field = "jti"
    revoked_model = BlacklistedToken
    link_field = "token"

    def columns(self, issued: Issued) -> dict[str, Any]:
        return {**super().columns(issued), "token": issued.text}
