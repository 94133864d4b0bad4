"""The tables of the two optional apps: whether they are as new as this code."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, router

from .registry import Finding, check

_APPS = ("rest_framework_simplejwt.token_blacklist", "rest_framework_simplejwt.token_family")


@check(
    "simplejwt.W022",
    hint="Run: python manage.py migrate {app}{option}, before the new code takes traffic.",
    database=True,
)
def old_tables(databases: Collection[str]) -> Iterator[Finding]:
    """Some migrations of our apps are applied to a database, and not all: requests may be answered 503."""
    for alias in databases:
        option = "" if alias == DEFAULT_DB_ALIAS else f" --database {alias}"
        for label, names in _unapplied(alias).items():
            text = f"The tables of {label} in the database {alias!r} lack the migrations {', '.join(names)}."
            yield Finding(text, app=label, option=option)


def _unapplied(alias: str) -> dict[str, list[str]]:
    """The names of the migrations that each app lacks; of an app that has none or all of them, nothing."""
    try:
        labels = _labels(alias)
        known, applied = _migrations(alias) if labels else (set(), set())
    except Exception:  # noqa: BLE001  # the database is away, or a router or a migration of the project fails
        return {}
    lacks = {}
    for label in labels:
        of_app = {key for key in known if key[0] == label}
        if not of_app.isdisjoint(applied) and (missing := of_app - applied):
            lacks[label] = sorted(name for _, name in missing)
    return lacks


def _migrations(alias: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Those that there are, and those that are applied."""
    # Not for each process that starts: only commands ask for migrations.
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connections[alias])
    return set(loader.graph.nodes), set(loader.applied_migrations)


def _labels(alias: str) -> list[str]:
    """Which of our apps have tables in that database, by the routers."""
    return [
        config.label
        for config in apps.get_app_configs()
        if config.name in _APPS and any(router.allow_migrate_model(alias, model) for model in config.get_models())
    ]
