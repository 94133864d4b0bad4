"""Throttles as projects write them: those of DRF, and subclasses that find scope or rate elsewhere."""

from rest_framework import throttling
from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, SimpleRateThrottle, UserRateThrottle


class ByAddress(SimpleRateThrottle):
    scope = "login"

    def get_cache_key(self, request, view):
        return f"by-address-{self.get_ident(request)}"


class NoRateAtAll(throttling.BaseThrottle):
    def allow_request(self, request, view):
        return getattr(view, "throttle_scope", None) is None

    def wait(self):
        return 1


class ScopeOfItsOwn(ScopedRateThrottle):
    scope = "login"


class OtherAttribute(ScopedRateThrottle):
    scope_attr = "login_scope"


class RateOfItsOwn(ScopedRateThrottle):
    rate = "1/day"

    def get_rate(self):
        return self.rate


class RatesOfItsOwn(ScopedRateThrottle):
    THROTTLE_RATES = {"login": "1/day"}


class FallsBack(ScopedRateThrottle):
    """Uses a default scope for views that have none."""

    def allow_request(self, request, view):
        if not hasattr(view, "throttle_scope"):
            view.throttle_scope = "login"
        return super().allow_request(request, view)


class ChoosesScope(ScopedRateThrottle):
    def allow_request(self, request, view):
        self.scope = getattr(view, self.scope_attr, None) or "login"
        self.rate = self.get_rate()
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return SimpleRateThrottle.allow_request(self, request, view)


class Strict(ScopedRateThrottle):
    """Raises for a view that has no scope."""

    def allow_request(self, request, view):
        return bool(getattr(view, self.scope_attr, None)) and super().allow_request(request, view)

    def wait(self):
        return None


THROTTLES = [
    AnonRateThrottle,
    UserRateThrottle,
    ScopedRateThrottle,
    ByAddress,
    NoRateAtAll,
    ScopeOfItsOwn,
    OtherAttribute,
    RateOfItsOwn,
    RatesOfItsOwn,
    FallsBack,
    ChoosesScope,
    Strict,
]
