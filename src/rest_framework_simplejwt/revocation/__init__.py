"""Where revocations are remembered: ``REVOCATION_STORE``, or the store of the app that is installed, or none."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.functional import cached_property
from django.utils.module_loading import import_string

from .._optional import app_installed
from ..cache import blacklist_cache
from ..settings import api_settings
from .access import on_access
from .base import Issued, RevocationStore, Successor, earliest_live_expiry
from .cached import CachedStore
from .null import NullStore

__all__ = [
    "Issued",
    "Lookup",
    "RevocationStore",
    "Successor",
    "blacklist_installed",
    "earliest_live_expiry",
    "families_remembered",
    "family_installed",
    "family_store",
    "on_access",
    "token_store",
    "tokens_remembered",
]

blacklist_installed = app_installed("rest_framework_simplejwt.token_blacklist")
family_installed = app_installed("rest_framework_simplejwt.token_family")


def tokens_remembered() -> bool:
    """Whether single tokens can be revoked."""
    return api_settings.REVOCATION_STORE is not None or blacklist_installed()


def families_remembered() -> bool:
    """Whether families can be revoked."""
    return api_settings.REVOCATION_STORE is not None or family_installed()


def token_store(*, cached: bool = True) -> RevocationStore:
    """The store of single tokens, by ``jti``; with ``cached=False`` never the cache before it."""
    store = _store("token", blacklist_installed, "rest_framework_simplejwt.token_blacklist.store.TokenStore")
    if not cached or not blacklist_cache.is_refresh_tokens_cache_enabled:
        return store
    return CachedStore(store, holds=blacklist_cache.is_refresh_token_blacklisted, add=blacklist_cache.add_refresh_token)


def family_store() -> RevocationStore:
    """The store of token families, by family id."""
    store = _store("family", family_installed, "rest_framework_simplejwt.token_family.store.FamilyStore")
    if not blacklist_cache.is_families_cache_enabled:
        return store
    return CachedStore(store, holds=blacklist_cache.is_token_family_blacklisted, add=blacklist_cache.add_token_family)


class Lookup:
    """Answers whether a token is revoked, and whether its family is. Asks the stores at most once, for both.

    ``None`` stands for a token without an id, or without a family: it can't be revoked.
    """

    def __init__(self, token_id: str | None, family_id: str | None) -> None:
        self._token_id, self._family_id = token_id, family_id

    @property
    def is_token_revoked(self) -> bool:
        return self._answers[0]

    @property
    def is_family_revoked(self) -> bool:
        return self._answers[1]

    @cached_property
    def _answers(self) -> tuple[bool, bool]:
        if self._token_id is None:
            return False, self._family_id is not None and family_store().is_revoked(self._family_id)
        if self._family_id is None:
            return token_store().is_revoked(self._token_id), False
        return token_store().are_revoked(self._token_id, family_store(), self._family_id)


def _store(kind: str, installed: Callable[[], bool], path: str) -> RevocationStore:
    if api_settings.REVOCATION_STORE is not None:
        store: RevocationStore = api_settings.REVOCATION_STORE(kind)
    else:
        store = import_string(path)() if installed() else NullStore()
    return store
