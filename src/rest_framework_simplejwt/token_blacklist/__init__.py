"""The optional app that remembers tokens, and which of them were revoked, in the database."""

from .._also import lazy_attributes

__getattr__ = lazy_attributes(__name__, {"VERSION": "django.VERSION"})
