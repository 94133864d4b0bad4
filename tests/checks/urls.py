"""`urls(TokenVerifyView.as_view())` is a ROOT_URLCONF with only these views."""

from django.urls import include, path


def urls(*views):
    return (path("nested/", include([path(f"{number}/", view) for number, view in enumerate(views)])),)
