"""Where revocations are remembered: the store of the optional app that is installed, or none."""

from __future__ import annotations

from django.utils.module_loading import import_string

from .._optional import app_installed
from ..cache import blacklist_cache
from .base import Issued, RevocationStore
from .cached import CachedStore
from .null import NullStore

__all__ = ["Issued", "RevocationStore", "blacklist_installed", "family_installed", "family_store", "token_store"]

blacklist_installed = app_installed("rest_framework_simplejwt.token_blacklist")
family_installed = app_installed("rest_framework_simplejwt.token_family")


def token_store() -> RevocationStore:
    """The store of single tokens, by ``jti``."""
    if not blacklist_installed():
        return NullStore()
    store: RevocationStore = import_string("rest_framework_simplejwt.token_blacklist.store.TokenStore")()
    if not blacklist_cache.is_refresh_tokens_cache_enabled:
        return store
    return CachedStore(store, holds=blacklist_cache.is_refresh_token_blacklisted, add=blacklist_cache.add_refresh_token)


def family_store() -> RevocationStore:
    """The store of token families, by family id."""
    if not family_installed():
        return NullStore()
    store: RevocationStore = import_string("rest_framework_simplejwt.token_family.store.FamilyStore")()
    if not blacklist_cache.is_families_cache_enabled:
        return store
    return CachedStore(store, holds=blacklist_cache.is_token_family_blacklisted, add=blacklist_cache.add_token_family)
