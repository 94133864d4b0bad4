"""A store in two tables: a row for what was issued, and one to one with it, its revocation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, TypeGuard, TypeVar

from django.db import IntegrityError, connections, models, router, transaction
from django.db.models import Exists, Expression, Model, OuterRef, Q, QuerySet, Value
from django.utils import timezone

from .. import compiled
from ..db_errors import LostInsert, is_duplicate
from ..exceptions import RevocationUnavailable
from ..utils import logger
from . import direct, transactions
from .base import Issued, RevocationStore, Successor, overrides
from .bulk import delete_rows, insert_from
from .unmigrated import explained

T = TypeVar("T")

# How often a refresh may be faster than `revoke_all`. Against one client each round succeeds more often than not.
ROUNDS = 100


class SQLStore:
    """Decides by the tables' unique constraints, never by looking first.

    Every query goes to the database that the router would write to: a replica may not have
    heard yet of what was just revoked. A subclass names its models: ``issued_model``, its
    unique ``id_field``, ``revoked_model`` and its one-to-one ``link_field``.
    """

    issued_model: ClassVar[type[Model]]
    id_field: ClassVar[str]
    revoked_model: ClassVar[type[Model]]
    link_field: ClassVar[str]

    def columns(self, issued: Issued) -> dict[str, object]:
        """The values of a new row. Callables among them are called only when one is made."""
        return {"user_id": issued.owner_pk, "created_at": issued.issued_at, "expires_at": issued.expires_at}

    @property
    def models(self) -> tuple[type[Model], type[Model]]:
        return self.issued_model, self.revoked_model

    @property
    def alias(self) -> str:
        return router.db_for_write(self.revoked_model)

    @property
    def _issued(self) -> QuerySet[Model]:
        return self.issued_model._default_manager.using(self.alias).order_by()

    @property
    def _revoked(self) -> QuerySet[Model]:
        return self.revoked_model._default_manager.using(self.alias).order_by()

    @property
    def _tables(self) -> direct.Tables:
        return direct.Tables(self.issued_model, self.id_field, self.revoked_model, self.link_field)

    def _values(self, issued: Issued) -> dict[str, object]:
        found = {self.id_field: issued.id, **self.columns(issued)}
        return {name: value() if callable(value) else value for name, value in found.items()}

    @explained
    def remember(self, issued: Issued) -> tuple[Model, bool]:
        if issued.is_new and self._tables.are_written_directly(self.alias):
            made = direct.insert(self.issued_model, self._values(issued), self.alias)
            if made is not None:
                return made, True
        return self._remember(issued)

    def _remember(self, issued: Issued) -> tuple[Model, bool]:
        row: Any
        row, made = _get_or_create(self._issued, {self.id_field: issued.id}, self.columns(issued))
        if not made and issued.is_end_known and _is_later(issued.expires_at, row.expires_at):
            # The record of a token that was lengthened, or refreshed in place, must not be purged before that ends.
            self._issued.filter(pk=row.pk).update(expires_at=issued.expires_at)
            row.expires_at = issued.expires_at
        return row, made

    @explained
    def revoke(self, issued: Issued) -> tuple[Model, bool]:
        alias, tables = self.alias, self._tables
        if tables.are_written_directly(alias):
            record = transactions.at_once(alias, lambda: direct.revoke(tables, issued.id, issued.expires_at, alias))
            if record is not None:
                return record, True
        return self.transact(lambda: self._revoke(issued))

    @explained
    def exchange(self, consumed: Issued, successor: Issued) -> bool:
        if self._exchange_directly(consumed, successor):
            return True
        # Why not is found out here: the token was revoked, is not on record, or another transaction was in the way.
        return self.transact(partial(self._exchange, consumed, successor))

    def _exchange_directly(self, consumed: Issued, successor: Issued) -> bool:
        alias, tables = self.alias, self._tables
        if overrides(self, SQLStore, "revoke", "remember") or not tables.are_exchanged_directly(alias):
            return False
        values = self._values(successor)
        work = partial(direct.exchange, tables, consumed.id, consumed.expires_at, values, alias)
        return bool(transactions.at_once(alias, work, is_one=connections[alias].vendor == "postgresql"))

    def _exchange(self, consumed: Issued, successor: Issued) -> bool:
        _, is_first = self.revoke(consumed)
        if is_first:
            self.remember(successor)
        return is_first

    def _revoke(self, issued: Issued) -> tuple[Model, bool]:
        row, _ = self.remember(issued)
        return _get_or_create(self._revoked, {self.link_field: row}, {})

    @explained
    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        alive = self._issued.filter(Q(expires_at__gt=now) | Q(expires_at__isnull=True), self._is_live())
        if owner_pk is not None:
            alive = alive.filter(user_id=owner_pk)
        if except_family is not None:
            # Not exclude(): what has no family is no exception.
            alive = alive.filter(~Q(family_id=except_family) | Q(family_id__isnull=True))
        newest = self._issued.aggregate(newest=models.Max("pk"))["newest"]
        revoked = self._revoke_rows(alive)
        for _ in range(ROUNDS):
            if not alive.exists():
                return revoked
            # A refresh was faster and issued a successor. A statement over the new rows alone takes less time
            # than a refresh, however many rows there are.
            newer = alive.filter(pk__gt=newest) if newest is not None else alive
            revoked += self._revoke_rows(newer if newer.exists() else alive)
        logger.error("revoke_all() revoked %d of %s and gave up: more were issued meanwhile", revoked, owner_pk)
        raise RevocationUnavailable()

    def _revoke_rows(self, alive: QuerySet[Model]) -> int:
        """Revoke all the rows in one statement; how many this call revoked."""
        rows = alive.values_list("pk", Value(timezone.now(), output_field=models.DateTimeField()))
        columns = self.link_field, "blacklisted_at"
        return self.transact(lambda: insert_from(self.revoked_model, columns, rows))

    @explained
    def is_revoked(self, key: str) -> bool:
        return compiled.exist([self._revocations_of], [key], alias=self.alias, key=self.revoked_model)[0]

    @explained
    def are_revoked(self, key: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        if not self._answers_with(families):
            return self.is_revoked(key), families.is_revoked(family_id)
        token, family = compiled.exist(
            [self._revocations_of, families._revocations_of],
            [key, family_id],
            alias=self.alias,
            key=(self.revoked_model, families.revoked_model),
        )
        return token, family

    def _answers_with(self, families: RevocationStore) -> TypeGuard[SQLStore]:
        """Whether one statement can do what ``is_revoked`` of both stores does."""
        if not isinstance(families, SQLStore) or families.alias != self.alias:
            return False
        return not any(overrides(store, SQLStore, "is_revoked") for store in (self, families))

    def _revocations_of(self, key: str) -> QuerySet[Model]:
        return self._revoked.filter(**{f"{self.link_field}__{self.id_field}": key})

    @explained
    def successor(self, key: str, successor_key: str, *, now: datetime) -> Successor | None:
        row = (
            self._issued.filter(**{self.id_field: successor_key})
            .annotate(is_revoked=~self._is_live())
            .values_list("created_at", "expires_at", "is_revoked")
            .first()
        )
        if row is None:
            return None
        issued_at, expires_at, is_revoked = row
        # By the clocks of two machines: nothing is younger than new.
        return Successor(issued_at, expires_at, max(now - issued_at, timedelta(0)), is_revoked)

    def _is_live(self) -> Expression:
        return ~Exists(self._revoked.filter(**{self.link_field: OuterRef("pk")}))

    def expired(self, now: datetime, *, using: str | None = None) -> int:
        return self._issued.using(using or self.alias).filter(expires_at__lte=now).count()

    def purge(self, now: datetime, *, batch_size: int, using: str | None = None) -> Iterator[int]:
        alias = using or self.alias
        expired = self._issued.using(alias).filter(expires_at__lte=now)
        # What is alive after that need not be passed to find that none is left.
        last = expired.aggregate(last=models.Max("pk"))["last"]
        floor = None
        while last is not None and floor != last:
            rest = expired.filter(pk__lte=last) if floor is None else expired.filter(pk__lte=last, pk__gt=floor)
            # Without fetching the keys of the batch: only where it ends.
            top = rest.order_by("pk").values_list("pk", flat=True)[batch_size - 1 : batch_size].first() or last
            yield transactions.run(alias, partial(self._delete, rest, floor, top), writes=self.revoked_model)
            floor = top

    def _delete(self, rest: QuerySet[Model], floor: object, top: object) -> int:
        # The bounds are a range of its index: no database needs to look at other revocations.
        bounds = {f"{self.link_field}_id__lte": top}
        if floor is not None:
            bounds[f"{self.link_field}_id__gt"] = floor
        revoked = self._revoked.using(rest.db).filter(**bounds)
        return delete_rows(rest.filter(pk__lte=top), revoked, self.link_field)

    @explained
    def transact(self, work: Callable[[], T]) -> T:
        return transactions.run(self.alias, work, writes=self.revoked_model)

    def lasting(self, key: str, work: Callable[[], T]) -> T:
        return transactions.run_autonomously(self.alias, work, unless=lambda: not self._is_recorded(key))

    @explained
    def _is_recorded(self, key: str) -> bool:
        return self._issued.filter(**{self.id_field: key}).exists()

    def after_commit(self, callback: Callable[[], object]) -> None:
        transaction.on_commit(callback, using=self.alias)


def _get_or_create(rows: QuerySet[Model], key: dict[str, object], defaults: dict[str, object]) -> tuple[Model, bool]:
    try:
        return rows.get_or_create(**key, defaults=defaults)
    except IntegrityError as error:
        if is_duplicate(error):
            # This transaction began before the other row was committed, and so can't see it.
            raise LostInsert(*error.args) from error
        raise


def _is_later(end: datetime | None, other: datetime | None) -> bool:
    """``None`` is never."""
    return other is not None and (end is None or end > other)
