"""What the two optional apps' migrations have in common."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations import AddIndex
from django.db.models import Model


class AddIndexOnline(AddIndex):
    """Adds an index without holding up writers, on PostgreSQL; for a migration with ``atomic = False``.

    A build that was interrupted leaves an invalid index behind, which the next run replaces.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        connection = schema_editor.connection
        if connection.vendor != "postgresql" or connection.in_atomic_block:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model: type[Model] = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(connection.alias, model):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}")
            schema_editor.add_index(model, self.index, concurrently=True)
