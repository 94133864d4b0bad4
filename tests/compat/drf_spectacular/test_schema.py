import json

import pytest
from django.core.management import call_command


def make(folder, urls):
    """Returns the schema after its validation. Any warning fails the command."""
    target = folder / "schema.json"
    call_command(
        "spectacular",
        validate=True,
        fail_on_warn=True,
        format="openapi-json",
        file=str(target),
        urlconf=f"tests.compat.drf_spectacular.{urls}",
    )
    return json.loads(target.read_text())


@pytest.fixture
def schema(tmp_path):
    return make(tmp_path, "urls")


def properties(schema, message, *, unless):
    """Returns the names in a request or a response, without those that only the other one has."""
    reference = message.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref")
    if reference is None:
        return set()
    component = schema["components"]["schemas"][reference.split("/")[-1]]
    return {name for name, described in component.get("properties", {}).items() if not described.get(unless)}


@pytest.mark.parametrize(
    ("path", "sent", "answer"),
    [
        ("/token/", {"username", "password"}, {"access", "refresh"}),
        ("/token/refresh/", {"refresh"}, {"access", "refresh"}),
        ("/token/verify/", {"token"}, set()),
        ("/token/blacklist/", {"refresh"}, set()),
        ("/token/sliding/", {"username", "password"}, {"token"}),
        ("/token/sliding/refresh/", {"token"}, {"token"}),
        ("/token/family/blacklist/", {"refresh"}, {"message"}),
    ],
)
def test_every_endpoint_describes_its_request_and_response(schema, path, sent, answer):
    operation = schema["paths"][path]["post"]
    assert properties(schema, operation["requestBody"], unless="readOnly") == sent
    assert properties(schema, operation["responses"]["200"], unless="writeOnly") == answer


@pytest.mark.parametrize("urls", ["urls", "stateless_urls"])
def test_protected_views_require_a_bearer_token(tmp_path, urls):
    schema = make(tmp_path, urls)
    assert schema["paths"]["/protected/"]["get"]["security"] == [{"jwtAuth": []}]
    assert schema["components"]["securitySchemes"]["jwtAuth"] == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
    }


def test_the_token_endpoints_require_no_token(schema):
    for path, operations in schema["paths"].items():
        if path.startswith("/token/"):
            assert "security" not in operations["post"], path
