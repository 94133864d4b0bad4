"""The table of checks by id, and the decorator that enters one in it and with Django."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.core import checks
from django.core.checks import CheckMessage, Tags, register

from . import project


class Finding:
    """One thing that is wrong, with what its check's hint leaves open."""

    def __init__(self, message: str, **blanks: str) -> None:
        self.message = message
        self.blanks = blanks


Find = Callable[..., Iterable[Finding]]

# It says that SIMPLE_JWT is no dict. The others would judge the defaults, which are not meant.
_NO_DICT = "E026"
_LEVELS: dict[str, type[checks.Error | checks.Warning | checks.Info]] = {
    "E": checks.Error,
    "W": checks.Warning,
    "I": checks.Info,
}


@dataclass(frozen=True)
class Check:
    """A check as the documentation lists it. Ids are never reused.

    ``hint`` says what to write, a format string with the blanks of a finding. ``find`` takes the
    aliases of the databases that it may ask, if it is a check of the ``database``.
    """

    id: str
    hint: str
    find: Find
    deploy: bool
    database: bool = False

    @property
    def level(self) -> str:
        """``Error``, ``Warning`` or ``Info``: the id's letter says which."""
        return self._message.__name__

    @property
    def _message(self) -> type[checks.Error | checks.Warning | checks.Info]:
        return _LEVELS[self.id.partition(".")[2][0]]

    @property
    def appears(self) -> str:
        """What it finds: the first line of the function's docstring."""
        return (self.find.__doc__ or "").partition("\n")[0]

    def messages(self, databases: Iterable[str] | None = None) -> list[CheckMessage]:
        if not project.is_dict() and not self.id.endswith(_NO_DICT):
            return []
        findings = self.find(databases or ()) if self.database else self.find()
        return [self._message(found.message, hint=self.hint.format(**found.blanks), id=self.id) for found in findings]


CHECKS: dict[str, Check] = {}


def check(check_id: str, *, hint: str, deploy: bool = False, database: bool = False) -> Callable[[Find], Find]:
    """Register a function that yields ``Finding`` as the check ``check_id``.

    With ``deploy`` it is advice on security; with ``database`` it runs on the databases that Django names.
    """

    def enter(find: Find) -> Find:
        entry = CHECKS[check_id] = Check(check_id, hint, find, deploy, database)

        def run(app_configs: object, databases: Iterable[str] | None = None, **kwargs: object) -> list[CheckMessage]:
            return entry.messages(databases)

        if database:
            register(Tags.database)(run)
        elif deploy:
            register(Tags.security, deploy=True)(run)
        else:
            register(run)
        return find

    return enter
