"""The SQL store of token families."""

from __future__ import annotations

from ..revocation.sql import SQLStore
from .models import BlacklistedTokenFamily, TokenFamily


class FamilyStore(SQLStore):
    """The store of token families, by family id."""

    issued_model = TokenFamily
    id_field = "family_id"
    revoked_model = BlacklistedTokenFamily
    link_field = "family"
