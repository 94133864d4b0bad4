from django.urls import path

from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication

from .urls import Protected

urlpatterns = [path("protected/", Protected.as_view(authentication_classes=(JWTStatelessUserAuthentication,)))]
