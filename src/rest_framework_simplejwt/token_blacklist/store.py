"""The SQL store of single tokens."""

from __future__ import annotations

from datetime import datetime

from .. import jws
from ..revocation.base import Issued
from ..revocation.bulk import FETCH_SIZE
from ..revocation.sql import SQLStore
from ..revocation.unmigrated import translates_database_errors
from ..settings import api_settings
from ..utils import datetime_from_epoch
from .models import BlacklistedToken, OutstandingToken

# The expiry of the record of a token that does not expire, in seconds since the epoch: late in the year 9999, but early
# enough that a column can hold it in every time zone.
NO_EXPIRY_EPOCH = 253_402_128_000


class TokenStore(SQLStore):
    """The store of single tokens, by the value of their ``jti`` claim."""

    issued_model = OutstandingToken
    id_field = "jti"
    revoked_model = BlacklistedToken
    link_field = "token"

    def columns(self, issued: Issued) -> dict[str, object]:
        """See ``SQLStore.columns``. The text is empty unless ``STORE_OUTSTANDING_TOKENS`` is "full"."""
        text = issued.text if api_settings.STORE_OUTSTANDING_TOKENS == "full" else ""
        # The column is NOT NULL. With an earlier time, the flush would delete the revocation while the token is valid.
        expires_at = issued.expires_at or datetime_from_epoch(NO_EXPIRY_EPOCH)
        return {**super().columns(issued), "expires_at": expires_at, "family_id": issued.family_id, "token": text}

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        """See ``RevocationStore.revoke_all``. With ``except_family`` it first completes rows that lack their family."""
        if except_family is not None:
            self._fill_family_column(owner_pk, except_family, now=now)
        return super().revoke_all(owner_pk, now=now, except_family=except_family)

    @translates_database_errors
    def _fill_family_column(self, owner_pk: object, family_id: str, *, now: datetime) -> None:
        """Sets ``family_id`` in the rows of this family's tokens that were written before the column existed.

        Reads the family from the text of each token. Skips rows that expired by ``now``, are revoked or have no text.
        """
        rows = self._issued_rows.filter(self._unrevoked_condition(), family_id__isnull=True, expires_at__gt=now)
        rows = rows.exclude(token="")
        if owner_pk is not None:
            rows = rows.filter(user_id=owner_pk)
        texts = rows.order_by("pk").values_list("pk", "token")
        batch = list(texts[:FETCH_SIZE])
        while batch:
            pks = [pk for pk, text in batch if _read_family_claim(text) == family_id]
            self._issued_rows.filter(pk__in=pks).update(family_id=family_id)
            batch = list(texts.filter(pk__gt=batch[-1][0])[:FETCH_SIZE])


def _read_family_claim(text: str) -> object:
    """Returns the family claim of an encoded token, without verifying it; ``None`` if it is not a JWT."""
    try:
        return jws.unverified_payload(text).get(api_settings.TOKEN_FAMILY_CLAIM)
    except jws.Malformed:
        return None  # a backend of the project's own encoded it in another format
