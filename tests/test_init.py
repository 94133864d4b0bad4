import importlib
from importlib import metadata

import rest_framework_simplejwt


def test_the_version_is_the_distributions():
    assert rest_framework_simplejwt.__version__ == metadata.version("djangorestframework-simplejwt")


def test_the_version_is_none_without_the_distributions_metadata(monkeypatch):
    def not_found(name):
        raise metadata.PackageNotFoundError(name)

    with monkeypatch.context() as patch:
        patch.setattr(metadata, "version", not_found)
        assert importlib.reload(rest_framework_simplejwt).__version__ is None
    importlib.reload(rest_framework_simplejwt)
