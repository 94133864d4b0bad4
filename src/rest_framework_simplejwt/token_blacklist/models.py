"""The two models: issued tokens, and their revocations."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..revocation import blacklist_installed

__all__ = ["BlacklistedToken", "OutstandingToken"]


class OutstandingToken(models.Model):
    """An issued token, also if it has expired or is revoked. Abstract while the app is not installed."""

    id = models.BigAutoField(primary_key=True, serialize=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, verbose_name=_("user")
    )
    jti = models.CharField(unique=True, max_length=255)
    token = models.TextField()
    created_at = models.DateTimeField(null=True, blank=True, verbose_name=_("created at"))
    expires_at = models.DateTimeField(verbose_name=_("expires at"))
    family_id = models.CharField(max_length=255, null=True, blank=True, verbose_name=_("family ID"))

    class Meta:
        verbose_name = _("Outstanding Token")
        verbose_name_plural = _("Outstanding Tokens")
        abstract = not blacklist_installed()
        ordering = ("user",)
        indexes = [models.Index(fields=["expires_at"], name="outstandingtoken_expires_at")]

    def __str__(self) -> str:
        return f"Token for {self.user} ({self.jti})"


class BlacklistedToken(models.Model):
    """The revocation of a token. Abstract while the app is not installed."""

    id = models.BigAutoField(primary_key=True, serialize=False)
    token = models.OneToOneField(OutstandingToken, on_delete=models.CASCADE, verbose_name=_("token"))
    blacklisted_at = models.DateTimeField(auto_now_add=True, verbose_name=_("blacklisted at"))

    class Meta:
        verbose_name = _("Blacklisted Token")
        verbose_name_plural = _("Blacklisted Tokens")
        abstract = not blacklist_installed()

    def __str__(self) -> str:
        return f"Blacklisted token for {self.token.user}"
