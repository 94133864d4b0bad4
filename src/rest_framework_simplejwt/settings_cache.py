"""BuiltFromSettings: caches a value that is built from settings, and rebuilds it when one of them changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from .settings import api_settings

T = TypeVar("T")


@dataclass(frozen=True)
class _Built(Generic[T]):
    """A value, the settings it was built from, and the ``api_settings.generation`` of their last comparison."""

    generation: int
    inputs: tuple[object, ...] = field(repr=False)
    value: T


class BuiltFromSettings(Generic[T]):
    """A cache of the value that ``build`` returns. It calls ``build`` again once one of the settings has changed.

    ``names`` are the settings of ``SIMPLE_JWT`` that ``build`` reads, ``django_names`` those of Django. They are
    compared whenever ``api_settings.generation`` has changed: after every assignment, deletion and edit of a setting,
    and after ``override_settings``.
    Thread-safe: several threads may call ``build`` at the same time, and each gets a complete value.
    """

    def __init__(self, build: Callable[[], T], names: Iterable[str], *, django_names: Iterable[str] = ()) -> None:
        """Stores the arguments. The first call of ``get`` builds the value."""
        self._build = build
        self._names, self._django_names = tuple(names), tuple(django_names)
        self._built: _Built[T] | None = None

    def get(self) -> T:
        """Returns the value for the current settings. Raises what ``build`` raises."""
        return self.__get__(None, type(self))

    def __get__(self, instance: object, owner: type) -> T:
        """Does what ``get`` does, when the class attribute that this object is gets read."""
        built = self._built
        if built is None or built.generation != api_settings.generation:
            built = self._rebuild(built)
        return built.value

    @sensitive_variables()
    def _rebuild(self, previous: _Built[T] | None) -> _Built[T]:
        """Compares the settings with those of ``previous``, and calls ``build`` only if they differ.

        Stores and returns the value with the present settings. Raises what ``build`` raises.
        """
        # Read before the settings, so that the next call notices a setting that changes during the build.
        generation = api_settings.generation
        inputs = (
            *[getattr(api_settings, name) for name in self._names],
            *[getattr(settings, name) for name in self._django_names],
        )
        is_same = previous is not None and previous.inputs == inputs
        self._built = built = _Built(generation, inputs, previous.value if previous and is_same else self._build())
        return built
