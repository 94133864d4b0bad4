"""The table of checks by id, and the decorator that enters one in it and with Django."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Tags, register

from . import project


class Finding:
    """One thing that is wrong, with what its check's hint leaves open."""

    def __init__(self, message: str, **blanks: str) -> None:
        self.message = message
        self.blanks = blanks


Find = Callable[[], Iterable[Finding]]

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

    ``hint`` says what to write, a format string with the blanks of a finding.
    """

    id: str
    hint: str
    find: Find
    deploy: bool

    @property
    def level(self) -> str:
        """``Error``, ``Warning`` or ``Info``: the id's letter says which."""
        return _LEVELS[self.id.partition(".")[2][0]].__name__

    @property
    def appears(self) -> str:
        """What it finds: the first line of the function's docstring."""
        return (self.find.__doc__ or "").partition("\n")[0]

    def messages(self) -> list[CheckMessage]:
        if not project.is_dict() and not self.id.endswith(_NO_DICT):
            return []
        level = _LEVELS[self.id.partition(".")[2][0]]
        return [level(found.message, hint=self.hint.format(**found.blanks), id=self.id) for found in self.find()]


CHECKS: dict[str, Check] = {}


def check(check_id: str, *, hint: str, deploy: bool = False) -> Callable[[Find], Find]:
    """Make of a function that yields ``Finding`` the check ``check_id``; with ``deploy``, advice on security."""

    def enter(find: Find) -> Find:
        entry = CHECKS[check_id] = Check(check_id, hint, find, deploy)

        def run(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
            return entry.messages()

        if deploy:
            register(Tags.security, deploy=True)(run)
        else:
            register(run)
        return find

    return enter
