"""Another Django service, with the settings on its standard input: prints the token's user id and claims."""

import json
import sys

import django
from django.conf import settings

token = sys.argv[1]
written = {}
exec(sys.stdin.read(), written)
settings.configure(
    SECRET_KEY="the secret of another service, which verifies no other tokens",
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    **{name: value for name, value in written.items() if name.isupper()},
)
django.setup()

from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.test import APIRequestFactory  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

request = APIView().initialize_request(APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {token}"))
try:
    print(json.dumps({"user_id": request.user.id, **request.auth.payload}))
except AuthenticationFailed as error:
    sys.exit(f"refused: {error.get_codes()}")
