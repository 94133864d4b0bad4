"""Stores revocations in two SQL tables."""

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
from .bulk import delete_with_dependents, insert_from_query
from .unmigrated import translates_database_errors

T = TypeVar("T")

# How often ``revoke_all`` tries again because refreshes issued new tokens while it ran. Against one client that
# refreshes without a pause, each attempt is more likely to succeed than to fail.
MAX_ROUNDS = 100


class SQLStore:
    """A ``RevocationStore`` in two tables: issued tokens or families, and one-to-one with them their revocations.

    The tables' unique constraints decide which of several callers is first. Every query goes to the database that
    the router names for writes, because a replica may not have the latest revocations yet.

    A subclass sets the models: ``issued_model``, its unique field ``id_field``, ``revoked_model`` and its one-to-one
    field ``link_field`` to ``issued_model``.
    """

    issued_model: ClassVar[type[Model]]
    id_field: ClassVar[str]
    revoked_model: ClassVar[type[Model]]
    link_field: ClassVar[str]

    def columns(self, issued: Issued) -> dict[str, object]:
        """Returns the values of a new row of ``issued_model`` by field name, without the id.

        A subclass may override this. A value may be a function; it is called only when a row is created.
        """
        return {"user_id": issued.owner_pk, "created_at": issued.issued_at, "expires_at": issued.expires_at}

    @property
    def models(self) -> tuple[type[Model], type[Model]]:
        """The two models, whose tables an error may say are missing."""
        return self.issued_model, self.revoked_model

    @property
    def alias(self) -> str:
        """The database that the router names for writes to ``revoked_model``."""
        return router.db_for_write(self.revoked_model)

    @property
    def _issued_rows(self) -> QuerySet[Model]:
        return self.issued_model._default_manager.using(self.alias).order_by()

    @property
    def _revoked_rows(self) -> QuerySet[Model]:
        return self.revoked_model._default_manager.using(self.alias).order_by()

    @property
    def _tables(self) -> direct.Tables:
        return direct.Tables(self.issued_model, self.id_field, self.revoked_model, self.link_field)

    def _row_values(self, issued: Issued) -> dict[str, object]:
        """Returns the values of a new row by field name. Calls the functions among the columns."""
        values = {self.id_field: issued.id, **self.columns(issued)}
        return {name: value() if callable(value) else value for name, value in values.items()}

    @translates_database_errors
    def remember(self, issued: Issued) -> tuple[Model, bool]:
        """See ``RevocationStore.remember``. Inserts a new id with one statement of ``direct`` where it can."""
        if issued.is_new and self._tables.can_insert_directly(self.alias):
            row = direct.insert(self.issued_model, self._row_values(issued), self.alias)
            if row is not None:
                return row, True
        return self._remember_with_orm(issued)

    def _remember_with_orm(self, issued: Issued) -> tuple[Model, bool]:
        """Does what ``remember`` does, also for an id that is on record. May need an UPDATE of the record's expiry."""
        row: Any
        row, is_created = _get_or_create(self._issued_rows, {self.id_field: issued.id}, self.columns(issued))
        if not is_created and issued.is_expiry_known and _is_later(issued.expires_at, row.expires_at):
            # A sliding token keeps its id when it is refreshed. Its record must not be purged before the copy expires.
            self._issued_rows.filter(pk=row.pk).update(expires_at=issued.expires_at)
            row.expires_at = issued.expires_at
        return row, is_created

    @translates_database_errors
    def revoke(self, issued: Issued) -> tuple[Model, bool]:
        """See ``RevocationStore.revoke``. Tries ``direct.revoke`` first. Records an id that is not on record."""
        alias, tables = self.alias, self._tables
        if tables.can_insert_directly(alias) and not overrides(self, SQLStore, "remember", "transact"):
            record = transactions.try_once(alias, lambda: direct.revoke(tables, issued.id, issued.expires_at, alias))
            if record is not None:
                return record, True
        return self.transact(lambda: self._revoke_with_orm(issued))

    @translates_database_errors
    def exchange(self, consumed: Issued, successor: Issued, families: RevocationStore | None = None) -> bool:
        """See ``RevocationStore.exchange``. Tries ``direct.exchange`` first."""
        if self._exchange_directly(consumed, successor, families):
            return True
        # Nothing was written: the token or its family is revoked, the token is not on record, or another transaction
        # was in conflict.
        return self.transact(partial(self._exchange_with_orm, consumed, successor, families))

    def _exchange_directly(self, consumed: Issued, successor: Issued, families: RevocationStore | None) -> bool:
        """Exchanges with ``direct.exchange``. Returns False, having written nothing, where it is not possible.

        It is not if a subclass overrides ``revoke``, ``remember`` or ``transact``, if ``can_exchange_directly`` is
        false, or if the statement finds the token or its family revoked, the token not on record, or another
        transaction in conflict.
        """
        alias, tables = self.alias, self._tables
        is_custom = overrides(self, SQLStore, "revoke", "remember", "transact")
        if is_custom or not tables.can_exchange_directly(alias):
            return False
        values = self._row_values(successor)
        family = None
        if families is not None and consumed.family_id is not None and self._can_query_together_with(families):
            family = families._tables, consumed.family_id
        work = partial(direct.exchange, tables, consumed.id, consumed.expires_at, values, alias, family=family)
        is_single_statement = connections[alias].vendor == "postgresql"
        return bool(transactions.try_once(alias, work, is_single_statement=is_single_statement))

    def _exchange_with_orm(self, consumed: Issued, successor: Issued, families: RevocationStore | None) -> bool:
        """Does what ``exchange`` does, with ``revoke`` and ``remember``. The caller opens the transaction."""
        if families is not None and consumed.family_id is not None and families.is_revoked(consumed.family_id):
            return False
        _, is_first = self.revoke(consumed)
        if is_first:
            self.remember(successor)
        return is_first

    def _revoke_with_orm(self, issued: Issued) -> tuple[Model, bool]:
        """Does what ``revoke`` does, with ``remember`` first. The caller opens the transaction."""
        row, _ = self.remember(issued)
        return _get_or_create(self._revoked_rows, {self.link_field: row}, {})

    @translates_database_errors
    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        """See ``RevocationStore.revoke_all``. Repeats its statements while refreshes issue new tokens.

        Raises ``RevocationUnavailable`` after ``MAX_ROUNDS`` rounds; the revocations made by then stay.
        """
        unrevoked = self._issued_rows.filter(
            Q(expires_at__gt=now) | Q(expires_at__isnull=True), self._unrevoked_condition()
        )
        if owner_pk is not None:
            unrevoked = unrevoked.filter(user_id=owner_pk)
        if except_family is not None:
            # exclude() would also skip the rows without a family.
            unrevoked = unrevoked.filter(~Q(family_id=except_family) | Q(family_id__isnull=True))
        newest_pk = self._issued_rows.aggregate(newest=models.Max("pk"))["newest"]
        revoked_count = self._revoke_rows(unrevoked)
        for _ in range(MAX_ROUNDS):
            if not unrevoked.exists():
                return revoked_count
            # A refresh issued a successor meanwhile. A statement over the new rows alone takes less time than a
            # refresh, however many rows there are.
            newer = unrevoked.filter(pk__gt=newest_pk) if newest_pk is not None else unrevoked
            revoked_count += self._revoke_rows(newer if newer.exists() else unrevoked)
        logger.error(
            "revoke_all() gave up after %d revocations for the owner %s: refreshes issued new tokens each time. "
            "Call it again.",
            revoked_count,
            owner_pk,
        )
        raise RevocationUnavailable()

    def _revoke_rows(self, unrevoked: QuerySet[Model]) -> int:
        """Revokes these rows of ``issued_model`` in one statement. Returns the number of new revocations."""
        rows = unrevoked.values_list("pk", Value(timezone.now(), output_field=models.DateTimeField()))
        names = self.link_field, "blacklisted_at"
        return self.transact(lambda: insert_from_query(self.revoked_model, names, rows))

    @translates_database_errors
    def is_revoked(self, record_id: str) -> bool:
        """See ``RevocationStore.is_revoked``. Sends one statement."""
        return compiled.exist([self._revocations_of], [record_id], alias=self.alias, key=self.revoked_model)[0]

    @translates_database_errors
    def are_revoked(self, token_id: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        """See ``RevocationStore.are_revoked``. Sends one statement where ``_can_query_together_with(families)``."""
        if not self._can_query_together_with(families):
            if self.is_revoked(token_id):
                return True, False
            return False, families.is_revoked(family_id)
        is_token_revoked, is_family_revoked = compiled.exist(
            [self._revocations_of, families._revocations_of],
            [token_id, family_id],
            alias=self.alias,
            key=(self.revoked_model, families.revoked_model),
        )
        return is_token_revoked, is_family_revoked

    def _can_query_together_with(self, families: RevocationStore) -> TypeGuard[SQLStore]:
        """Returns whether one statement can replace ``is_revoked`` of this store and of ``families``.

        It can if both are in the same database and neither class overrides the method.
        """
        if not isinstance(families, SQLStore) or families.alias != self.alias:
            return False
        return not any(overrides(store, SQLStore, "is_revoked") for store in (self, families))

    def _revocations_of(self, record_id: str) -> QuerySet[Model]:
        """Returns a query for the revocation of the record with this id. Does not send it."""
        return self._revoked_rows.filter(**{f"{self.link_field}__{self.id_field}": record_id})

    @translates_database_errors
    def successor(self, token_id: str, successor_id: str, *, now: datetime) -> Successor | None:
        """See ``RevocationStore.successor``. Looks up the record of ``successor_id``; ``token_id`` is not used.

        The id of a successor is a keyed hash of its parent's, so a record of it exists only if the parent was
        consumed. ``now`` is the end of the returned ``age``, which begins with the record's ``created_at``. Times are
        returned as the database has them; ``local_times.restore_times`` corrects naive ones.
        """
        row = (
            self._issued_rows.filter(**{self.id_field: successor_id})
            .annotate(is_revoked=~self._unrevoked_condition())
            .values_list("created_at", "expires_at", "is_revoked")
            .first()
        )
        if row is None:
            return None
        issued_at, expires_at, is_revoked = row
        # Another machine whose clock is ahead may have issued it: an age is never negative.
        return Successor(issued_at, expires_at, max(now - issued_at, timedelta(0)), is_revoked)

    def _unrevoked_condition(self) -> Expression:
        """Returns a condition for ``filter()`` on ``issued_model``: the row has no revocation. Sends no query."""
        return ~Exists(self._revoked_rows.filter(**{self.link_field: OuterRef("pk")}))

    def expired(self, now: datetime, *, using: str | None = None) -> int:
        """See ``RevocationStore.expired``. Counts in the database ``using`` instead of the router's."""
        return self._issued_rows.using(using or self.alias).filter(expires_at__lte=now).count()

    def purge(self, now: datetime, *, batch_size: int, using: str | None = None) -> Iterator[int]:
        """See ``RevocationStore.purge``. Deletes in the database ``using`` instead of the router's."""
        alias = using or self.alias
        expired = self._issued_rows.using(alias).filter(expires_at__lte=now)
        # The newest expired row: the search for the last batch does not have to read the rows after it.
        last_pk = expired.aggregate(last=models.Max("pk"))["last"]
        deleted_to = None
        while last_pk is not None and deleted_to != last_pk:
            remaining = expired.filter(pk__lte=last_pk)
            if deleted_to is not None:
                remaining = expired.filter(pk__lte=last_pk, pk__gt=deleted_to)
            # Fetches only the last primary key of the batch.
            pks = remaining.order_by("pk").values_list("pk", flat=True)
            batch_end = pks[batch_size - 1 : batch_size].first() or last_pk
            delete = partial(self._delete_batch, remaining, deleted_to, batch_end)
            yield transactions.run_with_retry(alias, delete, writes=self.revoked_model)
            deleted_to = batch_end

    def _delete_batch(self, remaining: QuerySet[Model], after_pk: object, to_pk: object) -> int:
        """Deletes the rows of ``remaining`` up to the primary key ``to_pk``, with their revocations. Returns how many.

        ``after_pk`` is the end of the previous batch, or ``None`` in the first one.
        """
        # A range of the link's index: the database reads no other revocations.
        bounds = {f"{self.link_field}_id__lte": to_pk}
        if after_pk is not None:
            bounds[f"{self.link_field}_id__gt"] = after_pk
        revoked = self._revoked_rows.using(remaining.db).filter(**bounds)
        return delete_with_dependents(remaining.filter(pk__lte=to_pk), revoked, self.link_field)

    @translates_database_errors
    def transact(self, work: Callable[[], T]) -> T:
        """See ``RevocationStore.transact``. ``run_with_retry`` says which conflicts are retried, and when none is."""
        return transactions.run_with_retry(self.alias, work, writes=self.revoked_model)

    def lasting(self, record_id: str, work: Callable[[], T]) -> T:
        """See ``RevocationStore.lasting``. ``run_on_own_connection`` says in which thread ``work`` runs, and when."""
        # A record that only the caller's transaction can see can't be changed on another connection.
        return transactions.run_on_own_connection(self.alias, work, precondition=lambda: self._is_recorded(record_id))

    @translates_database_errors
    def _is_recorded(self, record_id: str) -> bool:
        """Returns whether the calling thread's connection finds a record with this id."""
        return self._issued_rows.filter(**{self.id_field: record_id}).exists()

    def after_commit(self, callback: Callable[[], object]) -> None:
        """See ``RevocationStore.after_commit``. The transaction is that of the database ``alias``."""
        transaction.on_commit(callback, using=self.alias)


def _get_or_create(rows: QuerySet[Model], lookup: dict[str, object], defaults: dict[str, object]) -> tuple[Model, bool]:
    """Returns the row that matches ``lookup``, and whether this call created it.

    Raises ``LostInsert`` if another transaction inserted the row and this one can't see it.
    """
    try:
        return rows.get_or_create(**lookup, defaults=defaults)
    except IntegrityError as error:
        if is_duplicate(error):
            raise LostInsert(*error.args) from error
        raise


def _is_later(expires_at: datetime | None, other: datetime | None) -> bool:
    """Returns whether the first expiry is later. ``None`` means that there is no expiry."""
    return other is not None and (expires_at is None or expires_at > other)
