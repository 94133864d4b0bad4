"""Password fingerprints in tokens, and how an upgrade of a password hash affects them."""

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
# Unusable passwords, hashes of old Django versions, and texts that are no hash.
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
    """As bcrypt: it accepts only salts of its own, or decodes to more than the salt."""

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
    """Sets the password hashers. The first one makes new hashes."""

    def use(*hashers):
        settings.PASSWORD_HASHERS = paths(*hashers)

    use(Weak, Strong, Other)
    return use


class Account(passwords.KeepsSalt):
    """The part of a user model that the mixin needs."""

    def __init__(self, password):
        self.password = password
        self._password = None
        self.saved = []

    def save(self, **kwargs):
        self.saved.append(kwargs)


def make_user(password=PASSWORD):
    return SimpleNamespace(password=make_password(password))


def accepts(user, claim, hasher):
    return users.is_password_unchanged(user, claim, hasher)


class TestFingerprint:
    @pytest.mark.parametrize("hasher", HASHERS)
    def test_it_is_accepted_until_the_password_is_changed(self, hasher):
        user = make_user()
        claim = users.password_fingerprint(user, hasher)
        assert accepts(user, claim, hasher)
        assert not accepts(make_user(), claim, hasher), "the same password, set again"

    @pytest.mark.parametrize("hasher", HASHERS)
    @pytest.mark.parametrize("claim", [None, 1, True, "", [], {}, "é", "\ud800", b"bytes"])
    def test_any_other_value_counts_as_a_changed_password(self, hasher, claim):
        assert not accepts(make_user(), claim, hasher)

    def test_a_lone_surrogate_equals_only_itself(self):
        assert not accepts(make_user(), "\ud800", lambda user: "?")
        assert not accepts(make_user(), "\ud800", lambda user: "\ud801")
        assert accepts(make_user(), "\ud800", lambda user: "\ud800")

    def test_a_project_may_have_its_own_hasher(self):
        assert users.password_fingerprint(make_user(), lambda user: ("new", "old")) == "new"
        assert [accepts(make_user(), claim, lambda user: ("new", "old")) for claim in ("new", "old", "n")] == [
            True,
            True,
            False,
        ]

    def test_a_hasher_without_fingerprints_accepts_nothing(self):
        assert not accepts(make_user(), "", lambda user: ())

    def test_md5_is_the_fingerprint_of_5_5_1(self):
        assert md5_fingerprint(SimpleNamespace(password="abc")) == "900150983CD24FB0D6963F7D28E17F72"

    @pytest.mark.parametrize("encoded", ODD_HASHES)
    def test_of_a_hash_without_a_salt_the_whole_hash_counts(self, hashers, encoded):
        hashers(Weak, Undecodable)
        user = SimpleNamespace(password=encoded)
        claim = users.password_fingerprint(user, keyed_fingerprint)
        assert accepts(user, claim, keyed_fingerprint)
        assert not accepts(SimpleNamespace(password=encoded + "x"), claim, keyed_fingerprint)

    def test_of_a_hash_with_a_short_salt_the_whole_hash_counts(self):
        first, second = [SimpleNamespace(password=Weak().encode(word, SHORT)) for word in ("one", "two")]
        assert keyed_fingerprint(first) != keyed_fingerprint(second)

    def test_a_salt_and_a_hash_with_the_same_text_differ(self):
        user = make_user()
        salt = SimpleNamespace(password=passwords.reusable_salt(user.password))
        assert keyed_fingerprint(user) != keyed_fingerprint(salt)

    def test_a_fingerprint_of_the_old_secret_key_is_accepted_while_that_is_a_fallback(self, settings):
        user = make_user()
        claim = users.password_fingerprint(user, keyed_fingerprint)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
        assert users.password_fingerprint(user, keyed_fingerprint) != claim
        assert accepts(user, claim, keyed_fingerprint)
        settings.SECRET_KEY_FALLBACKS = []
        assert not accepts(user, claim, keyed_fingerprint)

    def test_md5_fingerprints_are_accepted_only_by_the_hasher_for_both(self):
        user = make_user()
        old = md5_fingerprint(user)
        assert accepts(user, old, keyed_or_md5_fingerprint)
        assert not accepts(user, old, keyed_fingerprint)
        assert users.password_fingerprint(user, keyed_or_md5_fingerprint) == keyed_fingerprint(user)[0]


class TestUpgrade:
    @pytest.mark.parametrize("preferred", [Strong, Other])
    def test_it_keeps_the_salt(self, hashers, preferred):
        account = Account(make_password(PASSWORD))
        before, claim = account.password, users.password_fingerprint(account, keyed_fingerprint)
        hashers(preferred, Weak) if preferred is Other else hashers(preferred)
        assert account.check_password(PASSWORD)
        assert account.password != before
        assert identify_hasher(account.password).decode(account.password)["iterations"] == 2
        assert accepts(account, claim, keyed_fingerprint)
        assert account.saved == [{"update_fields": ["password"]}]
        assert account.check_password(PASSWORD), "the new hash is of the same password"
        assert len(account.saved) == 1, "and not outdated"

    def test_it_keeps_the_salt_in_acheck_password(self, hashers):
        account = Account(make_password(PASSWORD))
        claim = users.password_fingerprint(account, keyed_fingerprint)
        hashers(Strong)
        assert asyncio.run(account.acheck_password(PASSWORD))
        assert len(account.saved) == 1
        assert accepts(account, claim, keyed_fingerprint)

    def test_it_makes_md5_fingerprints_invalid(self, hashers):
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

    def test_it_replaces_a_salt_that_is_too_short(self, hashers):
        account = Account(Weak().encode(PASSWORD, SHORT))
        assert account.check_password(PASSWORD)
        assert passwords.reusable_salt(account.password)
        assert SHORT not in account.password

    @pytest.mark.parametrize("preferred", [OwnSalt, Picky, Mixing])
    def test_it_replaces_a_salt_that_the_hasher_does_not_accept(self, hashers, preferred):
        account = Account(make_password(PASSWORD))
        salt = passwords.reusable_salt(account.password)
        hashers(preferred, Weak)
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
    def test_tokens_survive_an_upgrade_if_the_model_keeps_the_salt(self, user, login, hashers, whoami, post):
        pair = login()
        hashers(Strong)
        assert self.statuses(login(), whoami, post) == (200, 200)
        assert get_user_model().objects.get().password != user.password
        assert self.statuses(pair, whoami, post) == (200, 200)

    @pytest.mark.needs("django's user")
    def test_tokens_do_not_survive_an_upgrade_otherwise(self, user, login, hashers, whoami, post):
        pair = login()
        hashers(Strong)
        assert self.statuses(login(), whoami, post) == (200, 200)
        assert self.statuses(pair, whoami, post) == (401, 401)

    def test_tokens_do_not_survive_a_new_password(self, user, login, whoami, post):
        pair = login()
        user.set_password("another")
        user.save()
        assert self.statuses(pair, whoami, post) == (401, 401)

    @pytest.mark.parametrize(
        ("hasher", "status"), [("keyed_or_md5_fingerprint", 200), ("keyed_fingerprint", 401), ("md5_fingerprint", 200)]
    )
    def test_tokens_of_5_5_1_are_accepted_by_the_hashers_that_know_md5(self, user, simple_jwt, post, hasher, status):
        simple_jwt(REVOKE_TOKEN_HASHER="rest_framework_simplejwt.users.md5_fingerprint")
        old = str(RefreshToken.for_user(user))
        simple_jwt(REVOKE_TOKEN_HASHER=f"rest_framework_simplejwt.users.{hasher}")
        assert post("refresh", refresh=old).status_code == status

    def test_a_token_with_a_lone_surrogate_is_refused(self, user, post):
        token = RefreshToken.for_user(user)
        token["hash_password"] = "\ud800"
        assert post("refresh", refresh=str(token)).status_code == 401
