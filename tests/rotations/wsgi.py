import os
import time

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from rest_framework_simplejwt import state  # noqa: E402  # it reads the settings

# The workers read the directory at different times, so one gets a new key before the other.
time.sleep(os.getpid() % 4 / 2)
assert state.token_backend.ring is not None
