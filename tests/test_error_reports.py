"""Django's error reports show no password, token or key, wherever the error is raised."""

import html
import re
import secrets
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router, transaction
from django.template.defaultfilters import pprint
from django.test import override_settings
from django.views.debug import ExceptionReporter
from django.views.decorators.debug import sensitive_variables
from jwt import InvalidKeyError
from rest_framework.test import APIRequestFactory

from rest_framework_simplejwt import rotation, serializers, sessions, state, users, views
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.foreign import ForeignToken
from rest_framework_simplejwt.keys import algorithms
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken
from tests.key_pairs import pem_pair

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.needs("token_blacklist", "token_family", "django's user", "no redis"),
]

HERE = str(Path(__file__).parent)
PASSWORD, SECRET, THEIR_SECRET = (secrets.token_hex(32) for _ in range(3))
PEM, _ = pem_pair("ES256")


class InjectedError(Exception):
    """An error that no code handles."""


@pytest.fixture(autouse=True)
def _settings(settings, simple_jwt):
    settings.DEBUG = False
    settings.SECRET_KEY = SECRET
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Backend"]
    simple_jwt(
        SIGNING_KEY=SECRET,
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_ENABLED=True,
        CHECK_REVOKE_TOKEN=True,
        UPDATE_LAST_LOGIN=True,
        TRUSTED_ISSUERS=[
            {
                "issuer": "them",
                "audience": "us",
                "algorithms": ["HS256"],
                "keys": [{"algorithm": "HS256", "key": THEIR_SECRET, "kid": "k"}],
            }
        ],
    )


class Backend(ModelBackend):
    """An authentication backend whose decorator does not name the password."""

    @sensitive_variables("nothing")
    def authenticate(self, request, username=None, password=None, **kwargs):
        return super().authenticate(request, username, password, **kwargs)


@pytest.fixture
def user(db):
    return get_user_model().objects.create_user("alice", password=PASSWORD)


def build_reporter(error, request=None):
    """Returns the reporter of an error, without the frames of this folder at the start of the traceback."""
    while error.__traceback__.tb_frame.f_code.co_filename.startswith(HERE):
        error.__traceback__ = error.__traceback__.tb_next
    return ExceptionReporter(request, type(error), error, error.__traceback__)


def join_lines(text):
    """Joins the parts of long strings, which reports break into lines."""
    return re.sub(r"['\"]\s+b?['\"]", "", text)


def build_reports(error, request=None):
    """Returns the HTML report and the text report as one text."""
    reporter = build_reporter(error, request)
    return join_lines(html.unescape(reporter.get_traceback_html())) + reporter.get_traceback_text()


def variables_in_report(error):
    """Returns the variables that a report shows. A complete report takes longer because it shows the settings."""
    frames = build_reporter(error).get_traceback_frames()
    return {(frame["function"], name): join_lines(pprint(value)) for frame in frames for name, value in frame["vars"]}


def alias():
    return router.db_for_write(get_user_model())


@contextmanager
def rolled_back():
    with transaction.atomic(using=alias()):
        yield
        transaction.set_rollback(True, using=alias())


@contextmanager
def failing_statement(number):
    numbers = count()

    def execute(execute, *args):
        if next(numbers) == number:
            raise InjectedError
        return execute(*args)

    with connections[alias()].execute_wrapper(execute):
        yield


def failing_function(owner, name):
    return mock.patch.object(owner, name, side_effect=InjectedError)


def failures_besides_the_database():
    """Yields patches that make a function fail, other than a database statement."""
    yield failing_function(algorithms.CachedHMAC, "sign")
    yield failing_function(algorithms.CachedHMAC, "verify")
    yield failing_function(users, "salted_hmac")
    yield failing_function(rotation, "salted_hmac")
    yield mock.patch("django.contrib.auth.hashers.MD5PasswordHasher.decode", side_effect=InjectedError)


def post(view, **body):
    request = APIRequestFactory().post("/", body, format="json")
    return lambda: view(request)


def cookie_request(token):
    request = APIRequestFactory().get("/")
    request.COOKIES["access_token"] = token
    return request


class CookieAuthentication(JWTAuthentication):
    def authenticate(self, request):
        token = self.get_validated_token(request.COOKIES["access_token"])
        return self.get_user(token), token


def backend_call(name, *args):
    backend = TokenBackend("HS256", SECRET)
    return lambda: getattr(backend, name)(*args)


def build_foreign_token():
    return TokenBackend("HS256", THEIR_SECRET, issuer="them", audience="us").encode({"exp": 2**31})


# Each value takes a refresh token and an access token as text, and their user, and returns the function to call.
CALLS = {
    "a login": lambda refresh, access, user: post(views.token_obtain_pair, username="alice", password=PASSWORD),
    "a sliding login": lambda refresh, access, user: post(
        views.token_obtain_sliding, username="alice", password=PASSWORD
    ),
    "a refresh": lambda refresh, access, user: post(views.token_refresh, refresh=refresh),
    "verify": lambda refresh, access, user: post(views.token_verify, token=refresh),
    "a log-out": lambda refresh, access, user: post(views.token_blacklist, refresh=refresh),
    "the end of a family": lambda refresh, access, user: post(views.token_family_blacklist, refresh=refresh),
    "a request": lambda refresh, access, user: lambda: CookieAuthentication().authenticate(cookie_request(access)),
    "get_validated_token": lambda refresh, access, user: lambda: JWTAuthentication().get_validated_token(access),
    "get_validated_token, theirs": lambda *_: lambda: JWTAuthentication().get_validated_token(build_foreign_token()),
    "ForeignToken": lambda *_: lambda: ForeignToken(build_foreign_token()),
    "RefreshToken": lambda refresh, access, user: lambda: RefreshToken(refresh),
    "RefreshToken, of bytes": lambda refresh, access, user: lambda: RefreshToken(refresh.encode()),
    "for_user": lambda refresh, access, user: lambda: SlidingToken.for_user(user),
    "blacklist": lambda refresh, access, user: RefreshToken(refresh).blacklist,
    "outstand": lambda refresh, access, user: RefreshToken().outstand,
    "str": lambda refresh, access, user: RefreshToken(refresh).__str__,
    "is_valid": lambda *_: (
        serializers.TokenObtainPairSerializer(data={"username": "alice", "password": PASSWORD}).is_valid
    ),
    "validate": lambda *_: (
        lambda: serializers.TokenObtainPairSerializer().validate({"username": "alice", "password": PASSWORD})
    ),
    "validate, refresh": lambda refresh, access, user: (
        lambda: serializers.TokenRefreshSerializer().validate({"refresh": refresh})
    ),
    "present": lambda refresh, access, user: lambda: rotation.present(RefreshToken, refresh),
    "rotate": lambda refresh, access, user: lambda: rotation.rotate(RefreshToken(refresh)),
    "log_out": lambda refresh, access, user: lambda: rotation.log_out(RefreshToken, refresh),
    "revoke_all": lambda refresh, access, user: lambda: sessions.revoke_all(user),
    "revoke_token": lambda refresh, access, user: lambda: sessions.revoke_token(RefreshToken(refresh)["jti"]),
    "encode": lambda *_: backend_call("encode", {}),
    "decode": lambda refresh, access, user: backend_call("decode", access),
}


@pytest.mark.parametrize("call", CALLS)
def test_reports_hide_secrets_wherever_a_call_fails(user, call):
    refresh = str(RefreshToken.for_user(user))
    access = str(AccessToken.for_user(user))
    # Of a token only the signature is secret.
    hidden = {PASSWORD, SECRET, THEIR_SECRET, refresh.rpartition(".")[2], access.rpartition(".")[2]}

    def fails_at(place):
        with rolled_back():
            act = CALLS[call](refresh, access, user)
            state.token_backend._memo._entries.clear()
            error = None
            with place:
                try:
                    act()
                except InjectedError as caught:
                    error = caught
        if error is not None:
            shown = variables_in_report(error)
            assert not [name for name, text in shown.items() if any(secret in text for secret in hidden)]
        return error is not None

    # Fails the first statement, then the second, and so on, until the call sends no more.
    statements = next(number for number in count() if not fails_at(failing_statement(number)))
    assert statements + sum(map(fails_at, failures_besides_the_database())) > 0


@pytest.mark.parametrize("form", ["json", "multipart"])
def test_reports_hide_posted_data(user, form):
    request = APIRequestFactory().post("/", {"username": "alice", "password": PASSWORD}, format=form)
    with failing_function(serializers, "authenticate"), pytest.raises(InjectedError) as caught:
        views.token_obtain_pair(request)
    assert PASSWORD not in build_reports(caught.value, request)


def test_reports_hide_posted_data_in_an_override_of_post(user):
    class View(views.TokenObtainPairView):
        def post(self, request):
            password = request.data["password"]
            raise InjectedError(len(password))

    with pytest.raises(InjectedError) as caught:
        View.as_view()(APIRequestFactory().post("/", {"password": PASSWORD}, format="json"))
    assert PASSWORD not in build_reports(caught.value)


def test_with_debug_reports_show_the_variables_of_a_backend(user):
    def login():
        with failing_statement(0), pytest.raises(InjectedError) as caught:
            serializers.TokenObtainPairSerializer().validate({"username": "alice", "password": PASSWORD})
        return build_reports(caught.value)

    assert PASSWORD not in login()
    with override_settings(DEBUG=True):
        assert PASSWORD in login()


def test_the_variables_of_all_chained_errors_are_cleared():
    def first():
        password = PASSWORD
        raise InjectedError(len(password))

    def second():
        password = PASSWORD
        try:
            first()
        except InjectedError as error:
            raise InjectedError(len(password)) from error

    with (
        mock.patch.object(serializers, "authenticate", lambda *_, **__: second()),
        pytest.raises(InjectedError) as caught,
    ):
        serializers._call_backends(None, {})
    *_, innermost = iter_frames(caught.value.__traceback__)
    *_, cause = iter_frames(caught.value.__cause__.__traceback__)
    assert (innermost.f_locals, cause.f_locals) == ({}, {})


def iter_frames(traceback):
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


@pytest.mark.parametrize(
    "key",
    [
        {"SIGNING_KEY": None, "SIGNING_KEYS_DIR": "/no/such"},
        {"SIGNING_KEYS": [{"algorithm": "ES256", "key": PEM, "kid": "k"}] * 2},
        {"SIGNING_KEYS": [{"algorithm": "ES256", "key": PEM, "kid": "k", "nonsense": 1}]},
        {"ALGORITHM": "none"},
    ],
)
def test_reports_hide_keys_if_the_backend_can_not_be_built(simple_jwt, key):
    simple_jwt(**key)
    with pytest.raises((ImproperlyConfigured, TokenBackendError)) as caught:
        _ = state.token_backend
    report = build_reports(caught.value)
    assert SECRET not in report
    assert PEM.splitlines()[1] not in report


def test_reports_hide_a_malformed_key():
    with pytest.raises((InvalidKeyError, ValueError)) as unreadable:
        _ = TokenBackend("ES256", f"-----BEGIN {SECRET}").prepared_signing_key
    with pytest.raises(TokenBackendError) as unknown:
        TokenBackend("none", SECRET)
    for caught in (unreadable, unknown):
        assert SECRET not in build_reports(caught.value)


def test_repr_of_a_serializer_hides_its_data():
    data = {"username": "alice", "password": PASSWORD}
    for serializer in (
        serializers.TokenObtainPairSerializer(data=data, partial=True),
        serializers.TokenObtainPairSerializer(None, data, partial=True),
    ):
        shown = repr(serializer)
        assert shown.startswith("TokenObtainPairSerializer(partial=True):\n")
        assert "password = PasswordField(" in shown
        assert PASSWORD not in shown
        assert serializer.initial_data == data


def test_repr_of_a_pair_hides_its_tokens():
    assert repr(rotation.Pair(AccessToken(), access="secret", refresh="secret")).count("secret") == 0
