"""A tenant is created while others are in use, and has its own tokens."""

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django_tenants.utils import schema_context
from rest_framework.test import APIClient

from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.token_family.models import TokenFamily
from tests.compat.django_tenants.customers.models import Customer, Domain

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse"


@pytest.fixture
def tenant():
    """Creates a tenant with its own schema, domain and user, and deletes them after the test."""
    made = []

    def make(name):
        customer = Customer(schema_name=name, name=name)
        customer.save(verbosity=0)
        made.append(customer)
        Domain.objects.create(tenant=customer, domain=f"{name}.example", is_primary=True)
        with schema_context(name):
            get_user_model().objects.create_user("alice", password=PASSWORD)
        return APIClient(HTTP_HOST=f"{name}.example")

    yield make
    connection.set_schema_to_public()
    for customer in made:
        customer.delete(force_drop=True)


@pytest.fixture
def snapshot():
    """Keeps a transaction open on another connection. STATEMENT_TIMEOUT limits how long the test waits for it."""
    parameters = connection.get_connection_params()
    names = "dbname", "user", "password", "host", "port"
    with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT 1 FROM customers_customer")
        yield
        assert other.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        other.rollback()


def log_in(client):
    answer = client.post("/token/", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 200
    return answer.json()


def test_a_tenant_is_created_while_a_transaction_is_open(tenant, snapshot):
    client = tenant("acme")
    assert log_in(client).keys() == {"access", "refresh"}


def test_each_tenant_has_the_indexes_of_the_flush(tenant):
    tenant("acme")
    tenant("globex")
    with connection.cursor() as cursor:
        cursor.execute("SELECT schemaname FROM pg_indexes WHERE indexname LIKE '%%token%%_expires_at' ORDER BY 1")
        assert [schema for (schema,) in cursor.fetchall()] == ["acme", "acme", "globex", "globex"]


def test_a_token_is_refreshed_and_consumed_within_its_tenant(tenant):
    client = tenant("acme")
    spent = log_in(client)["refresh"]
    assert client.post("/token/refresh/", {"refresh": spent}).status_code == 200
    assert client.post("/token/refresh/", {"refresh": spent}).status_code == 401
    access = log_in(client)["access"]
    assert client.get("/whoami/", headers={"authorization": f"Bearer {access}"}).status_code == 200


def test_a_tenant_has_no_tokens_of_another(tenant):
    acme, globex = tenant("acme"), tenant("globex")
    refresh = log_in(acme)["refresh"]
    assert acme.post("/token/refresh/", {"refresh": refresh}).status_code == 200
    log_in(globex)
    counts = {}
    for name in ("acme", "globex"):
        with schema_context(name):
            counts[name] = [model.objects.count() for model in (OutstandingToken, BlacklistedToken, TokenFamily)]
    assert counts == {"acme": [2, 1, 1], "globex": [1, 0, 1]}
