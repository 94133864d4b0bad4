"""What is public, name by name: a name that comes or goes has to come or go here too.

A module that is not in the table is private, as the docstring of the package says.
"""

import importlib
import inspect
import pkgutil
import re

import pytest

import rest_framework_simplejwt

PACKAGE = "rest_framework_simplejwt"

PUBLIC = {
    "": "__version__",
    "apps": "SimpleJWTConfig",
    "authentication": (
        "AUTH_HEADER_TYPES AUTH_HEADER_TYPE_BYTES AuthUser AuthenticationFailed InvalidToken JWTAuthentication "
        "JWTStatelessUserAuthentication JWTTokenUserAuthentication TokenError TokenUser api_settings "
        "default_user_authentication_rule"
    ),
    "backends": "JWK_CLIENT_AVAILABLE PyJWKClient TokenBackend TokenBackendError TokenBackendExpiredToken",
    "cache": "BlacklistCache blacklist_cache",
    "exceptions": (
        "AuthenticationFailed DatabaseUnavailable DetailDictMixin ExpiredTokenError InvalidToken KeysUnavailable "
        "LoginFailed NoSigningKey RefreshTokenBlacklistedError RefusalCode RequestTooLarge "
        "RevocationDatabaseUnavailable RevocationUnavailable ServiceUnavailable TokenBackendError "
        "TokenBackendExpiredToken TokenError TokenFamilyNotConfigured TokenHasNoFamily"
    ),
    "foreign": "ForeignToken",
    "management.commands.generatesigningkey": "Command",
    "management.commands.revoketokens": "Command",
    "management.commands.rotatesigningkeys": "Command",
    "models": "AnyUser AuthUser TokenUser",
    "passwords": "KeepsSalt",
    "revocation": (
        "Issued Lookup RevocationStore Successor blacklist_installed can_revoke_families can_revoke_tokens "
        "expiry_cutoff family_installed family_store token_store verify_for_access"
    ),
    "revocation.redis": "RedisStore TIMEOUT",
    "serializers": (
        "AuthUser PasswordField TokenBlacklistSerializer TokenFamilyBlacklistSerializer TokenField "
        "TokenObtainPairSerializer TokenObtainSerializer TokenObtainSlidingSerializer TokenRefreshSerializer "
        "TokenRefreshSlidingSerializer TokenUser TokenVerifySerializer api_settings default_on_login_failed "
        "default_on_login_success"
    ),
    "sessions": "Revoked revoke_all revoke_everything revoke_family revoke_token",
    "settings": (
        "APISettings DEFAULTS IMPORT_STRINGS REMOVED_SETTINGS Setting USER_SETTINGS UserSettings api_settings "
        "reload_api_settings"
    ),
    "signals": "family_revoked refresh_token_reused token_issued token_refreshed token_revoked",
    "state": "token_backend",
    "token_blacklist.admin": "BlacklistedToken BlacklistedTokenAdmin OutstandingToken OutstandingTokenAdmin",
    "token_blacklist.apps": "TokenBlacklistConfig",
    "token_blacklist.management.commands.flushexpiredtokens": "Command",
    "token_blacklist.models": "BlacklistedToken OutstandingToken",
    "token_family.admin": "BlacklistedTokenFamily BlacklistedTokenFamilyAdmin TokenFamily TokenFamilyAdmin",
    "token_family.apps": "TokenFamilyConfig",
    "token_family.management.commands.flushexpiredfamilies": "Command",
    "token_family.models": "BlacklistedTokenFamily TokenFamily",
    "tokens": (
        "AccessToken AuthUser BlacklistMixin ExpiredTokenError FamilyMixin RefreshToken RefreshTokenBlacklistedError "
        "SlidingToken Token TokenBackendError TokenBackendExpiredToken TokenError TokenUser UntypedToken api_settings "
        "aware_utcnow datetime_to_epoch logger"
    ),
    "users": "keyed_fingerprint keyed_or_md5_fingerprint md5_fingerprint",
    "utils": ("aware_utcnow datetime_from_epoch datetime_to_epoch format_lazy get_md5_hash_password logger make_utc"),
    "views": (
        "JWKSView TokenBlacklistView TokenFamilyBlacklistView TokenObtainPairView TokenObtainSlidingView "
        "TokenRefreshSlidingView TokenRefreshView TokenVerifyView TokenViewBase jwks token_blacklist "
        "token_family_blacklist token_obtain_pair token_obtain_sliding token_refresh token_refresh_sliding token_verify"
    ),
}

# Functions and classes that public modules define for other modules of the package.
FOR_THE_PACKAGE = {
    "passwords": "reusable_salt rehash",
    "revocation.redis": "Revocation",
    "signals": "send",
    "state": "build_key_directory configured_keys get_ring_source published_keys",
    "users": (
        "UsersNotStored check_user_instance find find_on_primary is_active is_deleted is_password_unchanged is_user_id "
        "is_valid_for_field password_fingerprint read_from_primary"
    ),
    "utils": "is_storable seconds_since_epoch",
}

# Modules that import no app, nor the admin.
OF_NO_APP = [module for module in PUBLIC if not module.endswith((".admin", ".redis", "models"))]


def load(module):
    return importlib.import_module(f"{PACKAGE}.{module}" if module else PACKAGE)


def star_import(module):
    namespace = {}
    exec(f"from {load(module).__name__} import *", namespace)
    return namespace.keys() - {"__builtins__"}


@pytest.mark.needs("full")
@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_exports_the_names_in_the_table(module):
    names = set(PUBLIC[module].split())
    assert set(load(module).__all__) == names
    assert star_import(module) == names


@pytest.mark.needs("bare")
@pytest.mark.parametrize("module", OF_NO_APP)
def test_star_imports_need_no_app(module):
    assert star_import(module) == set(PUBLIC[module].split())


@pytest.mark.needs("full")
@pytest.mark.parametrize("module", PUBLIC)
def test_what_a_public_module_defines_is_public_or_named_as_internal(module):
    loaded = load(module)
    defined = {
        name
        for name, thing in vars(loaded).items()
        if (inspect.isclass(thing) or inspect.isfunction(thing)) and thing.__module__ == loaded.__name__
    }
    internal = {name for name in defined - set(loaded.__all__) if not name.startswith("_")}
    assert internal == set(FOR_THE_PACKAGE.get(module, "").split())


@pytest.mark.needs("full")
def test_the_docstring_of_the_package_names_the_public_modules():
    documented = set(re.findall(r"``([\w.]+)``", rest_framework_simplejwt.__doc__)) - {"__all__"}
    modules = {module for module in PUBLIC if module and "commands" not in module}
    of_apps = {module for module in modules if module.startswith(("token_blacklist.", "token_family."))}
    in_short = {part for module in of_apps for part in module.split(".")}
    assert documented == modules - of_apps | in_short


@pytest.mark.needs("full")
def test_a_private_module_exports_nothing_but_the_checks():
    modules = pkgutil.walk_packages(rest_framework_simplejwt.__path__, f"{PACKAGE}.")
    names = {module.name.removeprefix(f"{PACKAGE}.") for module in modules}
    assert PUBLIC.keys() - {""} <= names
    exporting = {name for name in names if "migrations" not in name and hasattr(load(name), "__all__")}
    assert exporting - PUBLIC.keys() == {"checks"}
