"""JSON Web Token authentication for Django REST Framework. This module has the installed version, and nothing else.

These modules are public, and what is public in each of them is in its ``__all__``: ``apps``, ``authentication``,
``backends``, ``cache``, ``exceptions``, ``foreign``, ``models``, ``passwords``, ``revocation``, ``revocation.redis``,
``serializers``, ``sessions``, ``settings``, ``signals``, ``state``, ``tokens``, ``users``, ``utils`` and ``views``; of
the apps ``token_blacklist`` and ``token_family`` the modules ``admin``, ``apps`` and ``models``; and the management
commands. Every other module is private.
"""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

__version__: str | None
try:
    __version__ = version("djangorestframework-simplejwt")
except PackageNotFoundError:
    # A source tree on sys.path, never installed.
    __version__ = None
