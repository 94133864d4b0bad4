"""Delete the tokens that have expired, and with them their revocations."""

from typing import Any

from django.core.management.base import BaseCommand

from rest_framework_simplejwt.revocation import token_store
from rest_framework_simplejwt.utils import aware_utcnow


class Command(BaseCommand):
    help = "Deletes outstanding and blacklisted tokens that have expired."

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = token_store().purge(aware_utcnow())
        self.stdout.write(f"Expired tokens deleted: {deleted}.")
