"""Questions that checks ask about the project: its settings, its URLs and its classes.

No function here raises, whatever else is wrong with the project, and none connects to a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.conf import settings
from django.urls import URLResolver, get_resolver
from django.utils.module_loading import import_string
from rest_framework import settings as drf

from ..revocation import blacklist_installed, family_installed
from ..settings import DEFAULTS, api_settings


def configured(name: str) -> object:
    """Returns the project's value of a setting, or its default.

    A dotted path is returned as a string, not imported.
    """
    return vars(api_settings).get(name, api_settings.user_settings.get(name, DEFAULTS[name]))


def is_customized(name: str) -> bool:
    """Returns whether the project's value differs from the default."""
    return bool(configured(name) != DEFAULTS[name])


def is_simple_jwt_a_dict() -> bool:
    """Returns whether ``settings.SIMPLE_JWT`` is a mapping, ``None`` or missing."""
    return isinstance(getattr(settings, "SIMPLE_JWT", None), Mapping | None)


def unknown_keys() -> list[object]:
    """Returns the keys of ``SIMPLE_JWT`` that are not names of settings of this package."""
    return [name for name in api_settings.user_settings if name not in DEFAULTS]


def is_blank(name: object) -> bool:
    """Returns whether ``name`` is a string that is empty or only white space."""
    return isinstance(name, str) and not name.strip()


def import_or_none(path: object) -> object:
    """Returns the object at the dotted path ``path``, or ``None`` if the import fails.

    A ``path`` that is not a string is returned as it is.
    """
    try:
        return import_string(path) if isinstance(path, str) else path
    except Exception:  # noqa: BLE001  # a module may raise anything; W023 reports it
        return None


def has_token_store() -> bool:
    """Returns whether a store keeps revoked tokens: ``REVOCATION_STORE``, or the tables of ``token_blacklist``."""
    return configured("REVOCATION_STORE") is not None or blacklist_installed()


def has_family_store() -> bool:
    """Returns whether a store keeps families: ``REVOCATION_STORE``, or the tables of ``token_family``."""
    return configured("REVOCATION_STORE") is not None or family_installed()


def is_subclass_of(candidate: object, *paths: str) -> bool:
    """Returns whether ``candidate`` is one of the classes named by ``paths``, or a subclass.

    The classes are compared by dotted path and are not imported.
    """
    bases = candidate.__mro__ if isinstance(candidate, type) else ()
    return any(f"{base.__module__}.{base.__qualname__}" in paths for base in bases)


def has_route_to(*names: str) -> bool:
    """Returns whether a URL leads to one of the views ``names`` of this package, or to a subclass of one."""
    paths = [f"rest_framework_simplejwt.views.{name}" for name in names]
    return any(is_subclass_of(view, *paths) for view in routed_view_classes())


def all_authentication_classes() -> list[object]:
    """Returns the default authentication classes, and those of every view that a URL leads to."""
    of_views = [each for view in routed_view_classes() for each in _authentication_classes_of(view)]
    return [*default_authentication_classes(), *of_views]


def default_authentication_classes() -> list[object]:
    """Returns the classes in DRF's ``DEFAULT_AUTHENTICATION_CLASSES``, or an empty list if one can't be imported."""
    try:
        # Read through the module, because override_settings replaces DRF's settings object.
        return list(drf.api_settings.DEFAULT_AUTHENTICATION_CLASSES)
    except Exception:  # noqa: BLE001  # DRF reports it when the first view is imported
        return []


def _authentication_classes_of(view: object) -> list[object]:
    """Returns the ``authentication_classes`` of a view class, or an empty list if it has none."""
    classes = getattr(view, "authentication_classes", ())
    return list(classes) if isinstance(classes, (list, tuple)) else []


def routed_view_classes() -> list[object]:
    """Returns the class of each view that a URL leads to. It is ``None`` for a plain function.

    Empty without a ``ROOT_URLCONF``, and if that can't be imported.
    """
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    try:
        return list(_view_classes(get_resolver()))
    except Exception:  # noqa: BLE001  # Django's own check reports a broken URLconf
        return []


def _view_classes(resolver: URLResolver) -> Iterator[object]:
    """Yields the class of each view below ``resolver``, and ``None`` for a plain function."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _view_classes(entry)
        else:
            # DRF's as_view and @api_view set `cls`, Django's as_view sets `view_class`.
            yield getattr(entry.callback, "cls", None) or getattr(entry.callback, "view_class", None)
