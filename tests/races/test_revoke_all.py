"""All sessions of a user are ended while their tokens are refreshed."""

from datetime import timedelta
from uuid import uuid4

import pytest

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.utils import aware_utcnow

from . import tasks
from .conftest import FEW, ON_REDIS, ROUNDS, turns


@pytest.fixture(params=[True, False], ids=["families", "no families"])
def families(settings, request):
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "TOKEN_FAMILY_ENABLED": request.param}
    return request.param


def fill(user, count):
    """Record ``count`` revoked tokens of the user, as earlier refreshes would."""
    if ON_REDIS:
        revocation.token_store().fill(user.pk, count)
        return
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

    now = aware_utcnow()
    rows = OutstandingToken.objects.bulk_create(
        OutstandingToken(user=user, jti=uuid4().hex, token="", created_at=now, expires_at=now + timedelta(hours=1))
        for _ in range(count)
    )
    ids = OutstandingToken.objects.filter(jti__in=[row.jti for row in rows]).values_list("pk", flat=True)
    BlacklistedToken.objects.bulk_create(BlacklistedToken(token_id=pk) for pk in ids)


class TestRevokeAll:
    def test_no_earlier_token_can_be_refreshed_afterwards(self, families, threads, processes, new_token, user):
        # A family is revoked with one record. Without families each successor must be revoked.
        for crew, after_check in turns(threads, processes, rounds=FEW if families else ROUNDS):
            texts = [str(new_token()) for _ in range(3)]
            refreshing = [(tasks.refresh_repeatedly, text, 3) for text in texts * crew.size][: crew.size - 1]
            _, *chains = crew.race([(tasks.revoke_all, user.pk), *refreshing], after_check=after_check)
            successors = {answer.refresh for chain in chains for answer in chain if answer.status == 200}
            assert {tasks.refresh(text).status for text in {*texts, *successors}} == {401}

    @pytest.mark.parametrize("families", [False], indirect=True)
    def test_the_tokens_of_an_attacker_who_refreshes_without_a_pause_are_revoked(
        self, families, threads, new_token, user
    ):
        """`revoke_all` goes through many older tokens meanwhile."""
        for _ in range(3):
            fill(user, 3000)
            attackers = [(tasks.refresh_until_refused, str(new_token()), 1000) for _ in range(threads.size - 1)]
            _, *last = threads.race([(tasks.revoke_all, user.pk), *attackers])
            assert {answer.status for answer in last} == {401}
