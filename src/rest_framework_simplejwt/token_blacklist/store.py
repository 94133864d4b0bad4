"""Single tokens, remembered and revoked in SQL."""

from __future__ import annotations

from datetime import datetime

from .. import jws
from ..revocation.base import Issued
from ..revocation.bulk import COLLECTED
from ..revocation.sql import SQLStore
from ..revocation.unmigrated import explained
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

    def columns(self, issued: Issued) -> dict[str, object]:
        text = issued.text if api_settings.STORE_OUTSTANDING_TOKENS == "full" else ""
        # The column takes no NULL. A revocation that is flushed too early would be taken back.
        expires_at = issued.expires_at or datetime_from_epoch(FAR)
        return {**super().columns(issued), "expires_at": expires_at, "family_id": issued.family_id, "token": text}

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        if except_family is not None:
            self._fill_in_family(owner_pk, except_family, now=now)
        return super().revoke_all(owner_pk, now=now, except_family=except_family)

    @explained
    def _fill_in_family(self, owner_pk: object, family_id: str, *, now: datetime) -> None:
        """Write the family into rows of its tokens without one, from before the column: their text still names it."""
        rows = self._issued.filter(self._is_live(), family_id__isnull=True, expires_at__gt=now).exclude(token="")
        if owner_pk is not None:
            rows = rows.filter(user_id=owner_pk)
        texts = rows.order_by("pk").values_list("pk", "token")
        batch = list(texts[:COLLECTED])
        while batch:
            pks = [pk for pk, text in batch if _family_in(text) == family_id]
            self._issued.filter(pk__in=pks).update(family_id=family_id)
            batch = list(texts.filter(pk__gt=batch[-1][0])[:COLLECTED])


def _family_in(text: str) -> object:
    try:
        return jws.unverified_payload(text).get(api_settings.TOKEN_FAMILY_CLAIM)
    except jws.Malformed:
        return None  # of a backend with another format
