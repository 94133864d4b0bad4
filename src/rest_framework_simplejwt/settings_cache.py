"""Values that are built from settings, and built again after those settings have changed."""

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
    """A value, the settings that it was built from, and the generation in which those were last compared."""

    generation: int
    inputs: tuple[object, ...] = field(repr=False)
    value: T


class BuiltFromSettings(Generic[T]):
    """Keeps what ``build`` returned until one of the settings that it reads has another value.

    The settings are compared when ``api_settings.generation`` has changed: after every assignment, deletion and
    edit of a setting, and after ``override_settings``. ``names`` are of ``SIMPLE_JWT``, ``django_names`` of Django.
    Thread-safe: two threads may build at once, and each returned value is complete.
    """

    def __init__(self, build: Callable[[], T], names: Iterable[str], *, django_names: Iterable[str] = ()) -> None:
        self._build = build
        self._names, self._django_names = tuple(names), tuple(django_names)
        self._built: _Built[T] | None = None

    def get(self) -> T:
        """The value for the settings of this moment. Raises what ``build`` raises."""
        built = self._built
        if built is None or built.generation != api_settings.generation:
            built = self._refresh(built)
        return built.value

    @sensitive_variables()
    def _refresh(self, before: _Built[T] | None) -> _Built[T]:
        # Read first: a setting that changes during the build is noticed next time.
        generation = api_settings.generation
        inputs = (
            *[getattr(api_settings, name) for name in self._names],
            *[getattr(settings, name) for name in self._django_names],
        )
        is_same = before is not None and before.inputs == inputs
        self._built = built = _Built(generation, inputs, before.value if before and is_same else self._build())
        return built
