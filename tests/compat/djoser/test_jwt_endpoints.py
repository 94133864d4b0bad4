import pytest


@pytest.fixture
def pair(user, credentials, client):
    return client.post("/auth/jwt/create/", credentials).json()


@pytest.fixture
def me(client):
    return lambda access, scheme="JWT": client.get("/auth/users/me/", HTTP_AUTHORIZATION=f"{scheme} {access}")


def test_a_new_account_logs_in(db, client):
    account = {"username": "carol", "email": "carol@example.com", "password": "a long enough secret"}
    assert client.post("/auth/users/", account).status_code == 201
    assert set(client.post("/auth/jwt/create/", account).json()) == {"access", "refresh"}


def test_the_access_token_authenticates(pair, me):
    assert me(pair["access"]).json()["username"] == "alice"
    assert me(pair["access"], "Bearer").status_code == 401
    assert me(pair["refresh"]).status_code == 401


def test_refresh(pair, client, me):
    access = client.post("/auth/jwt/refresh/", {"refresh": pair["refresh"]}).json()["access"]
    assert me(access).status_code == 200


def test_verify(pair, client):
    assert client.post("/auth/jwt/verify/", {"token": pair["access"]}).status_code == 200
    assert client.post("/auth/jwt/verify/", {"token": "garbage"}).status_code == 401


def test_a_wrong_password_is_refused(pair, credentials, client):
    assert client.post("/auth/jwt/create/", {**credentials, "password": "wrong"}).status_code == 401
