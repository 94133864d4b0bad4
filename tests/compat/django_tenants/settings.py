"""django-tenants: each tenant has its own schema with its own users and tokens."""

from tests.projects.base import *  # noqa: F403
from tests.projects.base import BLACKLIST_APP, FAMILY_APP, database

SHARED_APPS = ["django_tenants", "tests.compat.django_tenants.customers"]
TENANT_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", BLACKLIST_APP, FAMILY_APP]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware"]
TENANT_MODEL = "customers.Customer"
TENANT_DOMAIN_MODEL = "customers.Domain"
ALLOWED_HOSTS = [".example"]
ROOT_URLCONF = "tests.urls"
STATEMENT_TIMEOUT = 5_000
DATABASES = {
    "default": {
        **database("django_tenants"),
        "ENGINE": "django_tenants.postgresql_backend",
        "OPTIONS": {"options": f"-c statement_timeout={STATEMENT_TIMEOUT}"},
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True, "TOKEN_FAMILY_ENABLED": True}
