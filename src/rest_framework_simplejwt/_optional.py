"""Members that exist only while a condition holds, such as an app being installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.apps import apps

Member = TypeVar("Member", bound=Callable[..., object])


def app_installed(name: str) -> Callable[[], bool]:
    """A predicate for the app of that full ``name``, however ``INSTALLED_APPS`` spells it."""
    seen: object = None
    answer = False

    def installed() -> bool:
        nonlocal seen, answer
        # Django makes another dict for another INSTALLED_APPS, and fills it until it is ready.
        if seen is not apps.app_configs or not apps.ready:
            answer = apps.is_installed(name)
            seen = apps.app_configs
        return answer

    return installed


def available_if(predicate: Callable[[], bool]) -> Callable[[Member], Member]:
    """Make a method raise ``AttributeError`` at access while ``predicate()`` is false.

    The predicate is asked on every access, on the class and on the instance, so ``hasattr``
    follows an app that is installed or removed at run time.
    """

    def decorate(member: Member) -> Member:
        return cast("Member", _ConditionalMember(member, predicate))

    return decorate


class _ConditionalMember:
    def __init__(self, member: Any, predicate: Callable[[], bool]) -> None:
        self.member = member
        self.predicate = predicate
        self.__doc__ = member.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> Any:
        if not self.predicate():
            raise AttributeError(f"{owner.__name__!r} has no attribute {self.name!r}: its app or feature is off")
        return self.member.__get__(instance, owner)
