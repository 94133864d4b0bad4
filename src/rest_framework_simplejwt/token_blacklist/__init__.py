"""The optional app that records issued and revoked tokens in the database."""

from .._also import also_has

__getattr__ = also_has(__name__, {"VERSION": "django.VERSION"})
