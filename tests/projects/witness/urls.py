from django.contrib import admin
from django.urls import path

from rest_framework_simplejwt.views import (
    TokenBlacklistView,
    TokenObtainPairView,
    TokenRefreshView,
    TokenVerifyView,
    token_obtain_sliding,
    token_refresh_sliding,
)

from . import views

urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("api/token/refresh/", TokenRefreshView.as_view(), name="token_refresh"),
    path("api/token/verify/", TokenVerifyView.as_view(), name="token_verify"),
    path("api/token/blacklist/", TokenBlacklistView.as_view(), name="token_blacklist"),
    path("api/sliding/", token_obtain_sliding),
    path("api/sliding/refresh/", token_refresh_sliding),
    path("api/cookie/", views.CookieLoginView.as_view()),
    path("api/cookie/refresh/", views.CookieRefreshView.as_view()),
    path("api/kiosk/", views.KioskLoginView.as_view()),
    path("api/logout/", views.LogoutView.as_view()),
    path("api/logout/everywhere/", views.LogoutEverywhereView.as_view()),
    path("api/me/", views.MeView.as_view()),
    path("admin/", admin.site.urls),
]
