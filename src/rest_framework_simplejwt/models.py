"""TokenUser: a user made from the claims of a token, without a database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models.manager import EmptyManager
from django.utils.functional import cached_property

from ._also import lazy_attributes
from .settings import api_settings

if TYPE_CHECKING:
    from django.contrib.auth.models import Group, Permission

    from .tokens import Token

else:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "auth_models": "django.contrib.auth.models",
        },
    )

__all__ = ["AnyUser", "AuthUser", "TokenUser"]


class TokenUser:
    """The ``request.user`` of ``JWTStatelessUserAuthentication``. Projects may subclass it (``TOKEN_USER_CLASS``).

    Each claim of the token is an attribute; the attribute of a missing claim is ``None``. A ``TokenUser`` has no
    groups and no permissions. ``save()``, ``delete()``, ``set_password()`` and ``check_password()`` raise
    ``NotImplementedError``.
    """

    # Inactive users are issued no tokens.
    is_active = True

    def __init__(self, token: Token) -> None:
        """Stores the verified token. Claims are read from it when they are asked for."""
        self.token = token

    def __str__(self) -> str:
        return f"TokenUser {self.id}"

    def __eq__(self, other: object) -> bool:
        """Returns whether both users have the same id, whatever their other claims are."""
        return self.id == other.id if isinstance(other, TokenUser) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __getattr__(self, name: str) -> Any:
        """Returns the claim ``name``, or ``None`` if the token has no such claim.

        Raises ``AttributeError`` for ``token`` and for names that begin with an underscore.
        """
        # copy, pickle and template engines look up underscore names, and `token` before it is set.
        if name.startswith("_") or name == "token":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.token.get(name)

    @cached_property
    def id(self) -> str | int:
        """The claim ``USER_ID_CLAIM``. Raises ``KeyError`` if the token has none."""
        return self.token[api_settings.USER_ID_CLAIM]  # type: ignore[no-any-return]  # claims are untyped

    @cached_property
    def pk(self) -> str | int:
        """The same as ``id``."""
        return self.id

    @cached_property
    def username(self) -> str:
        """The claim ``username``, or an empty string."""
        return self.token.get("username", "")  # type: ignore[no-any-return]  # claims are untyped

    @cached_property
    def is_staff(self) -> bool:
        """The claim ``is_staff``, or ``False``."""
        return self.token.get("is_staff", False)  # type: ignore[no-any-return]  # claims are untyped

    @cached_property
    def is_superuser(self) -> bool:
        """The claim ``is_superuser``, or ``False``."""
        return self.token.get("is_superuser", False)  # type: ignore[no-any-return]  # claims are untyped

    @property
    def is_anonymous(self) -> bool:
        """Always ``False``."""
        return False

    @property
    def is_authenticated(self) -> bool:
        """Always ``True``."""
        return True

    @property
    def groups(self) -> EmptyManager[Group]:
        """An empty manager: the user has no groups."""
        from django.contrib.auth.models import Group

        return EmptyManager(Group)

    @property
    def user_permissions(self) -> EmptyManager[Permission]:
        """An empty manager: the user has no permissions."""
        from django.contrib.auth.models import Permission

        return EmptyManager(Permission)

    def get_username(self) -> str:
        """Returns ``username``."""
        return self.username

    def get_group_permissions(self, obj: object = None) -> set[str]:
        """Returns an empty set."""
        return set()

    def get_all_permissions(self, obj: object = None) -> set[str]:
        """Returns an empty set."""
        return set()

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Returns ``False``, also for a superuser."""
        return False

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """Returns ``False``, also for a superuser."""
        return False

    def has_module_perms(self, module: str) -> bool:
        """Returns ``False``, also for a superuser."""
        return False

    def save(self, *args: object, **kwargs: object) -> NoReturn:
        """Raises ``NotImplementedError``."""
        raise NotImplementedError("Token users have no DB representation")

    def delete(self, *args: object, **kwargs: object) -> NoReturn:
        """Raises ``NotImplementedError``."""
        raise NotImplementedError("Token users have no DB representation")

    def set_password(self, raw_password: str) -> NoReturn:
        """Raises ``NotImplementedError``."""
        raise NotImplementedError("Token users have no DB representation")

    def check_password(self, raw_password: str) -> NoReturn:
        """Raises ``NotImplementedError``."""
        raise NotImplementedError("Token users have no DB representation")


# The user of a token: one from the database, or the TokenUser of JWTStatelessUserAuthentication.
AnyUser: TypeAlias = AbstractBaseUser | TokenUser
AuthUser = TypeVar("AuthUser", bound=AnyUser)
