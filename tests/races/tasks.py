"""The tasks of racers. They are functions of a module, so they can be sent to processes."""

import random
import time
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction
from django.test import override_settings
from rest_framework.test import APIClient

from rest_framework_simplejwt import revocation, sessions
from rest_framework_simplejwt.revocation import Issued
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import aware_utcnow

from . import rendezvous


@dataclass(frozen=True)
class Answer:
    status: int
    code: str | None = None
    refresh: str | None = None

    @property
    def claims(self):
        """The claims of the refresh token, which is not verified."""
        return RefreshToken(self.refresh, verify=False).payload


def refresh(text):
    return _post("/token/refresh/", text)


def log_out(text, delay=0):
    """Log out, ``delay`` seconds after the racers have met."""
    rendezvous.delay_after_meeting(delay)
    return _post("/token/blacklist/", text)


def _post(path, text):
    # The client raises an exception instead of returning a 500.
    response = APIClient().post(path, {"refresh": text})
    return Answer(response.status_code, response.data.get("code"), response.data.get("refresh"))


def refresh_repeatedly(text, at_most):
    """Refresh a token, then its successors, until one is rejected. Return all answers."""
    answers = [refresh(text)]
    while answers[-1].status == 200 and len(answers) < at_most:
        # Leaves time for a log-out between two refreshes.
        time.sleep(random.uniform(0, 0.02))
        answers.append(refresh(answers[-1].refresh))
    return answers


def refresh_until_refused(text, at_most):
    """Refresh a token and its successors, and retry after a 503. Return the last answer."""
    answer = refresh(text)
    for _ in range(at_most):
        if answer.status == 401:
            break
        text = answer.refresh or text
        answer = refresh(text)
    return answer


def revoke(kind, record_id, lifetime=timedelta(hours=1)):
    """Revoke an id. Return whether this racer was the first."""
    rendezvous.meet()
    return store_of(kind).revoke(issued(record_id, lifetime))[1]


def remember(kind, record_id, lifetime=timedelta(hours=1)):
    return store_of(kind).remember(issued(record_id, lifetime))[1]


def store_of(kind):
    return {"token": revocation.token_store, "family": revocation.family_store}[kind]()


def issued(record_id, lifetime):
    now = aware_utcnow()
    return Issued(record_id, now, now + lifetime, owner_pk=lambda: None, text=lambda: "")


def revoke_all(user_pk):
    rendezvous.meet()
    sessions.revoke_all(get_user_model().objects.get(pk=user_pk))


def purge():
    rendezvous.meet()
    return sum(revocation.token_store().purge(aware_utcnow(), batch_size=2))


def configure(simple_jwt):
    """Use the settings of the test in this process."""
    override_settings(SIMPLE_JWT=simple_jwt).enable()


@transaction.atomic
def query(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def close_connections():
    connections.close_all()
