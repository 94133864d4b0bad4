from django.http import JsonResponse
from django.urls import path
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.tokens import AccessToken


def issue(request):
    """Issues a token without checking a password: hashing would take nearly all of the time."""
    token = AccessToken()
    token["user_id"] = "7"
    return JsonResponse({"access": str(token)})


@api_view()
@authentication_classes([JWTStatelessUserAuthentication])
@permission_classes([IsAuthenticated])
def whoami(request):
    return Response({"user": request.user.pk})


urlpatterns = [path("issue/", issue), path("whoami/", whoami)]
