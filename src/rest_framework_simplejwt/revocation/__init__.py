"""Chooses the revocation stores: ``REVOCATION_STORE``, or those of the installed apps, or ``NullStore``."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.functional import cached_property
from django.utils.module_loading import import_string

from .._optional import app_installed
from ..cache import blacklist_cache
from ..settings import api_settings
from .access import verify_for_access
from .base import Issued, RevocationStore, Successor, expiry_cutoff
from .cached import CachedStore
from .null import NullStore

__all__ = [
    "Issued",
    "Lookup",
    "RevocationStore",
    "Successor",
    "blacklist_installed",
    "can_revoke_families",
    "can_revoke_tokens",
    "expiry_cutoff",
    "family_installed",
    "family_store",
    "token_store",
    "verify_for_access",
]

blacklist_installed = app_installed("rest_framework_simplejwt.token_blacklist")
family_installed = app_installed("rest_framework_simplejwt.token_family")


def can_revoke_tokens() -> bool:
    """Returns whether there is a store of single tokens."""
    return api_settings.REVOCATION_STORE is not None or blacklist_installed()


def can_revoke_families() -> bool:
    """Returns whether there is a store of token families."""
    return api_settings.REVOCATION_STORE is not None or family_installed()


def token_store(*, cached: bool = True) -> RevocationStore:
    """Returns the store of single tokens. Its ids are values of the ``jti`` claim.

    With ``cached=False`` the cache of revoked tokens is never used.
    """
    store = _build_store("token", blacklist_installed, "rest_framework_simplejwt.token_blacklist.store.TokenStore")
    if not cached or not blacklist_cache.is_refresh_tokens_cache_enabled:
        return store
    return CachedStore(
        store,
        is_cached=blacklist_cache.is_refresh_token_blacklisted,
        add_to_cache=blacklist_cache.add_refresh_token,
    )


def family_store() -> RevocationStore:
    """Returns the store of token families. Its ids are family ids."""
    store = _build_store("family", family_installed, "rest_framework_simplejwt.token_family.store.FamilyStore")
    if not blacklist_cache.is_families_cache_enabled:
        return store
    return CachedStore(
        store,
        is_cached=blacklist_cache.is_token_family_blacklisted,
        add_to_cache=blacklist_cache.add_token_family,
    )


class Lookup:
    """Tells whether a token is revoked, and whether its family is. Asks the stores at most once for both.

    An id of ``None`` means that the token has no id, or no family. It then counts as not revoked. Reading a property
    raises ``RevocationUnavailable`` if a store is unavailable.
    """

    def __init__(self, token_id: str | None, family_id: str | None) -> None:
        self.token_id, self.family_id = token_id, family_id

    @property
    def is_token_revoked(self) -> bool:
        return self._answers[0]

    @property
    def is_family_revoked(self) -> bool:
        is_token_revoked, is_family_revoked = self._answers
        if is_token_revoked and self.family_id is not None:
            # A store need not look for the family of a revoked token, but a project may still accept such a token.
            return family_store().is_revoked(self.family_id)
        return is_family_revoked

    @cached_property
    def _answers(self) -> tuple[bool, bool]:
        """Asks the stores and returns both answers. If the token has no id, or no family, one store is enough."""
        if self.token_id is None:
            return False, self.family_id is not None and family_store().is_revoked(self.family_id)
        if self.family_id is None:
            return token_store().is_revoked(self.token_id), False
        return token_store().are_revoked(self.token_id, family_store(), self.family_id)


def _build_store(kind: str, is_app_installed: Callable[[], bool], app_store_path: str) -> RevocationStore:
    """Returns a new store for ``kind``, "token" or "family"."""
    if api_settings.REVOCATION_STORE is not None:
        store: RevocationStore = api_settings.REVOCATION_STORE(kind)
    else:
        store = import_string(app_store_path)() if is_app_installed() else NullStore()
    return store
