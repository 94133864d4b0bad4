"""Caches the ids of revoked tokens and families in one of Django's caches."""

from __future__ import annotations

from django.core.cache import BaseCache, caches

from .settings import api_settings

__all__ = ["BlacklistCache", "blacklist_cache"]


class BlacklistCache:
    """The ids of revoked refresh tokens and families, in ``CACHES[SJWT_CACHE_NAME]``.

    An id in the cache is revoked. An id that is missing may be revoked too: ask the revocation store.
    """

    @property
    def cache(self) -> BaseCache:
        """Django's cache with the alias ``SJWT_CACHE_NAME``."""
        return caches[api_settings.SJWT_CACHE_NAME]

    @property
    def is_refresh_tokens_cache_enabled(self) -> bool:
        """The setting ``CACHE_BLACKLISTED_REFRESH_TOKENS``."""
        return api_settings.CACHE_BLACKLISTED_REFRESH_TOKENS

    @property
    def is_families_cache_enabled(self) -> bool:
        """The setting ``CACHE_BLACKLISTED_FAMILIES``."""
        return api_settings.CACHE_BLACKLISTED_FAMILIES

    def add_refresh_token(self, jti: str) -> None:
        """Caches that the token is revoked, for ``CACHE_TTL_BLACKLISTED_REFRESH_TOKENS`` seconds."""
        self.cache.set(self._refresh_token_key(jti), True, api_settings.CACHE_TTL_BLACKLISTED_REFRESH_TOKENS)

    def is_refresh_token_blacklisted(self, jti: str) -> bool:
        """Returns whether the id is cached. A token whose id is not cached may be revoked too."""
        return self.cache.get(self._refresh_token_key(jti)) is not None

    def delete_refresh_token_from_cache(self, jti: str) -> bool:
        """Deletes the id of the token. Returns whether it was in the cache."""
        return self.cache.delete(self._refresh_token_key(jti))

    def add_token_family(self, family_id: str) -> None:
        """Caches that the family is revoked, for ``CACHE_TTL_BLACKLISTED_FAMILIES`` seconds."""
        self.cache.set(self._family_key(family_id), True, api_settings.CACHE_TTL_BLACKLISTED_FAMILIES)

    def is_token_family_blacklisted(self, family_id: str) -> bool:
        """Returns whether the id is cached. A family whose id is not cached may be revoked too."""
        return self.cache.get(self._family_key(family_id)) is not None

    def delete_family_from_cache(self, family_id: str) -> bool:
        """Deletes the id of the family. Returns whether it was in the cache."""
        return self.cache.delete(self._family_key(family_id))

    def _refresh_token_key(self, jti: str) -> str:
        return f"{api_settings.CACHE_KEY_PREFIX_BLACKLISTED_REFRESH_TOKENS}:{jti}"

    def _family_key(self, family_id: str) -> str:
        return f"{api_settings.CACHE_KEY_PREFIX_BLACKLISTED_FAMILIES}:{family_id}"


blacklist_cache = BlacklistCache()
