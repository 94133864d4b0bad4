from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from rest_framework_simplejwt import views


class WhoAmI(APIView):
    def get(self, request):
        return Response({"user": request.user.pk})


urlpatterns = [
    path("whoami/", WhoAmI.as_view()),
    path("verify/", views.token_verify),
    path("refresh/", views.token_refresh),
    path("sliding/refresh/", views.token_refresh_sliding),
    path("logout/", views.token_blacklist),
]
