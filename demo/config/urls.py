"""The demo's URLs: the token endpoints, one protected view, and the pages for people."""

from api.views import WhoAmIView
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from rest_framework_simplejwt import views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="whoami")),
    path("api/token/", views.token_obtain_pair, name="token_obtain_pair"),
    path("api/token/refresh/", views.token_refresh, name="token_refresh"),
    path("api/token/verify/", views.token_verify, name="token_verify"),
    path("api/token/blacklist/", views.token_blacklist, name="token_blacklist"),
    path("api/token/family/blacklist/", views.token_family_blacklist, name="token_family_blacklist"),
    path(".well-known/jwks.json", views.jwks, name="jwks"),
    path("api/whoami/", WhoAmIView.as_view(), name="whoami"),
    path("api-auth/", include("rest_framework.urls")),
    path("admin/", admin.site.urls),
]
