"""Throttles work as with 5.5.1. `nox -s upgrade` runs these tests on the published package too."""

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from .throttles import THROTTLES
from .urls import VIEWS, PlainView

SCOPES = {
    "token": "token_obtain",
    "sliding": "token_obtain",
    "refresh": "token_refresh",
    "sliding-refresh": "token_refresh",
    "verify": "token_verify",
}


@pytest.fixture(autouse=True)
def _forget_requests():
    cache.clear()


@pytest.fixture
def throttled(monkeypatch):
    """Returns which of five requests are refused: `throttled("token/", [AnonRateThrottle])`."""

    def throttled(path, classes):
        monkeypatch.setattr(APIView, "throttle_classes", classes)
        cache.clear()
        client = APIClient()
        return [client.post(f"/{path}/").status_code == 429 for _ in range(5)]

    return throttled


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("prefix", ["", "scoped/", "otherwise/"])
@pytest.mark.parametrize("throttle", THROTTLES)
def test_each_throttle_treats_a_token_view_like_any_other_view(throttled, throttle, prefix, view):
    assert throttled(f"{prefix}{view}", [throttle]) == throttled(f"{prefix}plain", [throttle])


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("throttle", "prefix"), [("FallsBack", ""), ("ChoosesScope", ""), ("ScopedRateThrottle", "scoped/")]
)
def test_the_rate_of_the_project_applies(throttled, throttle, prefix, view):
    (throttle,) = [each for each in THROTTLES if each.__name__ == throttle]
    assert throttled(f"{prefix}{view}", [throttle]) == [False, False, True, True, True]


@pytest.mark.parametrize("view", [*VIEWS.values(), PlainView])
def test_a_view_has_the_throttles_that_are_configured(view, monkeypatch):
    monkeypatch.setattr(APIView, "throttle_classes", THROTTLES)
    assert [type(throttle) for throttle in view().get_throttles()] == THROTTLES


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_no_scope(view):
    assert not hasattr(VIEWS[view], "throttle_scope")
    assert not hasattr(VIEWS[view](), "throttle_scope")


@pytest.mark.ours
class TestScopesOfTheViews:
    @pytest.mark.parametrize(("view", "scope"), SCOPES.items())
    def test_a_scope_with_a_rate_throttles_only_its_views(self, throttled, view, scope, monkeypatch):
        monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {scope: "2/day"})
        for other in VIEWS:
            refused = SCOPES.get(other) == scope
            assert throttled(other, [ScopedRateThrottle]) == [False, False, *[refused] * 3]

    def test_a_rate_of_none_disables_throttling(self, throttled, monkeypatch):
        monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"token_obtain": None})
        assert not any(throttled("token", [ScopedRateThrottle]))

    def test_a_subclass_may_have_another_scope(self, throttled, monkeypatch):
        monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"token_obtain": "1/day", "login": "3/day"})
        assert throttled("scoped/token", [ScopedRateThrottle]) == [False, False, False, True, True]
