"""What a racer does: functions of a module, so that they reach processes too."""

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
        """Of the refresh token, which is looked at and not asked for."""
        return RefreshToken(self.refresh, verify=False).payload


def refresh(text):
    return _post("/token/refresh/", text)


def log_out(text, head_start=0):
    """After the others had a ``head_start``, in seconds."""
    rendezvous.give_head_start(head_start)
    return _post("/token/blacklist/", text)


def _post(path, text):
    # The client raises what would be a 500.
    response = APIClient().post(path, {"refresh": text})
    return Answer(response.status_code, response.data.get("code"), response.data.get("refresh"))


def refresh_on_and_on(text, at_most):
    """The answers to a token and to what it was turned into, until one is refused."""
    answers = [refresh(text)]
    while answers[-1].status == 200 and len(answers) < at_most:
        # A log-out can come between two of them: a refresh itself is over in one statement.
        time.sleep(random.uniform(0, 0.02))
        answers.append(refresh(answers[-1].refresh))
    return answers


def refresh_until_refused(text, at_most):
    """As a thief does who takes a 503 as what it says: he asks again. The last answer."""
    answer = refresh(text)
    for _ in range(at_most):
        if answer.status == 401:
            break
        text = answer.refresh or text
        answer = refresh(text)
    return answer


def revoke(kind, key, lasting=timedelta(hours=1)):
    """Whether this racer was the first to revoke it."""
    rendezvous.meet()
    return store_of(kind).revoke(issued(key, lasting))[1]


def remember(kind, key, lasting=timedelta(hours=1)):
    return store_of(kind).remember(issued(key, lasting))[1]


def store_of(kind):
    return {"token": revocation.token_store, "family": revocation.family_store}[kind]()


def issued(key, lasting):
    now = aware_utcnow()
    return Issued(key, now, now + lasting, owner_pk=lambda: None, text=lambda: "")


def revoke_all(user_pk):
    rendezvous.meet()
    sessions.revoke_all(get_user_model().objects.get(pk=user_pk))


def purge():
    rendezvous.meet()
    return sum(revocation.token_store().purge(aware_utcnow(), batch_size=2))


def configure(simple_jwt):
    """In a process: the settings that the test has."""
    override_settings(SIMPLE_JWT=simple_jwt).enable()


@transaction.atomic
def ask(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def close_connections():
    connections.close_all()
