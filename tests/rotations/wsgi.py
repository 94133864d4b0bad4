import os
import time

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from rest_framework_simplejwt import state  # noqa: E402  # it reads the settings

# The workers look at their directory at different moments: one knows of a key before the other does.
time.sleep(os.getpid() % 4 / 2)
assert state.token_backend.ring is not None
