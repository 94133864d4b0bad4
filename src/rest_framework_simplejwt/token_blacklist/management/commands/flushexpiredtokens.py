"""The command ``flushexpiredtokens``: deletes expired tokens and their revocations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rest_framework_simplejwt import state
from rest_framework_simplejwt._also import lazy_attributes
from rest_framework_simplejwt.revocation import RevocationStore, expiry_cutoff, token_store
from rest_framework_simplejwt.revocation.flush import FlushCommand
from rest_framework_simplejwt.utils import aware_utcnow

from ...store import TokenStore

if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "BaseCommand": "django.core.management.base.BaseCommand",
            "OutstandingToken": "rest_framework_simplejwt.token_blacklist.models.OutstandingToken",
        },
    )

__all__ = ["Command"]


class Command(FlushCommand):
    help = "Deletes outstanding and blacklisted tokens that have expired, a batch at a time."
    noun = "tokens"

    def store(self) -> RevocationStore:
        return token_store()

    def sql_store(self) -> TokenStore:
        return TokenStore()

    def cutoff(self) -> datetime:
        return expiry_cutoff(aware_utcnow(), leeway=state.token_backend.get_leeway())
