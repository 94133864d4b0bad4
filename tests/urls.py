"""The URLs of the test projects: each endpoint of the package, two protected views, and the admin if installed."""

from django.apps import apps
from django.contrib import admin
from django.urls import path
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from rest_framework_simplejwt import authentication, views


def whoami(authentication_class):
    """Return a view that answers with the authenticated user's id and the type of the token."""

    @api_view()
    @authentication_classes([authentication_class])
    @permission_classes([IsAuthenticated])
    def view(request):
        return Response({"user": str(request.user.pk), "type": request.auth.token_type})

    return view


urlpatterns = [
    path("token/", views.token_obtain_pair),
    path("token/refresh/", views.token_refresh),
    path("token/verify/", views.token_verify),
    path("token/blacklist/", views.token_blacklist),
    path("token/family/blacklist/", views.token_family_blacklist),
    path("token/sliding/", views.token_obtain_sliding),
    path("token/sliding/refresh/", views.token_refresh_sliding),
    path(".well-known/jwks.json", views.jwks),
    path("whoami/", whoami(authentication.JWTAuthentication)),
    path("stateless/", whoami(authentication.JWTStatelessUserAuthentication)),
]

if apps.is_installed("django.contrib.admin"):
    urlpatterns.append(path("admin/", admin.site.urls))
