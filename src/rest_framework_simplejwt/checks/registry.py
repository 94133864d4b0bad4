"""The table of checks by id, and the decorator that adds a check to it and registers it with Django."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.core import checks
from django.core.checks import CheckMessage, Tags, register

from . import project


class Finding:
    """One problem that a check found: its message, and the values for the placeholders of the check's hint."""

    def __init__(self, message: str, **hint_values: str) -> None:
        self.message = message
        self.hint_values = hint_values


FindFunction = Callable[..., Iterable[Finding]]

# E026 reports that SIMPLE_JWT is not a dict. The other checks would then check the defaults, so they don't run.
_NOT_A_DICT = "E026"
_LEVELS: dict[str, type[checks.Error | checks.Warning | checks.Info]] = {
    "E": checks.Error,
    "W": checks.Warning,
    "I": checks.Info,
}


@dataclass(frozen=True)
class Check:
    """One check. The id of a removed check is never given to another one.

    ``hint`` says what to write. It is a format string, filled with ``Finding.hint_values``. ``find`` yields
    the findings; a ``database`` check is called with the aliases of the databases that it may query.
    """

    id: str
    hint: str
    find: FindFunction
    deploy: bool
    database: bool = False

    @property
    def level(self) -> str:
        """``"Error"``, ``"Warning"`` or ``"Info"``, by the letter in the id."""
        return self._message_class.__name__

    @property
    def _message_class(self) -> type[checks.Error | checks.Warning | checks.Info]:
        """The class of Django's messages for the level of this check."""
        return _LEVELS[self.id.partition(".")[2][0]]

    @property
    def description(self) -> str:
        """What the check finds: the first line of the docstring of ``find``. The reference page lists it."""
        return (self.find.__doc__ or "").partition("\n")[0]

    def messages(self, databases: Iterable[str] | None = None) -> list[CheckMessage]:
        """Runs the check and returns its findings as Django's messages.

        ``databases`` are the aliases that a ``database`` check may query.
        """
        if not project.is_simple_jwt_a_dict() and not self.id.endswith(_NOT_A_DICT):
            return []
        findings = self.find(databases or ()) if self.database else self.find()
        return [
            self._message_class(found.message, hint=self.hint.format(**found.hint_values), id=self.id)
            for found in findings
        ]


CHECKS: dict[str, Check] = {}


def check(
    check_id: str, *, hint: str, deploy: bool = False, database: bool = False
) -> Callable[[FindFunction], FindFunction]:
    """Makes a decorator that registers a function which yields ``Finding`` as the check ``check_id``.

    The function takes no argument. With ``database`` it is called with the aliases that it may query: those of
    ``check --database``, none otherwise. With ``deploy`` it runs with ``check --deploy`` only. The decorator returns
    the function unchanged. The letter in ``check_id`` is the level; ``hint`` is a format string for the finding's
    values.
    """

    def register_check(find: FindFunction) -> FindFunction:
        """Enters ``find`` in ``CHECKS``, registers it with Django, and returns it unchanged."""
        entry = CHECKS[check_id] = Check(check_id, hint, find, deploy, database)

        def run(app_configs: object, databases: Iterable[str] | None = None, **kwargs: object) -> list[CheckMessage]:
            """Returns the findings as Django's messages. Called by Django."""
            return entry.messages(databases)

        if database:
            register(Tags.database)(run)
        elif deploy:
            register(Tags.security, deploy=True)(run)
        else:
            register(run)
        return find

    return register_check
