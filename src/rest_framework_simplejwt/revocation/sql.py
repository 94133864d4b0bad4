"""A store in two tables: a row for what was issued, and one to one with it, its revocation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar

from django.db import models, router, transaction

from .base import Issued


class SQLStore:
    """Decides by the tables' unique constraints, never by looking first.

    Every query goes to the database that the router would write to: a replica may not have
    heard yet of what was just revoked. A subclass names its models: ``issued_model``, its
    unique ``id_field``, ``revoked_model`` and its one-to-one ``link_field``.
    """

    issued_model: ClassVar[type[models.Model]]
    id_field: ClassVar[str]
    revoked_model: ClassVar[type[models.Model]]
    link_field: ClassVar[str]

    def columns(self, issued: Issued) -> dict[str, Any]:
        """The values of a new row. Callables among them are called only when one is made."""
        return {"user_id": issued.owner_pk, "created_at": issued.issued_at, "expires_at": issued.expires_at}

    @property
    def alias(self) -> str:
        return router.db_for_write(self.revoked_model)

    def remember(self, issued: Issued) -> tuple[Any, bool]:
        rows = self.issued_model._default_manager.using(self.alias)
        return rows.get_or_create(**{self.id_field: issued.id}, defaults=self.columns(issued))

    def revoke(self, issued: Issued) -> tuple[Any, bool]:
        with self.atomic():
            row, _ = self.remember(issued)
            return self.revoked_model._default_manager.using(self.alias).get_or_create(**{self.link_field: row})

    def is_revoked(self, key: str) -> bool:
        revoked = self.revoked_model._default_manager.using(self.alias)
        return revoked.filter(**{f"{self.link_field}__{self.id_field}": key}).exists()

    def purge(self, now: datetime) -> int:
        expired = self.issued_model._default_manager.using(self.alias).filter(expires_at__lte=now)
        _, deleted = expired.delete()
        return deleted.get(self.issued_model._meta.label, 0)

    def atomic(self) -> AbstractContextManager[Any]:
        return transaction.atomic(using=self.alias)

    def after_commit(self, callback: Callable[[], object]) -> None:
        transaction.on_commit(callback, using=self.alias)
