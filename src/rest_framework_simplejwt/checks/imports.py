"""Dotted paths in ``SIMPLE_JWT``: whether they lead to what is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.utils.module_loading import import_string

from ..settings import DEFAULTS, IMPORT_STRINGS
from .project import imported, is_customized, written
from .registry import Finding, check

_SERIALIZERS = [name for name in DEFAULTS if name.endswith("_SERIALIZER")]


def _paths() -> Iterator[tuple[str, object]]:
    """The dotted paths that the project wrote. Ours may need an app that it does without."""
    for name in filter(is_customized, (*IMPORT_STRINGS, *_SERIALIZERS)):
        if name == "AUTH_TOKEN_CLASSES":
            yield from ((name, path) for path in _token_classes() if isinstance(path, str))
        else:
            yield name, written(name)


def _token_classes() -> list[object]:
    classes = written("AUTH_TOKEN_CLASSES")
    return list(classes) if isinstance(classes, Collection) and not isinstance(classes, str) else []


def _trouble(name: str, value: object) -> str | None:
    # Views import a serializer's path themselves; the other settings may hold the object.
    if not isinstance(value, str) and name in _SERIALIZERS:
        return "is no dotted path"
    try:
        found = import_string(value) if isinstance(value, str) else value
    except Exception as error:  # noqa: BLE001  # the module may raise what it likes
        return f"can't be imported: {error}"
    return None if callable(found) else "leads to nothing that can be called"


@check("simplejwt.W023", hint="Write the dotted path 'package.module.name' of what is there, or leave {name} out.")
def broken_paths() -> Iterator[Finding]:
    """A dotted path that the project wrote does not import, or leads to nothing that can be called."""
    for name, value in _paths():
        if trouble := _trouble(name, value):
            yield Finding(f"SIMPLE_JWT[{name!r}]: {value!r} {trouble}.", name=name)


@check("simplejwt.W024", hint="Write AUTH_TOKEN_CLASSES = ('rest_framework_simplejwt.tokens.AccessToken',).")
def token_classes() -> Iterator[Finding]:
    """``AUTH_TOKEN_CLASSES`` is empty, or has something in it that is no kind of token."""
    if not _token_classes():
        yield Finding("SIMPLE_JWT['AUTH_TOKEN_CLASSES'] must be a tuple of token classes, at least one.")
    for path in _token_classes() if is_customized("AUTH_TOKEN_CLASSES") else ():
        found = imported(path)
        if found is not None and getattr(found, "token_type", None) is None:
            yield Finding(f"SIMPLE_JWT['AUTH_TOKEN_CLASSES']: {path!r} has no token_type.")
