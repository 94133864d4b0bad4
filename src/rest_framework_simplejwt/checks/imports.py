"""Checks of the dotted paths in ``SIMPLE_JWT``: whether they import, and what they import."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.utils.module_loading import import_string

from ..settings import DEFAULTS, IMPORT_STRINGS
from .project import configured, import_or_none, is_customized
from .registry import Finding, check

_SERIALIZERS = [name for name in DEFAULTS if name.endswith("_SERIALIZER")]


def _configured_paths() -> Iterator[tuple[str, object]]:
    """Yields the name of each setting that the project changed and whose value is a dotted path, with that path.

    The defaults are skipped: they may need an app that the project does not install.
    """
    for name in filter(is_customized, (*IMPORT_STRINGS, *_SERIALIZERS)):
        if name == "AUTH_TOKEN_CLASSES":
            yield from ((name, path) for path in _token_classes() if isinstance(path, str))
        else:
            yield name, configured(name)


def _token_classes() -> list[object]:
    """Returns the items of ``AUTH_TOKEN_CLASSES``, or an empty list if it is not a collection."""
    classes = configured("AUTH_TOKEN_CLASSES")
    return list(classes) if isinstance(classes, Collection) and not isinstance(classes, str) else []


def _import_error(name: str, value: object) -> str | None:
    """Returns what is wrong with a value, such as ``"is not callable"``, or ``None``. ``name`` is its setting."""
    # Views import the path of a serializer themselves. The other settings may hold the object itself.
    if not isinstance(value, str) and name in _SERIALIZERS:
        return "is not a dotted path"
    try:
        found = import_string(value) if isinstance(value, str) else value
    except Exception as error:  # noqa: BLE001  # the module may raise anything
        return f"can't be imported: {error}"
    return None if callable(found) else "is not callable"


@check("simplejwt.W023", hint="Write the dotted path 'package.module.name' of a class or function, or remove {name}.")
def unimportable_paths() -> Iterator[Finding]:
    """A dotted path in your settings can't be imported, or is not callable."""
    for name, value in _configured_paths():
        if error := _import_error(name, value):
            yield Finding(f"SIMPLE_JWT[{name!r}]: {value!r} {error}.", name=name)


@check(
    "simplejwt.W024", hint="Write SIMPLE_JWT['AUTH_TOKEN_CLASSES'] = ('rest_framework_simplejwt.tokens.AccessToken',)."
)
def invalid_token_classes() -> Iterator[Finding]:
    """``AUTH_TOKEN_CLASSES`` is empty, or contains something that is not a token class with a ``token_type``."""
    if not _token_classes():
        yield Finding("SIMPLE_JWT['AUTH_TOKEN_CLASSES'] must be a tuple of at least one token class.")
    for path in _token_classes() if is_customized("AUTH_TOKEN_CLASSES") else ():
        found = import_or_none(path)
        if found is not None and getattr(found, "token_type", None) is None:
            yield Finding(f"SIMPLE_JWT['AUTH_TOKEN_CLASSES']: {path!r} has no token_type.")
