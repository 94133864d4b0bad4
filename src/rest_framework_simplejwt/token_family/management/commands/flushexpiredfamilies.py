"""The command ``flushexpiredfamilies``: deletes expired families and their revocations."""

from __future__ import annotations

from datetime import datetime

from rest_framework_simplejwt import state
from rest_framework_simplejwt.revocation import RevocationStore, expiry_cutoff, family_store
from rest_framework_simplejwt.revocation.flush import FlushCommand
from rest_framework_simplejwt.utils import aware_utcnow

from ...store import FamilyStore

__all__ = ["Command"]


class Command(FlushCommand):
    help = "Deletes token families that have expired, a batch at a time; those without an expiry stay."
    noun = "families"

    def store(self) -> RevocationStore:
        return family_store()

    def sql_store(self) -> FamilyStore:
        return FamilyStore()

    def cutoff(self) -> datetime:
        return expiry_cutoff(aware_utcnow(), leeway=state.token_backend.get_leeway())
