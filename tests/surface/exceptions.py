"""Where this package deliberately differs from the published one: a path, the kind of difference, and the reason."""

from typing import NamedTuple


class Exemption(NamedTuple):
    path: str
    kind: str
    reason: str


TYPING = "a typing construct, which the published module imports for annotations"
STANDARD_LIBRARY = "of the standard library, which the published module imports for its own use"
MIGRATION = "a name in a historical migration, which no project imports"
HANDED_ON = "the published *args are passed to a callable that takes no other arguments than ours does"
LIVE = "the name of the setting instead of its value at import, so that a changed setting takes effect; both work"
LARGE_TABLES = "a page of the admin does not read the whole table"
OWN_MESSAGES = "DRF collects the messages of all base classes, so its own are still there"

EXCEPTIONS = [
    Exemption("*:Any", "missing", TYPING),
    Exemption("*:Callable", "missing", TYPING),
    Exemption("*:Optional", "missing", TYPING),
    Exemption("*:TypeVar", "missing", TYPING),
    Exemption("*:Union", "missing", TYPING),
    Exemption("utils:timegm", "missing", STANDARD_LIBRARY),
    Exemption("token_blacklist.migrations.0003_*:UUID", "missing", STANDARD_LIBRARY),
    Exemption("token_blacklist.migrations.0003_*:populate_jti_hex", "missing", MIGRATION),
    Exemption("token_blacklist.migrations.0003_*:reverse_populate_jti_hex", "missing", MIGRATION),
    Exemption("token_blacklist.migrations.0010_*:Path", "missing", STANDARD_LIBRARY),
    Exemption("token_blacklist.migrations.0010_*:parent_dir", "missing", MIGRATION),
    Exemption("token_blacklist.migrations.0011_*:Migration", "signature", MIGRATION),
    Exemption("token_blacklist.migrations.0011_*:fnmatch", "missing", STANDARD_LIBRARY),
    Exemption("token_blacklist.migrations.0011_*:models", "missing", MIGRATION),
    Exemption("token_blacklist.migrations.0011_*:os", "missing", STANDARD_LIBRARY),
    Exemption("token_blacklist.migrations.0011_*:parent_dir", "missing", MIGRATION),
    Exemption("authentication:JWTAuthentication", "signature", HANDED_ON),
    Exemption("authentication:JWTStatelessUserAuthentication", "signature", HANDED_ON),
    Exemption("authentication:JWTTokenUserAuthentication", "signature", HANDED_ON),
    Exemption("backends:cached_property", "origin", "Django's, which has no lock that a forked child may wait for"),
    Exemption("backends:PyJWKClient", "origin", "a client of our own under that name, bounded in time and size"),
    Exemption("serializers:AuthenticationFailed", "origin", "a subclass of DRF's, so that a failed login has its code"),
    Exemption("serializers:TokenRefreshSlidingSerializer.default_error_messages", "value", OWN_MESSAGES),
    Exemption("serializers:TokenVerifySerializer.default_error_messages", "value", OWN_MESSAGES),
    Exemption("tokens:SlidingToken", "signature", HANDED_ON),
    Exemption("tokens:*.verify", "signature", HANDED_ON),
    Exemption("views:Token*View._serializer_class", "value", LIVE),
    Exemption("token_blacklist.admin:*.get_queryset", "signature", HANDED_ON),
    Exemption("token_blacklist.admin:OutstandingTokenAdmin.get_readonly_fields", "signature", HANDED_ON),
    Exemption("token_blacklist.admin:OutstandingTokenAdmin.has_*_permission", "signature", HANDED_ON),
    Exemption("token_blacklist.admin:*.search_fields", "value", "by the user's name too, and by any kind of key"),
    Exemption("token_blacklist.admin:*.list_per_page", "value", LARGE_TABLES),
    Exemption("token_blacklist.admin:*.ordering", "value", LARGE_TABLES),
    Exemption("token_blacklist.admin:*.paginator", "origin", LARGE_TABLES),
    Exemption("token_blacklist.admin:*.show_full_result_count", "value", LARGE_TABLES),
    Exemption("token_blacklist.admin:BlacklistedTokenAdmin.raw_id_fields", "value", LARGE_TABLES),
    Exemption("token_blacklist.admin:*.list_select_related", "value", "one statement for the users of a whole page"),
    Exemption("token_blacklist.admin:OutstandingTokenAdmin.actions", "value", "tokens can be revoked there"),
    Exemption("token_blacklist.admin:OutstandingTokenAdmin.exclude", "value", "a token's text is a key: not shown"),
    Exemption("token_blacklist.management.commands.*:Command.help", "value", "says what the command does by now"),
]
