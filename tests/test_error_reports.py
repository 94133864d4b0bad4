"""Django's error reports show no password, token or key, whatever fails below us, and wherever."""

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


class Broken(Exception):
    """No error that anybody expects."""


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
    """With a decorator of its own, which names something else."""

    @sensitive_variables("nothing")
    def authenticate(self, request, username=None, password=None, **kwargs):
        return super().authenticate(request, username, password, **kwargs)


@pytest.fixture
def user(db):
    return get_user_model().objects.create_user("alice", password=PASSWORD)


def reporter_of(error, request=None):
    """Without the functions of this folder that led to the error."""
    while error.__traceback__.tb_frame.f_code.co_filename.startswith(HERE):
        error.__traceback__ = error.__traceback__.tb_next
    return ExceptionReporter(request, type(error), error, error.__traceback__)


def joined(text):
    """Long strings are broken into lines."""
    return re.sub(r"['\"]\s+b?['\"]", "", text)


def reports_of(error, request=None):
    """Both of them, whole."""
    reporter = reporter_of(error, request)
    return joined(html.unescape(reporter.get_traceback_html())) + reporter.get_traceback_text()


def variables_of(error):
    """What a report shows of them: nearly all of its time is that of the settings."""
    frames = reporter_of(error).get_traceback_frames()
    return {(frame["function"], name): joined(pprint(value)) for frame in frames for name, value in frame["vars"]}


def alias():
    return router.db_for_write(get_user_model())


@contextmanager
def nothing_kept():
    with transaction.atomic(using=alias()):
        yield
        transaction.set_rollback(True, using=alias())


@contextmanager
def statement_fails(number):
    numbers = count()

    def execute(execute, *args):
        if next(numbers) == number:
            raise Broken
        return execute(*args)

    with connections[alias()].execute_wrapper(execute):
        yield


def broken(owner, name):
    return mock.patch.object(owner, name, side_effect=Broken)


def places():
    """What fails besides the database."""
    yield broken(algorithms.CachedHMAC, "sign")
    yield broken(algorithms.CachedHMAC, "verify")
    yield broken(users, "salted_hmac")
    yield broken(rotation, "salted_hmac")
    yield mock.patch("django.contrib.auth.hashers.MD5PasswordHasher.decode", side_effect=Broken)


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


def their_token():
    return TokenBackend("HS256", THEIR_SECRET, issuer="them", audience="us").encode({"exp": 2**31})


# Each is given the texts of a refresh and of an access token, and their user, and answers with what is to fail.
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
    "get_validated_token, theirs": lambda *_: lambda: JWTAuthentication().get_validated_token(their_token()),
    "ForeignToken": lambda *_: lambda: ForeignToken(their_token()),
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
def test_they_hide_secrets_wherever_a_call_fails(user, call):
    refresh = str(RefreshToken.for_user(user))
    access = str(AccessToken.for_user(user))
    # The signature is what makes a token one.
    hidden = {PASSWORD, SECRET, THEIR_SECRET, refresh.rpartition(".")[2], access.rpartition(".")[2]}

    def fails_at(place):
        with nothing_kept():
            act = CALLS[call](refresh, access, user)
            state.token_backend._memo._entries.clear()
            error = None
            with place:
                try:
                    act()
                except Broken as caught:
                    error = caught
        if error is not None:
            shown = variables_of(error)
            assert not [name for name, text in shown.items() if any(secret in text for secret in hidden)]
        return error is not None

    # Each statement in turn, until one is not sent any more.
    statements = next(number for number in count() if not fails_at(statement_fails(number)))
    assert statements + sum(map(fails_at, places())) > 0


@pytest.mark.parametrize("form", ["json", "multipart"])
def test_they_hide_what_was_posted(user, form):
    request = APIRequestFactory().post("/", {"username": "alice", "password": PASSWORD}, format=form)
    with broken(serializers, "authenticate"), pytest.raises(Broken) as caught:
        views.token_obtain_pair(request)
    assert PASSWORD not in reports_of(caught.value, request)


def test_they_hide_it_in_a_projects_own_post(user):
    class View(views.TokenObtainPairView):
        def post(self, request):
            password = request.data["password"]
            raise Broken(len(password))

    with pytest.raises(Broken) as caught:
        View.as_view()(APIRequestFactory().post("/", {"password": PASSWORD}, format="json"))
    assert PASSWORD not in reports_of(caught.value)


def test_a_backend_keeps_its_variables_while_the_project_is_debugged(user):
    def login():
        with statement_fails(0), pytest.raises(Broken) as caught:
            serializers.TokenObtainPairSerializer().validate({"username": "alice", "password": PASSWORD})
        return reports_of(caught.value)

    assert PASSWORD not in login()
    with override_settings(DEBUG=True):
        assert PASSWORD in login()


def test_the_variables_of_all_errors_of_a_chain_are_cleared():
    def first():
        password = PASSWORD
        raise Broken(len(password))

    def second():
        password = PASSWORD
        try:
            first()
        except Broken as error:
            raise Broken(len(password)) from error

    with mock.patch.object(serializers, "authenticate", lambda *_, **__: second()), pytest.raises(Broken) as caught:
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
def test_they_hide_keys_while_the_backend_is_built(simple_jwt, key):
    simple_jwt(**key)
    with pytest.raises((ImproperlyConfigured, TokenBackendError)) as caught:
        _ = state.token_backend
    report = reports_of(caught.value)
    assert SECRET not in report
    assert PEM.splitlines()[1] not in report


def test_they_hide_a_key_that_is_none():
    with pytest.raises((InvalidKeyError, ValueError)) as unreadable:
        _ = TokenBackend("ES256", f"-----BEGIN {SECRET}").prepared_signing_key
    with pytest.raises(TokenBackendError) as unknown:
        TokenBackend("none", SECRET)
    for caught in (unreadable, unknown):
        assert SECRET not in reports_of(caught.value)


def test_a_serializer_that_is_shown_has_no_data():
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


def test_a_pair_that_is_shown_has_no_text():
    assert repr(rotation.Pair(AccessToken(), access="secret", refresh="secret")).count("secret") == 0
