"""Names that a module has beside its own, imported when they are asked for (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.module_loading import import_string


def also_has(module: str, names: Mapping[str, str | Callable[[], object]]) -> Callable[[str], object]:
    """A ``__getattr__`` for ``module``: each name leads to a dotted path, or to a function that returns its value.

    Projects import such names from the modules of 5.5.1. Importing them late needs no app to be
    installed, and no room above this one. Raises ``AttributeError`` for any other name.
    """

    def get(name: str) -> object:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        source = names[name]
        return import_string(source) if isinstance(source, str) else source()

    return get
