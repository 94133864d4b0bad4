"""Token families, remembered and revoked in SQL."""

from __future__ import annotations

from ..revocation.sql import SQLStore
from .models import BlacklistedTokenFamily, TokenFamily


class FamilyStore(SQLStore):
    issued_model = TokenFamily
    id_field = "family_id"
    revoked_model = BlacklistedTokenFamily
    link_field = "family"
