"""Checks of the names of settings, claims, the header and the field of the user."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from rest_framework_simplejwt import state, views
from rest_framework_simplejwt.checks import names
from rest_framework_simplejwt.settings import DEFAULTS
from rest_framework_simplejwt.tokens import AccessToken

from .urls import urls

# Below 0.83 in difflib's ratio are names that belong to the project, such as GUEST_TOKEN_LIFETIME; above it are typos.
TYPOS = {
    "ACCES_TOKEN_LIFETIME": "ACCESS_TOKEN_LIFETIME",
    "ACCESS_TOKEN_LIFE_TIME": "ACCESS_TOKEN_LIFETIME",
    "access_token_lifetime": "ACCESS_TOKEN_LIFETIME",
    "ACCESS_LIFETIME": "ACCESS_TOKEN_LIFETIME",
    "ROTATE_REFRESH_TOKEN": "ROTATE_REFRESH_TOKENS",
    "BLACKLIST_AFTER_ROTATE": "BLACKLIST_AFTER_ROTATION",
    "SIGNING_KEYS_DIRECTORY": "SIGNING_KEYS_DIR",
    "SIGN_KEY": "SIGNING_KEY",
    "VERIFY_KEY": "VERIFYING_KEY",
    "CHECK_USER_ACTIVE": "CHECK_USER_IS_ACTIVE",
    "JWKS_URL": "JWK_URL",
    "USER_ID_FEILD": "USER_ID_FIELD",
    "algorithm": "ALGORITHM",
}
TYPO = next(iter(TYPOS))
NAMES_OF_THE_PROJECT = [
    "AUTH_COOKIE",
    "AUTH_COOKIE_SECURE",
    "AUTH_COOKIE_HTTP_ONLY",
    "AUTH_COOKIE_PATH",
    "AUTH_COOKIE_SAMESITE",
    "AUTH_COOKIE_DOMAIN",
    "AUTH_COOKIE_REFRESH",
    "AUTH_COOKIE_ACCESS",
    "COOKIE_NAME",
    "REFRESH_COOKIE_NAME",
    "GOOGLE_CLIENT_ID",
    "GUEST_TOKEN_LIFETIME",
    "PASSWORD_RESET_TOKEN_LIFETIME",
    "TOKEN_OBTAIN_THROTTLE",
    "JWT_PRIVATE_KEY",
    "PAINT",
    "",
    5,
]


@pytest.fixture
def messages_of(reported, messages):
    """A function that changes SIMPLE_JWT and returns the messages of one check: `messages_of("W003", NAME=value)`."""

    def tell(check_id, **values):
        reported(**values)
        return [message for message in messages() if message.id == f"simplejwt.{check_id}"]

    return tell


class TestNamesOfSettings:
    @pytest.mark.parametrize(("typo", "setting"), TYPOS.items())
    def test_a_misspelled_setting_is_a_warning_with_a_suggestion(self, messages_of, typo, setting):
        [message] = messages_of("W003", **{typo: None})
        assert message.hint == f"Did you mean {setting!r}?"
        assert messages_of("I001") == []

    @pytest.mark.parametrize("name", NAMES_OF_THE_PROJECT)
    def test_a_key_of_the_project_is_not_a_misspelling(self, settings, messages, name):
        settings.SIMPLE_JWT = {name: None}
        found = {message.id for message in messages()}
        assert "simplejwt.W003" not in found
        assert "simplejwt.I001" in found

    def test_keys_of_the_project_are_reported_in_one_message(self, settings, messages):
        settings.SIMPLE_JWT = {**getattr(settings, "SIMPLE_JWT", {}), **dict.fromkeys(NAMES_OF_THE_PROJECT), TYPO: None}
        [message] = [message for message in messages() if message.id == "simplejwt.I001"]
        assert all(repr(name) in message.msg for name in NAMES_OF_THE_PROJECT)
        assert TYPO not in message.msg

    @pytest.mark.needs("full")
    def test_keys_of_the_project_do_not_fail_a_check_for_warnings(self, simple_jwt, capsys):
        simple_jwt(AUTH_COOKIE="access")
        call_command("check", fail_level="WARNING")
        assert "simplejwt.I001" in capsys.readouterr().err

    def test_names_of_settings_are_accepted(self, reported):
        defaults = {name: value for name, value in DEFAULTS.items() if name != "TOKEN_FAMILY_ENABLED"}
        assert not {"W003", "I001"} & reported(**defaults)


class TestClaims:
    @pytest.mark.parametrize(
        ("name", "claim", "other"),
        [
            ("USER_ID_CLAIM", "token_type", "TOKEN_TYPE_CLAIM"),
            ("USER_ID_CLAIM", "jti", "JTI_CLAIM"),
            ("REVOKE_TOKEN_CLAIM", "user_id", "USER_ID_CLAIM"),
            ("SLIDING_TOKEN_REFRESH_EXP_CLAIM", "jti", "JTI_CLAIM"),
        ],
    )
    def test_two_settings_with_the_same_claim_are_a_warning(self, messages_of, name, claim, other):
        [message] = messages_of("W032", **{name: claim, other: DEFAULTS[other]})
        assert all(part in message.msg for part in (repr(name), repr(other), f"both {claim!r}"))
        assert f"SIMPLE_JWT[{name!r}] = {DEFAULTS[name]!r}" in message.hint

    @pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
    @pytest.mark.parametrize(
        "name",
        ["TOKEN_TYPE_CLAIM", "JTI_CLAIM", "USER_ID_CLAIM", "REVOKE_TOKEN_CLAIM", "SLIDING_TOKEN_REFRESH_EXP_CLAIM"],
    )
    def test_a_registered_claim_is_a_warning(self, messages_of, name, claim):
        [message] = messages_of("W032", **{name: claim})
        assert f"SIMPLE_JWT[{name!r}] is {claim!r}" in message.msg

    @pytest.mark.parametrize(("claim", "setting"), [("aud", "AUDIENCE"), ("iss", "ISSUER")])
    def test_aud_and_iss_collide_only_if_they_are_set(self, messages_of, claim, setting):
        assert messages_of("W032", USER_ID_CLAIM=claim, **{setting: "us"})
        assert messages_of("W032", USER_ID_CLAIM=claim, **{setting: None}) == []

    def test_jti_collides_even_if_jti_claim_has_another_name(self, messages_of):
        assert messages_of("W032", USER_ID_CLAIM="jti", JTI_CLAIM="id")

    @pytest.mark.parametrize(
        "values", [{}, {"USER_ID_CLAIM": "sub"}, {"JTI_CLAIM": "id"}, {"JTI_CLAIM": None, "TOKEN_TYPE_CLAIM": None}]
    )
    def test_distinct_claims_are_accepted(self, messages_of, values):
        assert messages_of("W032", **values) == []

    def test_blank_claims_and_wrong_types_are_not_reported_as_collisions(self, messages_of):
        assert messages_of("W032", USER_ID_CLAIM=" ", REVOKE_TOKEN_CLAIM=" ", JTI_CLAIM=5, TOKEN_TYPE_CLAIM=5) == []

    @pytest.mark.needs("no token_family")
    def test_a_colliding_family_claim_is_a_warning_without_the_family_app(self, messages_of):
        assert messages_of("W032", TOKEN_FAMILY_CLAIM="user_id")
        assert messages_of("W032", TOKEN_FAMILY_EXPIRATION_CLAIM="exp")

    @pytest.mark.needs("token_family")
    def test_a_family_claim_is_not_reported_where_the_app_refuses_it(self, messages_of):
        assert messages_of("W032", TOKEN_FAMILY_CLAIM="user_id") == []


class TestIssuerAndAudience:
    @pytest.mark.parametrize(
        "values", [{"ISSUER": ["us", "them"]}, {"ISSUER": {"us"}}, {"AUDIENCE": {"us"}}, {"AUDIENCE": {"us": 1}}]
    )
    def test_a_collection_that_can_not_be_a_claim_is_a_warning_where_tokens_are_issued(
        self, messages_of, settings, values
    ):
        settings.ROOT_URLCONF = urls(views.token_obtain_pair)
        [message] = messages_of("W033", **values)
        assert next(iter(values)) in message.msg
        settings.ROOT_URLCONF = urls(views.token_verify)
        assert messages_of("W033") == []

    @pytest.mark.parametrize(
        "values", [{"ISSUER": "us"}, {"ISSUER": []}, {"AUDIENCE": ["us"]}, {"AUDIENCE": ("us",)}, {"AUDIENCE": b"us"}]
    )
    def test_other_values_are_accepted(self, messages_of, values):
        assert messages_of("W033", **values) == []


class TestHeader:
    @pytest.mark.parametrize(
        ("name", "key"),
        [
            ("Authorization", "HTTP_AUTHORIZATION"),
            ("X-Access-Token", "HTTP_X_ACCESS_TOKEN"),
            ("X_ACCESS_TOKEN", "HTTP_X_ACCESS_TOKEN"),
            ("HTTP-X-Access-Token", "HTTP_X_ACCESS_TOKEN"),
            ("http_authorization", "HTTP_AUTHORIZATION"),
        ],
    )
    def test_a_name_that_is_no_key_of_request_meta_is_a_warning(self, messages_of, name, key):
        [message] = messages_of("W034", AUTH_HEADER_NAME=name)
        assert message.hint == f"Write SIMPLE_JWT['AUTH_HEADER_NAME'] = {key!r}."

    @pytest.mark.parametrize("name", ["HTTP_AUTHORIZATION", "HTTP_X_ACCESS_TOKEN", "", " ", None, 5])
    def test_valid_names_and_wrong_types_are_not_reported_here(self, messages_of, name):
        assert messages_of("W034", AUTH_HEADER_NAME=name) == []


class TestUserField:
    """`test_valid_settings_are_accepted` checks the field of each test project."""

    def test_an_unknown_user_field_is_a_warning(self, messages_of):
        [message] = messages_of("W035", USER_ID_FIELD="no_such_field")
        assert get_user_model()._meta.label in message.hint

    @pytest.mark.parametrize("field", ["pk", "password", "is_authenticated", "", None, 5])
    def test_a_field_or_property_is_accepted(self, messages_of, field):
        assert messages_of("W035", USER_ID_FIELD=field) == []

    def test_any_field_of_a_model_with_getattr_is_accepted(self, messages_of, monkeypatch):
        monkeypatch.setattr(get_user_model(), "__getattr__", lambda self, name: 1, raising=False)
        assert messages_of("W035", USER_ID_FIELD="no_such_field") == []

    def test_a_look_up_is_a_warning_where_tokens_are_issued(self, messages_of, settings):
        settings.ROOT_URLCONF = urls(views.token_obtain_pair)
        assert messages_of("W035", USER_ID_FIELD="password__iexact")
        settings.ROOT_URLCONF = urls(views.token_verify)
        assert messages_of("W035", USER_ID_FIELD="password__iexact") == []
        assert messages_of("W035", USER_ID_FIELD="no_such_field__iexact")

    def test_the_default_is_checked_only_if_something_reads_it(self, messages_of, settings, monkeypatch):
        monkeypatch.setattr(names, "_has_attribute", lambda model, name: False)
        settings.ROOT_URLCONF = urls(views.token_verify)
        values = {"USER_ID_FIELD": DEFAULTS["USER_ID_FIELD"]}
        assert messages_of("W035", **values) == []
        settings.REST_FRAMEWORK = {
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"]
        }
        assert messages_of("W035", **values)
        settings.REST_FRAMEWORK = {
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"]
        }
        assert messages_of("W035", **values) == []

    def test_without_a_user_model_nothing_is_reported(self, messages_of, settings, monkeypatch):
        settings.AUTH_USER_MODEL = "no.Such"
        assert messages_of("W035", USER_ID_FIELD="no_such_field") == []


class BackendWithoutTyp:
    """A backend with the interface of 5.5.1."""

    def encode(self, payload): ...


class TokenWithOwnBackend(AccessToken):
    _token_backend = BackendWithoutTyp()


class TestProfile:
    COMPLETE = {"ACCESS_TOKEN_PROFILE": "rfc9068", "ISSUER": "us", "AUDIENCE": "api", "CLIENT_ID": "app"}

    @pytest.mark.parametrize("values", [{}, {"CLIENT_ID": "app"}, COMPLETE])
    def test_a_complete_profile_is_accepted(self, simple_jwt, messages, values):
        simple_jwt(**values)
        assert "simplejwt.E025" not in {message.id for message in messages()}

    @pytest.mark.parametrize(
        "missing", [{"ISSUER": None}, {"AUDIENCE": None}, {"CLIENT_ID": None}, {"JTI_CLAIM": "id"}, {"JTI_CLAIM": None}]
    )
    def test_a_missing_required_setting_is_an_error(self, simple_jwt, messages, missing):
        simple_jwt(**self.COMPLETE | missing)
        assert "simplejwt.E025" in {message.id for message in messages()}

    def test_a_backend_that_can_not_write_typ_is_named(self, simple_jwt, messages):
        simple_jwt(**self.COMPLETE, AUTH_TOKEN_CLASSES=[f"{__name__}.TokenWithOwnBackend", "no.such.Token", ["x"]])
        (found,) = (message for message in messages() if message.id == "simplejwt.W052")
        assert f"{__name__}.TokenWithOwnBackend" in found.msg
        assert "encode() of BackendWithoutTyp" in found.hint

    def test_a_backend_that_can_write_typ_is_accepted(self, simple_jwt, messages, monkeypatch):
        monkeypatch.setattr(TokenWithOwnBackend, "_token_backend", state.token_backend)
        simple_jwt(**self.COMPLETE, AUTH_TOKEN_CLASSES=[f"{__name__}.TokenWithOwnBackend"])
        assert "simplejwt.W052" not in {message.id for message in messages()}
