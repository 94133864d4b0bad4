"""Checks of the tables of the two optional apps: whether all migrations are applied."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, router

from .registry import Finding, check

_APPS = ("rest_framework_simplejwt.token_blacklist", "rest_framework_simplejwt.token_family")


@check(
    "simplejwt.W022",
    hint="Run `python manage.py migrate {app}{option}` before the new code takes traffic.",
    database=True,
)
def outdated_tables(databases: Collection[str]) -> Iterator[Finding]:
    """A database has some, but not all migrations of this package's apps: requests may be answered 503."""
    for alias in databases:
        option = "" if alias == DEFAULT_DB_ALIAS else f" --database {alias}"
        for label, names in _unapplied_migrations(alias).items():
            text = f"In the database {alias!r}, the tables of {label} lack the migrations {', '.join(names)}."
            yield Finding(text, app=label, option=option)


def _unapplied_migrations(alias: str) -> dict[str, list[str]]:
    """Returns the names of missing migrations by app, for apps of which only some are applied.

    Empty if the database is unavailable.
    """
    try:
        labels = _labels_of_apps_in(alias)
        known, applied = _known_and_applied_migrations(alias) if labels else (set(), set())
    except Exception:  # noqa: BLE001  # the database is unavailable, or a router or migration of the project fails
        return {}
    unapplied = {}
    for label in labels:
        of_app = {key for key in known if key[0] == label}
        if not of_app.isdisjoint(applied) and (missing := of_app - applied):
            unapplied[label] = sorted(name for _, name in missing)
    return unapplied


def _known_and_applied_migrations(alias: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Returns all migrations of the project, and those that are applied; each as (app label, name)."""
    # Imported here, because only commands need it, and not every process that starts.
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connections[alias])
    return set(loader.graph.nodes), set(loader.applied_migrations)


def _labels_of_apps_in(alias: str) -> list[str]:
    """Returns the labels of this package's apps whose tables the project's routers place in that database."""
    return [
        config.label
        for config in apps.get_app_configs()
        if config.name in _APPS and any(router.allow_migrate_model(alias, model) for model in config.get_models())
    ]
