"""The table of checks by id, and the decorator that enters one in it and with Django."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Tags, register


class Finding:
    """One thing that is wrong, with what its check's hint leaves open."""

    def __init__(self, message: str, **blanks: str) -> None:
        self.message = message
        self.blanks = blanks


Find = Callable[[], Iterable[Finding]]


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
        return "Error" if self.id.startswith("simplejwt.E") else "Warning"

    @property
    def appears(self) -> str:
        """What it finds: the first line of the function's docstring."""
        return (self.find.__doc__ or "").partition("\n")[0]

    def messages(self) -> list[CheckMessage]:
        level = checks.Error if self.level == "Error" else checks.Warning
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
