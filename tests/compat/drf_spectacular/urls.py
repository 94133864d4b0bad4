from django.urls import path
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.views import APIView

from rest_framework_simplejwt import views
from rest_framework_simplejwt.authentication import JWTAuthentication


class Anything(serializers.Serializer):
    name = serializers.CharField()


class Protected(APIView):
    authentication_classes = (JWTAuthentication,)
    permission_classes = (IsAuthenticated,)
    serializer_class = Anything

    def get(self, request): ...


urlpatterns = [
    path("token/", views.TokenObtainPairView.as_view()),
    path("token/refresh/", views.TokenRefreshView.as_view()),
    path("token/verify/", views.TokenVerifyView.as_view()),
    path("token/blacklist/", views.TokenBlacklistView.as_view()),
    path("token/family/blacklist/", views.TokenFamilyBlacklistView.as_view()),
    path("token/sliding/", views.TokenObtainSlidingView.as_view()),
    path("token/sliding/refresh/", views.TokenRefreshSlidingView.as_view()),
    path("protected/", Protected.as_view()),
]
