"""The fixture `migrate`, which migrates an app to an older migration during a test."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connections, router
from django.db.migrations.executor import MigrationExecutor


@pytest.fixture(name="migrate")
def _migrate(transactional_db):
    """Migrate an app to the migration of a number: `migrate(app, number)`, with ``None`` for no migration.

    Returns a function from a name to the model at that migration. Ends with the newest migration of each app.
    """
    executor = MigrationExecutor(connections[router.db_for_write(get_user_model())])
    newest = executor.loader.graph.leaf_nodes()

    def to(app, number):
        executor.loader.build_graph()
        target = next((node for node in executor.loader.graph.nodes if node[0] == app and node[1][:4] == number), None)
        executor.migrate([target or (app, None)])
        return target and _models(executor.loader.project_state(target).apps, app)

    yield to
    executor.loader.build_graph()
    executor.migrate(newest)


def _models(apps, app):
    return lambda name: apps.get_model(app, name)
