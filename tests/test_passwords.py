"""Fingerprints of passwords in tokens, and what an upgrade of the hashes does to them."""

import asyncio
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import (
    BasePasswordHasher,
    PBKDF2PasswordHasher,
    PBKDF2SHA1PasswordHasher,
    identify_hasher,
    make_password,
)

from rest_framework_simplejwt import passwords, users
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.users import keyed_fingerprint, keyed_or_md5_fingerprint, md5_fingerprint

PASSWORD = "correct horse"
HASHERS = [md5_fingerprint, keyed_fingerprint, keyed_or_md5_fingerprint]
SHORT = "s" * 12
# What Django has made of it over time, and what it never made.
ODD_HASHES = [
    "!unusable",
    "!",
    "",
    "default",
    "plain",
    "pbkdf2_sha256$",
    "pbkdf2_sha256$x$y",
    "pbkdf2_sha256$1000$$",
    "md5$$900150983cd24fb0d6963f7d28e17f72",
    "900150983cd24fb0d6963f7d28e17f72",
    "bcrypt_sha256$$2b$12$short",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA",
    "no_such_hasher$1$2$3",
    "undecodable$1",
]


class Weak(PBKDF2PasswordHasher):
    iterations = 1


class Strong(PBKDF2PasswordHasher):
    iterations = 2


class Other(PBKDF2SHA1PasswordHasher):
    iterations = 2


class OwnSalt(BasePasswordHasher):
    """As bcrypt: the salt is bytes of its own, or says more than the salt."""

    algorithm = "own_salt"
    error: type[Exception] | None = TypeError

    def encode(self, password, salt):
        if self.error and not salt.startswith("own"):
            raise self.error
        return f"{self.algorithm}${salt}${password}"

    def salt(self):
        return "own" + super().salt()

    def decode(self, encoded):
        _, salt, hash_ = encoded.split("$")
        return {"salt": f"{salt}{hash_}" if self.error is None else salt}

    def verify(self, password, encoded):
        return encoded.endswith(f"${password}")


class Picky(OwnSalt):
    error = ValueError


class Mixing(OwnSalt):
    error = None


class Undecodable(BasePasswordHasher):
    algorithm = "undecodable"


def paths(*hashers):
    return [f"{__name__}.{hasher.__name__}" for hasher in hashers]


@pytest.fixture(autouse=True)
def hashers(settings):
    """Which hashers there are from now on; the first one is for new hashes."""

    def use(*hashers):
        settings.PASSWORD_HASHERS = paths(*hashers)

    use(Weak, Strong, Other)
    return use


class Account(passwords.KeepsSalt):
    """Of a user model no more than what the mixin asks for."""

    def __init__(self, password):
        self.password = password
        self._password = None
        self.saved = []

    def save(self, **kwargs):
        self.saved.append(kwargs)


def somebody(password=PASSWORD):
    return SimpleNamespace(password=make_password(password))


def accepts(user, claim, hasher):
    return users.is_password_unchanged(user, claim, hasher)


class TestFingerprint:
    @pytest.mark.parametrize("hasher", HASHERS)
    def test_it_is_good_until_the_password_is_changed(self, hasher):
        user = somebody()
        claim = users.password_fingerprint(user, hasher)
        assert accepts(user, claim, hasher)
        assert not accepts(somebody(), claim, hasher), "the same password, set anew"

    @pytest.mark.parametrize("hasher", HASHERS)
    @pytest.mark.parametrize("claim", [None, 1, True, "", [], {}, "é", "\ud800", b"bytes"])
    def test_what_is_no_fingerprint_is_a_changed_password(self, hasher, claim):
        assert not accepts(somebody(), claim, hasher)

    def test_a_surrogate_is_taken_for_nothing_else(self):
        assert not accepts(somebody(), "\ud800", lambda user: "?")
        assert not accepts(somebody(), "\ud800", lambda user: "\ud801")
        assert accepts(somebody(), "\ud800", lambda user: "\ud800")

    def test_a_project_may_have_one_of_its_own(self):
        assert users.password_fingerprint(somebody(), lambda user: ("new", "old")) == "new"
        assert [accepts(somebody(), claim, lambda user: ("new", "old")) for claim in ("new", "old", "n")] == [
            True,
            True,
            False,
        ]

    def test_one_without_any_accepts_nothing(self):
        assert not accepts(somebody(), "", lambda user: ())

    def test_md5_is_what_5_5_1_wrote(self):
        assert md5_fingerprint(SimpleNamespace(password="abc")) == "900150983CD24FB0D6963F7D28E17F72"

    @pytest.mark.parametrize("encoded", ODD_HASHES)
    def test_a_hash_without_a_salt_counts_as_a_whole(self, hashers, encoded):
        hashers(Weak, Undecodable)
        user = SimpleNamespace(password=encoded)
        claim = users.password_fingerprint(user, keyed_fingerprint)
        assert accepts(user, claim, keyed_fingerprint)
        assert not accepts(SimpleNamespace(password=encoded + "x"), claim, keyed_fingerprint)

    def test_so_does_one_whose_salt_is_too_short(self):
        first, second = [SimpleNamespace(password=Weak().encode(word, SHORT)) for word in ("one", "two")]
        assert keyed_fingerprint(first) != keyed_fingerprint(second)

    def test_a_salt_is_not_taken_for_a_hash(self):
        user = somebody()
        salt = SimpleNamespace(password=passwords.lasting_salt(user.password))
        assert keyed_fingerprint(user) != keyed_fingerprint(salt)

    def test_a_new_secret_key_keeps_what_was_issued_under_the_old_one(self, settings):
        user = somebody()
        claim = users.password_fingerprint(user, keyed_fingerprint)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
        assert users.password_fingerprint(user, keyed_fingerprint) != claim
        assert accepts(user, claim, keyed_fingerprint)
        settings.SECRET_KEY_FALLBACKS = []
        assert not accepts(user, claim, keyed_fingerprint)

    def test_old_claims_are_accepted_while_the_project_says_so(self):
        user = somebody()
        old = md5_fingerprint(user)
        assert accepts(user, old, keyed_or_md5_fingerprint)
        assert not accepts(user, old, keyed_fingerprint)
        assert users.password_fingerprint(user, keyed_or_md5_fingerprint) == keyed_fingerprint(user)[0]


class TestUpgrade:
    @pytest.mark.parametrize("today", [Strong, Other])
    def test_the_salt_is_kept(self, hashers, today):
        account = Account(make_password(PASSWORD))
        before, claim = account.password, users.password_fingerprint(account, keyed_fingerprint)
        hashers(today, Weak) if today is Other else hashers(today)
        assert account.check_password(PASSWORD)
        assert account.password != before
        assert identify_hasher(account.password).decode(account.password)["iterations"] == 2
        assert accepts(account, claim, keyed_fingerprint)
        assert account.saved == [{"update_fields": ["password"]}]
        assert account.check_password(PASSWORD), "the new hash is one of the same password"
        assert len(account.saved) == 1, "and out of date no more"

    def test_so_it_is_asynchronously(self, hashers):
        account = Account(make_password(PASSWORD))
        claim = users.password_fingerprint(account, keyed_fingerprint)
        hashers(Strong)
        assert asyncio.run(account.acheck_password(PASSWORD))
        assert len(account.saved) == 1
        assert accepts(account, claim, keyed_fingerprint)

    def test_an_upgrade_ends_the_other_claims(self, hashers):
        account = Account(make_password(PASSWORD))
        claim = md5_fingerprint(account)
        hashers(Strong)
        account.check_password(PASSWORD)
        assert not accepts(account, claim, keyed_or_md5_fingerprint)

    def test_a_wrong_password_upgrades_nothing(self, hashers):
        account = Account(make_password(PASSWORD))
        hashers(Strong)
        assert not account.check_password("wrong")
        assert account.saved == []

    def test_a_salt_that_is_too_short_is_drawn_anew(self, hashers):
        account = Account(Weak().encode(PASSWORD, SHORT))
        assert account.check_password(PASSWORD)
        assert passwords.lasting_salt(account.password)
        assert SHORT not in account.password

    @pytest.mark.parametrize("today", [OwnSalt, Picky, Mixing])
    def test_so_is_one_that_the_hasher_does_not_take(self, hashers, today):
        account = Account(make_password(PASSWORD))
        salt = passwords.lasting_salt(account.password)
        hashers(today, Weak)
        assert account.check_password(PASSWORD)
        assert account.password.startswith("own_salt$own")
        assert salt not in account.password


@pytest.mark.django_db
class TestOverHTTP:
    @pytest.fixture
    def login(self, post, credentials):
        return lambda: post("obtain", **credentials).json()

    @pytest.fixture(autouse=True)
    def _keyed(self, simple_jwt):
        simple_jwt(CHECK_REVOKE_TOKEN=True, REVOKE_TOKEN_HASHER="rest_framework_simplejwt.users.keyed_fingerprint")

    def statuses(self, pair, whoami, post):
        return whoami(pair["access"]).status_code, post("refresh", refresh=pair["refresh"]).status_code

    @pytest.mark.needs("users_email")
    def test_a_model_that_keeps_the_salt_keeps_its_tokens(self, user, login, hashers, whoami, post):
        pair = login()
        hashers(Strong)
        assert self.statuses(login(), whoami, post) == (200, 200)
        assert get_user_model().objects.get().password != user.password
        assert self.statuses(pair, whoami, post) == (200, 200)

    @pytest.mark.needs("django's user")
    def test_one_that_does_not_loses_them(self, user, login, hashers, whoami, post):
        pair = login()
        hashers(Strong)
        assert self.statuses(login(), whoami, post) == (200, 200)
        assert self.statuses(pair, whoami, post) == (401, 401)

    def test_a_new_password_ends_them(self, user, login, whoami, post):
        pair = login()
        user.set_password("another")
        user.save()
        assert self.statuses(pair, whoami, post) == (401, 401)

    @pytest.mark.parametrize(
        ("hasher", "status"), [("keyed_or_md5_fingerprint", 200), ("keyed_fingerprint", 401), ("md5_fingerprint", 200)]
    )
    def test_tokens_of_5_5_1_are_good_in_the_window(self, user, simple_jwt, post, hasher, status):
        simple_jwt(REVOKE_TOKEN_HASHER="rest_framework_simplejwt.users.md5_fingerprint")
        old = str(RefreshToken.for_user(user))
        simple_jwt(REVOKE_TOKEN_HASHER=f"rest_framework_simplejwt.users.{hasher}")
        assert post("refresh", refresh=old).status_code == status

    def test_a_token_with_a_surrogate_is_refused(self, user, post):
        token = RefreshToken.for_user(user)
        token["hash_password"] = "\ud800"
        assert post("refresh", refresh=str(token)).status_code == 401
