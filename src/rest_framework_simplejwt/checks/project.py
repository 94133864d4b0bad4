"""What a check may ask of the project. None of it raises, whatever else is wrong, and none of it asks a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.conf import settings
from django.urls import URLResolver, get_resolver
from django.utils.module_loading import import_string
from rest_framework import settings as drf

from ..revocation import blacklist_installed, family_installed
from ..settings import DEFAULTS, api_settings


def written(name: str) -> object:
    """The setting's value as the project wrote it, or the default: a dotted path stays one."""
    return vars(api_settings).get(name, api_settings.user_settings.get(name, DEFAULTS[name]))


def is_customized(name: str) -> bool:
    """Whether the project wrote another value than the default."""
    return bool(written(name) != DEFAULTS[name])


def is_dict() -> bool:
    """Whether ``SIMPLE_JWT`` can be read: a dict, or left out."""
    return isinstance(getattr(settings, "SIMPLE_JWT", None), Mapping | None)


def unknown() -> list[object]:
    """The keys of ``SIMPLE_JWT`` that are no settings."""
    return [name for name in api_settings.user_settings if name not in DEFAULTS]


def is_blank(name: object) -> bool:
    """Whether a name is an empty string, or nothing but white space."""
    return isinstance(name, str) and not name.strip()


def imported(path: object) -> object:
    """What ``path`` leads to, itself if it is no path, ``None`` if it can't be imported."""
    try:
        return import_string(path) if isinstance(path, str) else path
    except Exception:  # noqa: BLE001  # a module may raise what it likes; W023 reports it
        return None


def remembers_tokens() -> bool:
    return written("REVOCATION_STORE") is not None or blacklist_installed()


def remembers_families() -> bool:
    return written("REVOCATION_STORE") is not None or family_installed()


def descends(candidate: object, *paths: str) -> bool:
    """Whether ``candidate`` is one of the classes at ``paths`` or a subclass, found without importing them."""
    bases = candidate.__mro__ if isinstance(candidate, type) else ()
    return any(f"{base.__module__}.{base.__qualname__}" in paths for base in bases)


def mounts(*names: str) -> bool:
    """Whether a URL leads to one of our views of these names, or to a subclass."""
    paths = [f"rest_framework_simplejwt.views.{name}" for name in names]
    return any(descends(view, *paths) for view in views())


def authenticators() -> list[object]:
    """The authentication classes by default, and those of the views that URLs lead to."""
    return [*default_authenticators(), *(each for view in views() for each in _authenticators_of(view))]


def default_authenticators() -> list[object]:
    try:
        # Through the module: override_settings replaces DRF's object.
        return list(drf.api_settings.DEFAULT_AUTHENTICATION_CLASSES)
    except Exception:  # noqa: BLE001  # DRF reports it, at the first view
        return []


def _authenticators_of(view: object) -> list[object]:
    classes = getattr(view, "authentication_classes", ())
    return list(classes) if isinstance(classes, (list, tuple)) else []


def views() -> list[object]:
    """The classes behind the URLs; none without a ``ROOT_URLCONF``."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    try:
        return list(_classes(get_resolver()))
    except Exception:  # noqa: BLE001  # Django's own check reports a URLconf that is broken
        return []


def _classes(resolver: URLResolver) -> Iterator[object]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _classes(entry)
        else:
            # DRF's as_view and @api_view leave `cls`, Django's as_view leaves `view_class`.
            yield getattr(entry.callback, "cls", None) or getattr(entry.callback, "view_class", None)
