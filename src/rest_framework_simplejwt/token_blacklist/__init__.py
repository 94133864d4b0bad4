"""The optional app that records issued and revoked tokens in the database."""

from .._also import lazy_attributes

__getattr__ = lazy_attributes(__name__, {"VERSION": "django.VERSION"})
