"""Delete the families that have expired, and with them their revocations."""

from typing import Any

from django.core.management.base import BaseCommand

from rest_framework_simplejwt.revocation import family_store
from rest_framework_simplejwt.utils import aware_utcnow


class Command(BaseCommand):
    help = "Deletes token families that have expired; those without an expiry stay."

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = family_store().purge(aware_utcnow())
        self.stdout.write(f"Expired families deleted: {deleted}.")
