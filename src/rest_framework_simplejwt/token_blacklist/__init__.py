"""The optional app that remembers tokens, and which of them were revoked, in the database."""

from .._also import also_has

__getattr__ = also_has(__name__, {"VERSION": "django.VERSION"})
