"""Methods that exist only while a condition holds, such as an app being installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.apps import apps

Member = TypeVar("Member", bound=Callable[..., object])


def app_installed(name: str) -> Callable[[], bool]:
    """Returns a function that says whether the app with the full ``name`` is installed at the time of the call.

    The name of the app counts, whether ``INSTALLED_APPS`` has that or its ``AppConfig``.
    """
    app_configs: object = None
    is_installed = False

    def installed() -> bool:
        """Returns whether the app is installed now."""
        nonlocal app_configs, is_installed
        # Django replaces the dict when INSTALLED_APPS changes, and fills it until apps.ready.
        if app_configs is not apps.app_configs or not apps.ready:
            is_installed = apps.is_installed(name)
            app_configs = apps.app_configs
        return is_installed

    return installed


def available_if(predicate: Callable[[], bool]) -> Callable[[Member], Member]:
    """Returns a decorator that makes a method raise ``AttributeError`` at access while ``predicate()`` is false.

    The predicate is called at every access, on the class and on the instance, so ``hasattr`` is right even if an app is
    installed or removed at run time.
    """

    def decorate(member: Member) -> Member:
        """Returns the descriptor that takes the place of the method."""
        return cast("Member", _ConditionalMember(member, predicate))

    return decorate


class _ConditionalMember:
    """A descriptor in place of the method ``member``, which exists only while ``predicate()`` is true."""

    def __init__(self, member: Any, predicate: Callable[[], bool]) -> None:
        """Takes over the docstring of ``member``."""
        self.member = member
        self.predicate = predicate
        self.__doc__ = member.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> Any:
        """Returns the bound method. Raises ``AttributeError`` while the predicate is false."""
        if not self.predicate():
            raise AttributeError(f"{owner.__name__!r} has no attribute {self.name!r}: its app or feature is off")
        return self.member.__get__(instance, owner)
