"""The installed version, and nothing else."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

__version__: str | None
try:
    __version__ = version("djangorestframework-simplejwt")
except PackageNotFoundError:
    # A source tree on sys.path, never installed.
    __version__ = None
