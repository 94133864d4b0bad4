"""Names that a module re-exports, imported when they are first accessed (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.module_loading import import_string


def lazy_attributes(module: str, names: Mapping[str, str | Callable[[], object]]) -> Callable[[str], object]:
    """Returns a ``__getattr__`` for the module called ``module``, which resolves ``names`` at each access.

    ``names`` maps each name to the dotted path of an object, or to a function that returns the value. For any other
    name, the ``__getattr__`` raises ``AttributeError``. Projects import such names from the modules of 5.5.1. An import
    at access requires no app to be installed, and may lead to a higher layer than ``module``.
    """

    def get(name: str) -> object:
        """Returns the value of ``names[name]``. Raises ``AttributeError`` if there is none."""
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        source = names[name]
        return import_string(source) if isinstance(source, str) else source()

    return get
