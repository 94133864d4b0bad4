"""All features enabled, and all errors in the format of drf-standardized-errors."""

from tests.projects.full.settings import *  # noqa: F403
from tests.projects.full.settings import INSTALLED_APPS, REST_FRAMEWORK

INSTALLED_APPS = [*INSTALLED_APPS, "drf_standardized_errors"]
REST_FRAMEWORK = {**REST_FRAMEWORK, "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler"}
