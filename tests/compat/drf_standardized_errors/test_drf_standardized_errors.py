import pytest

from tests.refusals import REFUSALS, World


@pytest.mark.django_db
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_each_error_has_the_documented_code(refusal, simple_jwt):
    response = refusal.provoke(World(simple_jwt))
    errors = response.json()["errors"]
    assert response.status_code == refusal.status
    assert {error["code"] for error in errors} == {refusal.code}
    assert refusal.is_plain or {"detail": refusal.detail, "code": refusal.code, "attr": "detail"} in errors
