from django.urls import path
from rest_framework.views import APIView

from rest_framework_simplejwt import views


class PlainView(APIView):
    """A view without a scope, like the token views of 5.5.1: throttles must treat those views alike."""

    authentication_classes = permission_classes = ()

    def post(self, request):
        return self.http_method_not_allowed(request)


class Scoped:
    throttle_scope = "login"


class OtherwiseScoped:
    login_scope = "login"


VIEWS = {
    "token": views.TokenObtainPairView,
    "refresh": views.TokenRefreshView,
    "sliding": views.TokenObtainSlidingView,
    "sliding-refresh": views.TokenRefreshSlidingView,
    "verify": views.TokenVerifyView,
    "blacklist": views.TokenBlacklistView,
}
urlpatterns = [path(f"{name}/", view.as_view()) for name, view in {**VIEWS, "plain": PlainView}.items()]
for prefix, mixin in (("scoped", Scoped), ("otherwise", OtherwiseScoped)):
    urlpatterns += [
        path(f"{prefix}/{name}/", type(f"{prefix}{view.__name__}", (mixin, view), {}).as_view())
        for name, view in {**VIEWS, "plain": PlainView}.items()
    ]
