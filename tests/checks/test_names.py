"""Names: of settings, of claims, of the header, of the user's field."""

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
OWN = [
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
def told(ids, messages):
    """The messages under one id."""

    def tell(check_id, **values):
        ids(**values)
        return [message for message in messages() if message.id == f"simplejwt.{check_id}"]

    return tell


class TestNamesOfSettings:
    @pytest.mark.parametrize(("typo", "meant"), TYPOS.items())
    def test_a_typo_is_a_warning_with_a_guess(self, told, typo, meant):
        [message] = told("W003", **{typo: None})
        assert message.hint == f"Did you mean {meant!r}?"
        assert told("I001") == []

    @pytest.mark.parametrize("name", OWN)
    def test_a_name_of_the_projects_own_is_none(self, settings, messages, name):
        settings.SIMPLE_JWT = {name: None}
        found = {message.id for message in messages()}
        assert "simplejwt.W003" not in found
        assert "simplejwt.I001" in found

    def test_names_of_the_projects_own_are_one_note(self, settings, messages):
        settings.SIMPLE_JWT = {**getattr(settings, "SIMPLE_JWT", {}), **dict.fromkeys(OWN), TYPO: None}
        [message] = [message for message in messages() if message.id == "simplejwt.I001"]
        assert all(repr(name) in message.msg for name in OWN)
        assert TYPO not in message.msg

    @pytest.mark.needs("full")
    def test_they_do_not_fail_a_check_for_warnings(self, simple_jwt, capsys):
        simple_jwt(AUTH_COOKIE="access")
        call_command("check", fail_level="WARNING")
        assert "simplejwt.I001" in capsys.readouterr().err

    def test_our_own_are_left_alone(self, ids):
        defaults = {name: value for name, value in DEFAULTS.items() if name != "TOKEN_FAMILY_ENABLED"}
        assert not {"W003", "I001"} & ids(**defaults)


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
    def test_two_of_one_name_are_a_warning(self, told, name, claim, other):
        [message] = told("W032", **{name: claim, other: DEFAULTS[other]})
        assert all(part in message.msg for part in (repr(name), repr(other), f"both {claim!r}"))
        assert f"SIMPLE_JWT[{name!r}] = {DEFAULTS[name]!r}" in message.hint

    @pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
    @pytest.mark.parametrize(
        "name",
        ["TOKEN_TYPE_CLAIM", "JTI_CLAIM", "USER_ID_CLAIM", "REVOKE_TOKEN_CLAIM", "SLIDING_TOKEN_REFRESH_EXP_CLAIM"],
    )
    def test_one_of_a_registered_name_is_a_warning(self, told, name, claim):
        [message] = told("W032", **{name: claim})
        assert f"SIMPLE_JWT[{name!r}] is {claim!r}" in message.msg

    @pytest.mark.parametrize(("claim", "setting"), [("aud", "AUDIENCE"), ("iss", "ISSUER")])
    def test_parties_are_taken_where_they_are_set(self, told, claim, setting):
        assert told("W032", USER_ID_CLAIM=claim, **{setting: "us"})
        assert told("W032", USER_ID_CLAIM=claim, **{setting: None}) == []

    def test_jti_is_not_copied_whatever_the_ids_claim_is(self, told):
        assert told("W032", USER_ID_CLAIM="jti", JTI_CLAIM="id")

    @pytest.mark.parametrize(
        "sound", [{}, {"USER_ID_CLAIM": "sub"}, {"JTI_CLAIM": "id"}, {"JTI_CLAIM": None, "TOKEN_TYPE_CLAIM": None}]
    )
    def test_names_of_their_own_are_left_alone(self, told, sound):
        assert told("W032", **sound) == []

    def test_blank_and_wrong_ones_are_told_as_that(self, told):
        assert told("W032", USER_ID_CLAIM=" ", REVOKE_TOKEN_CLAIM=" ", JTI_CLAIM=5, TOKEN_TYPE_CLAIM=5) == []

    @pytest.mark.needs("no token_family")
    def test_a_family_claim_collides_where_nothing_prevents_the_start(self, told):
        assert told("W032", TOKEN_FAMILY_CLAIM="user_id")
        assert told("W032", TOKEN_FAMILY_EXPIRATION_CLAIM="exp")

    @pytest.mark.needs("token_family")
    def test_where_the_app_does_it_is_not_told_again(self, told):
        assert told("W032", TOKEN_FAMILY_CLAIM="user_id") == []


class TestParties:
    @pytest.mark.parametrize(
        "values", [{"ISSUER": ["us", "them"]}, {"ISSUER": {"us"}}, {"AUDIENCE": {"us"}}, {"AUDIENCE": {"us": 1}}]
    )
    def test_a_collection_that_no_token_can_have_is_a_warning_where_tokens_are_issued(self, told, settings, values):
        settings.ROOT_URLCONF = urls(views.token_obtain_pair)
        [message] = told("W033", **values)
        assert next(iter(values)) in message.msg
        settings.ROOT_URLCONF = urls(views.token_verify)
        assert told("W033") == []

    @pytest.mark.parametrize(
        "values", [{"ISSUER": "us"}, {"ISSUER": []}, {"AUDIENCE": ["us"]}, {"AUDIENCE": ("us",)}, {"AUDIENCE": b"us"}]
    )
    def test_others_are_not(self, told, values):
        assert told("W033", **values) == []


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
    def test_what_meta_never_has_is_a_warning(self, told, name, key):
        [message] = told("W034", AUTH_HEADER_NAME=name)
        assert message.hint == f"Write SIMPLE_JWT['AUTH_HEADER_NAME'] = {key!r}."

    @pytest.mark.parametrize("name", ["HTTP_AUTHORIZATION", "HTTP_X_ACCESS_TOKEN", "", " ", None, 5])
    def test_any_other_is_left_alone_or_told_otherwise(self, told, name):
        assert told("W034", AUTH_HEADER_NAME=name) == []


class TestUserField:
    """Each test project's own field is left alone: `test_sound_settings_are_left_alone`."""

    def test_one_that_the_user_model_lacks_is_a_warning(self, told):
        [message] = told("W035", USER_ID_FIELD="no_such_field")
        assert get_user_model()._meta.label in message.hint

    @pytest.mark.parametrize("field", ["pk", "password", "is_authenticated", "", None, 5])
    def test_a_field_and_a_property_are_left_alone(self, told, field):
        assert told("W035", USER_ID_FIELD=field) == []

    def test_so_is_whatever_a_model_may_compute(self, told, monkeypatch):
        monkeypatch.setattr(get_user_model(), "__getattr__", lambda self, name: 1, raising=False)
        assert told("W035", USER_ID_FIELD="no_such_field") == []

    def test_a_look_up_is_a_warning_where_tokens_are_issued(self, told, settings):
        settings.ROOT_URLCONF = urls(views.token_obtain_pair)
        assert told("W035", USER_ID_FIELD="password__iexact")
        settings.ROOT_URLCONF = urls(views.token_verify)
        assert told("W035", USER_ID_FIELD="password__iexact") == []
        assert told("W035", USER_ID_FIELD="no_such_field__iexact")

    def test_the_default_is_judged_only_where_it_is_read(self, told, settings, monkeypatch):
        monkeypatch.setattr(names, "_has", lambda model, name: False)
        settings.ROOT_URLCONF = urls(views.token_verify)
        values = {"USER_ID_FIELD": DEFAULTS["USER_ID_FIELD"]}
        assert told("W035", **values) == []
        settings.REST_FRAMEWORK = {
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"]
        }
        assert told("W035", **values)
        settings.REST_FRAMEWORK = {
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"]
        }
        assert told("W035", **values) == []

    def test_without_a_user_model_nothing_is_told(self, told, settings, monkeypatch):
        settings.AUTH_USER_MODEL = "no.Such"
        assert told("W035", USER_ID_FIELD="no_such_field") == []


class BackendOfBefore:
    """As 5.5.1 describes one."""

    def encode(self, payload): ...


class OfItsOwnBackend(AccessToken):
    _token_backend = BackendOfBefore()


class TestProfile:
    WHOLE = {"ACCESS_TOKEN_PROFILE": "rfc9068", "ISSUER": "us", "AUDIENCE": "api", "CLIENT_ID": "app"}

    @pytest.mark.parametrize("sound", [{}, {"CLIENT_ID": "app"}, WHOLE])
    def test_a_whole_one_is_left_alone(self, simple_jwt, messages, sound):
        simple_jwt(**sound)
        assert "simplejwt.E025" not in {message.id for message in messages()}

    @pytest.mark.parametrize(
        "hole", [{"ISSUER": None}, {"AUDIENCE": None}, {"CLIENT_ID": None}, {"JTI_CLAIM": "id"}, {"JTI_CLAIM": None}]
    )
    def test_what_it_requires_and_lacks_is_an_error(self, simple_jwt, messages, hole):
        simple_jwt(**self.WHOLE | hole)
        assert "simplejwt.E025" in {message.id for message in messages()}

    def test_a_backend_that_can_not_write_a_type_is_named(self, simple_jwt, messages):
        simple_jwt(**self.WHOLE, AUTH_TOKEN_CLASSES=[f"{__name__}.OfItsOwnBackend", "no.such.Token", ["x"]])
        (found,) = (message for message in messages() if message.id == "simplejwt.W052")
        assert f"{__name__}.OfItsOwnBackend" in found.msg
        assert "encode() of BackendOfBefore" in found.hint

    def test_one_that_can_is_left_alone(self, simple_jwt, messages, monkeypatch):
        monkeypatch.setattr(OfItsOwnBackend, "_token_backend", state.token_backend)
        simple_jwt(**self.WHOLE, AUTH_TOKEN_CLASSES=[f"{__name__}.OfItsOwnBackend"])
        assert "simplejwt.W052" not in {message.id for message in messages()}
