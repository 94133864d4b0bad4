"""The version of the package."""

import importlib
from importlib import metadata

import rest_framework_simplejwt


def test_the_version_is_that_of_the_installed_distribution():
    assert rest_framework_simplejwt.__version__ == metadata.version("djangorestframework-simplejwt")


def test_the_version_is_none_if_the_distribution_has_no_metadata(monkeypatch):
    def raise_not_found(name):
        raise metadata.PackageNotFoundError(name)

    with monkeypatch.context() as patch:
        patch.setattr(metadata, "version", raise_not_found)
        assert importlib.reload(rest_framework_simplejwt).__version__ is None
    importlib.reload(rest_framework_simplejwt)
