"""The two models: token families, and their revocations."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..revocation import family_installed

__all__ = ["BlacklistedTokenFamily", "TokenFamily"]


class TokenFamily(models.Model):
    """All tokens of one login. Abstract while the app is not installed."""

    id = models.BigAutoField(primary_key=True, serialize=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="token_families",
        verbose_name=_("user"),
    )
    family_id = models.CharField(unique=True, max_length=255, verbose_name=_("family ID"))
    created_at = models.DateTimeField(blank=True, verbose_name=_("created at"))
    expires_at = models.DateTimeField(null=True, blank=True, verbose_name=_("expires at"))

    class Meta:
        verbose_name = _("Token Family")
        verbose_name_plural = _("Token Families")
        abstract = not family_installed()
        ordering = ("user",)
        indexes = [models.Index(fields=["expires_at"], name="tokenfamily_expires_at")]

    def __str__(self) -> str:
        return f"Token family for {self.user} ({self.family_id})"


class BlacklistedTokenFamily(models.Model):
    """The revocation of a family. Abstract while the app is not installed."""

    id = models.BigAutoField(primary_key=True, serialize=False)
    family = models.OneToOneField(
        TokenFamily, on_delete=models.CASCADE, related_name="blacklisted", verbose_name=_("family")
    )
    blacklisted_at = models.DateTimeField(auto_now_add=True, verbose_name=_("blacklisted at"))

    class Meta:
        verbose_name = _("Blacklisted Token Family")
        verbose_name_plural = _("Blacklisted Token Families")
        abstract = not family_installed()

    def __str__(self) -> str:
        return f"Blacklisted token family for {self.family.user}"
