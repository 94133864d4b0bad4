"""A GET from real servers that are slow, unavailable, faulty or malicious."""

import socket
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from unittest import mock
from urllib.parse import urlsplit
from urllib.request import ProxyHandler

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from rest_framework_simplejwt.keys import fetch
from rest_framework_simplejwt.keys.fetch import MAX_BYTES, Deadline, FetchError
from tests.issuer import issuer
from tests.key_pairs import private_key

pytestmark = pytest.mark.needs("bare")

SHORT = 0.2
# Seconds that no test takes unless it hangs.
LONG = 5


@pytest.fixture
def server():
    with issuer() as server:
        yield server


@contextmanager
def gives_up(match=None):
    """Expects a `FetchError` in time."""
    began = time.monotonic()
    with pytest.raises(FetchError, match=match):
        yield
    assert time.monotonic() - began < LONG


def test_the_body_is_returned(server):
    server.respond_with(b"hello")
    assert fetch.get(server.url, timeout=LONG) == b"hello"


def test_the_request_has_accept_and_user_agent_headers(server):
    received = []
    server.respond_with(b"")
    respond = server.answer
    server.answer = lambda handler: (received.append(dict(handler.headers)), respond(handler))
    fetch.get(server.url, timeout=LONG)
    assert received[0]["Accept"] == "application/jwk-set+json, application/json"
    assert received[0]["User-Agent"] == "rest_framework_simplejwt"


def test_a_chunked_body_is_joined(server):
    server.answer = lambda handler: handler.wfile.write(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )
    assert fetch.get(server.url, timeout=LONG) == b"abc"


class TestTime:
    def test_a_server_that_does_not_answer_times_out(self, server):
        server.stay_silent()
        with gives_up():
            fetch.get(server.url, timeout=SHORT)

    @pytest.mark.parametrize(
        ("first", "drop"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
            (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
            (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
            (b"", b"H"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
            (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        ],
        ids=["body", "chunks", "endless body", "header", "status line", "continue", "redirect"],
    )
    def test_an_endless_trickle_of_bytes_times_out(self, server, first, drop):
        server.drip(first, drop)
        with gives_up():
            fetch.get(server.url, timeout=SHORT)

    def test_redirects_share_one_deadline(self, server):
        def answer(handler):
            server.stopped.wait(SHORT * 0.7)
            handler.send_response(302)
            handler.send_header("Location", "/again")
            handler.end_headers()

        server.answer = answer
        with gives_up("in time|timed out"):
            fetch.get(server.url, timeout=SHORT)
        assert server.requests <= 2

    def test_a_name_that_resolves_after_the_deadline_is_not_connected_to(self, server, monkeypatch):
        now = [0.0]
        resolve = socket.getaddrinfo

        def slow(*args, **kwargs):
            now[0] += 3
            return resolve(*args, **kwargs)

        monkeypatch.setattr(fetch.socket, "getaddrinfo", slow)
        with gives_up("in time"):
            fetch.get(server.url, timeout=2, now=lambda: now[0])
        assert server.requests == 0

    def test_a_tls_handshake_that_is_not_answered_times_out(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, gives_up():
            fetch.get(f"https://127.0.0.1:{listener.getsockname()[1]}/", timeout=SHORT)

    def test_a_deadline_counts_down_and_then_raises(self):
        now = [10.0]
        deadline = Deadline(2, lambda: now[0])
        now[0] = 11.5
        assert deadline.remaining() == 0.5
        now[0] = 12.0
        with pytest.raises(TimeoutError):
            deadline.remaining()


class TestAddresses:
    def test_the_next_address_is_tried_if_one_does_not_answer(self, server, monkeypatch):
        connect, resolve, tried = socket.create_connection, socket.getaddrinfo, []

        def create_connection(address, timeout):
            tried.append((address[0], timeout))
            if address[0] == "127.0.0.2":
                raise TimeoutError
            return connect(address, timeout)

        def getaddrinfo(host, port, *args, **kwargs):
            hosts = ["127.0.0.2", "127.0.0.1"] if host == "localhost" else [host]
            return [answer for host in hosts for answer in resolve(host, port, *args, **kwargs)]

        monkeypatch.setattr(fetch.socket, "create_connection", create_connection)
        monkeypatch.setattr(fetch.socket, "getaddrinfo", getaddrinfo)
        fetch.get(server.url.replace("127.0.0.1", "localhost"), timeout=LONG)
        assert [host for host, _ in tried] == ["127.0.0.2", "127.0.0.1"]
        assert tried[0][1] <= LONG / 2 < tried[1][1], "half for the first, the rest for the last"

    def test_the_handshake_gets_the_time_that_is_left_after_connecting(self, monkeypatch):
        now, connected = [0.0], mock.Mock()

        def create_connection(address, timeout):
            now[0] += 1.5
            return connected

        monkeypatch.setattr(fetch.socket, "create_connection", create_connection)
        assert fetch._connect(Deadline(2, lambda: now[0]), ("127.0.0.1", 443)) is connected
        connected.settimeout.assert_called_once_with(0.5)

    def test_a_host_without_an_address_is_an_error(self, monkeypatch):
        monkeypatch.setattr(fetch.socket, "getaddrinfo", lambda *args, **kwargs: [])
        monkeypatch.setattr(fetch, "ProxyHandler", lambda: ProxyHandler({}))
        with gives_up("no address"):
            fetch.get("https://issuer.test/", timeout=LONG)


class TestWrongResponses:
    def test_a_refused_connection_is_an_error(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with gives_up("refused"):
            fetch.get(f"http://127.0.0.1:{port}/", timeout=LONG)

    def test_a_connection_that_is_reset_is_an_error(self, server):
        server.reset_connection()
        with gives_up():
            fetch.get(server.url, timeout=LONG)

    @pytest.mark.parametrize("sent", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 OK\r\n\r\n", b"\x00" * 100])
    def test_a_response_that_is_no_http_is_an_error(self, server, sent):
        server.answer = lambda handler: handler.wfile.write(sent)
        with gives_up():
            fetch.get(server.url, timeout=LONG)

    @pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 401, 404, 429, 500, 503])
    def test_any_status_but_200_is_an_error(self, server, status):
        server.respond_with(b"{}", status)
        with gives_up(f"status {status}"):
            fetch.get(server.url, timeout=LONG)

    def test_a_body_of_the_maximum_size_is_returned(self, server):
        body = b"x" * MAX_BYTES
        server.respond_with(body)
        assert fetch.get(server.url, timeout=LONG) == body

    @pytest.mark.parametrize("head", [b"Content-Length: 1048577\r\n", b""])
    def test_a_larger_body_is_an_error_and_not_truncated(self, server, head):
        server.answer = lambda handler: handler.wfile.write(
            b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + b"x" * (MAX_BYTES + 1)
        )
        with gives_up("more than"):
            fetch.get(server.url, timeout=LONG)


def unreachable(*args, **kwargs):
    raise OSError("unreachable")


class TestURLs:
    @pytest.mark.parametrize(
        "url",
        [
            "http://issuer.test/jwks",
            "http://192.0.2.1/jwks",
            "http://0.0.0.0/jwks",
            "http://127.1/jwks",
            "http://127.0.0.1.issuer.test/",
            "http://localhost.issuer.test/",
            "http:///jwks",
            "https:///jwks",
            "file:///etc/passwd",
            "ftp://127.0.0.1/jwks",
            "data:application/json,{}",
            "/jwks",
            "",
            "https://user@issuer.test/",
            "https://user:password@issuer.test/",
            "http://127.0.0.1@192.0.2.1/",
            "http://127.0.0.1\\@192.0.2.1/",
            "http://127.0.0.1\\.issuer.test/",
            "http://127.0.0.1/\r\nHost: other",
            "http://127.0.0.1/ x",
            "http://127.0.0.1/é",
            "http://[::1/",
            "http://127.0.0.1:port/",
        ],
    )
    def test_other_urls_are_not_fetched(self, url, monkeypatch):
        monkeypatch.setattr(fetch.socket, "getaddrinfo", None)
        monkeypatch.setattr(fetch.socket, "create_connection", None)
        with gives_up():
            fetch.get(url, timeout=LONG)

    @pytest.mark.parametrize(
        "url",
        [
            "https://issuer.test\\.evil.test/",
            "https://issuer.test/\r\nHost: evil.test",
            "https://issuer.test/a b",
            "https://issuer.test/\0",
            "https://issuer.test/\x7f",
            "https://issuer\u3002test/",
            "http\n://keycloak/",
        ],
    )
    def test_characters_that_parsers_treat_differently_are_refused(self, url):
        with pytest.raises(FetchError, match="characters that are not allowed in URLs"):
            fetch.check_url(url, allow_http=True)

    def test_by_default_http_is_allowed_for_this_machine_only(self):
        assert fetch.check_url("http://localhost/").hostname == "localhost"
        with pytest.raises(FetchError, match="nor http on this machine"):
            fetch.check_url("http://issuer.test/")

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "[::1]"])
    def test_http_to_this_machine_is_fetched(self, host, monkeypatch):
        monkeypatch.setattr(fetch.socket, "create_connection", unreachable)
        with gives_up("unreachable"):
            fetch.get(f"http://{host}:80/", timeout=LONG)

    @pytest.mark.parametrize("url", ["http://keycloak:8080/certs", "http://192.0.2.1/jwks", "http://127.1/jwks"])
    def test_http_to_other_machines_is_fetched_if_allowed(self, url, monkeypatch):
        monkeypatch.setattr(fetch.socket, "getaddrinfo", unreachable)
        monkeypatch.setattr(fetch, "ProxyHandler", lambda: ProxyHandler({}))
        with gives_up("unreachable"):
            fetch.get(url, timeout=LONG, allow_http=True)

    @pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "http:///jwks", "http://a@b/", "jwks"])
    def test_allowing_http_allows_no_other_scheme(self, url, monkeypatch):
        monkeypatch.setattr(fetch.socket, "getaddrinfo", None)
        with gives_up("the URL"):
            fetch.get(url, timeout=LONG, allow_http=True)


class TestRedirects:
    def redirect(self, server, *targets):
        """Make a server answer with a redirect to each target in turn, and then as before."""
        respond = server.answer
        steps = iter(targets)

        def answer(handler):
            target = next(steps, None)
            if target is None:
                return respond(handler)
            handler.send_response(302)
            if target:
                handler.send_header("Location", target)
            return handler.end_headers()

        server.answer = answer

    def test_three_redirects_are_followed(self, server):
        server.respond_with(b"hello")
        self.redirect(server, "/a", "b", server.url.replace("http://", "HTTP://"))
        assert fetch.get(server.url, timeout=LONG) == b"hello"
        assert server.paths == ["/jwks", "/a", "/b", "/jwks"]

    @pytest.mark.parametrize("status", [301, 303, 307, 308])
    def test_each_status_of_a_redirect_is_followed(self, server, status):
        server.respond_with(b"hello")
        after = server.answer

        def answer(handler):
            server.answer = after
            handler.send_response(status)
            handler.send_header("Location", "/there")
            handler.end_headers()

        server.answer = answer
        assert fetch.get(server.url, timeout=LONG) == b"hello"

    def test_a_loop_is_an_error(self, server):
        self.redirect(server, *["/jwks"] * 100)
        with gives_up("more than 3 redirects"):
            fetch.get(server.url, timeout=LONG)
        assert server.requests == 4

    @pytest.mark.parametrize("allow_http", [False, True])
    @pytest.mark.parametrize(
        "target",
        [
            "file:///etc/passwd",
            "ftp://127.0.0.1:{port}/",
            "http://issuer.test:{port}/",
            "//issuer.test/",
            "//localhost:{port}/",
            "http://127.0.0.2:{port}/",
            "http://[::1]:{port}/",
            "http://127.0.0.1/",
            "http://127.0.0.1:1/",
            "https://127.0.0.1:{port}/",
            "data:,x",
        ],
    )
    def test_a_redirect_to_another_origin_is_not_followed(self, server, target, allow_http):
        self.redirect(server, target.format(port=urlsplit(server.url).port))
        with gives_up("redirect to another origin"):
            fetch.get(server.url, timeout=LONG, allow_http=allow_http)
        assert server.requests == 1

    @pytest.mark.parametrize("target", ["http://127.0.0.1:x/", "http://[::1"])
    def test_a_redirect_to_an_invalid_url_is_an_error(self, server, target):
        self.redirect(server, target)
        with gives_up("ValueError"):
            fetch.get(server.url, timeout=LONG)
        assert server.requests == 1

    def test_a_redirect_to_a_url_with_a_password_is_not_followed(self, server):
        self.redirect(server, server.url.replace("127.0.0.1", "user:password@127.0.0.1"))
        with gives_up("a user name or a password"):
            fetch.get(server.url, timeout=LONG)
        assert server.requests == 1

    @pytest.mark.parametrize(
        ("url", "same"),
        [
            ("https://issuer.test", True),
            ("https://ISSUER.test:443/a", True),
            ("https://issuer.test:80/", False),
            ("http://issuer.test:443/", False),
            ("https://issuer.test.:443/", False),
        ],
    )
    def test_the_port_of_an_origin_may_be_left_out(self, url, same):
        assert (fetch._origin(url) == fetch._origin("https://issuer.test/jwks")) is same
        assert fetch._origin("http://issuer.test") == fetch._origin("http://issuer.test:80")

    def test_a_redirect_without_a_location_is_an_error(self, server):
        self.redirect(server, "")
        with gives_up("without a Location"):
            fetch.get(server.url, timeout=LONG)

    def test_the_body_of_a_redirect_is_not_read(self, server):
        """urllib's own handler reads all of it, however long it is."""
        server.respond_with(b"hello")
        after = server.answer

        def answer(handler):
            server.answer = after
            handler.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 9999999999\r\n\r\n")
            server.stopped.wait(LONG)

        server.answer = answer
        began = time.monotonic()
        assert fetch.get(server.url, timeout=60) == b"hello"
        assert time.monotonic() - began < LONG


def certificate(folder):
    """A PEM file with a self-signed certificate for localhost and its key."""
    key = private_key("ES256")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.now(timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "issuer.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(pem)
    )
    return path


class TestHTTPS:
    @pytest.fixture
    def pem(self, tmp_path):
        return certificate(tmp_path)

    @pytest.fixture
    def secure(self, pem):
        with issuer(certificate=pem) as server:
            yield server

    def test_a_trusted_certificate_is_accepted(self, secure, pem, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        secure.respond_with(b"hello")
        assert fetch.get(secure.url, timeout=LONG) == b"hello"

    def test_an_untrusted_certificate_is_an_error(self, secure):
        with gives_up("CERTIFICATE_VERIFY_FAILED"):
            fetch.get(secure.url, timeout=LONG)

    def test_a_certificate_for_another_host_is_an_error(self, secure, pem, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        with gives_up("CERTIFICATE_VERIFY_FAILED"):
            fetch.get(secure.url.replace("localhost", "127.0.0.1"), timeout=LONG)

    @pytest.mark.parametrize("allow_http", [False, True])
    def test_a_redirect_to_http_is_not_followed(self, secure, pem, monkeypatch, allow_http):
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        TestRedirects().redirect(secure, secure.url.replace("https", "http"))
        with gives_up("redirect to another origin"):
            fetch.get(secure.url, timeout=LONG, allow_http=allow_http)
        assert secure.requests == 1

    def test_a_redirect_to_the_same_origin_is_followed(self, secure, pem, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        secure.respond_with(b"hello")
        TestRedirects().redirect(secure, secure.url)
        assert fetch.get(secure.url, timeout=LONG) == b"hello"

    def test_an_endless_body_times_out_over_tls(self, secure, pem, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        secure.drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x")
        with gives_up():
            fetch.get(secure.url, timeout=SHORT)


class TestProxies:
    @pytest.fixture
    def proxy(self, monkeypatch):
        """The first lines of the requests to a proxy, which answers 403."""
        requests = []
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve():
                while True:
                    try:
                        client, _ = listener.accept()
                    except OSError:
                        return
                    with client:
                        requests.append(client.recv(1000).split(b"\r\n")[0])
                        client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            for name in ("http_proxy", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{listener.getsockname()[1]}")
            for name in ("no_proxy", "NO_PROXY"):
                monkeypatch.delenv(name, raising=False)
            yield requests
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def test_https_uses_the_proxy_of_the_environment(self, proxy):
        with gives_up("403"):
            fetch.get("https://issuer.test/jwks", timeout=LONG)
        assert [request.split(b" HTTP")[0] for request in proxy] == [b"CONNECT issuer.test:443"]

    def test_http_to_another_machine_uses_the_proxy(self, proxy, monkeypatch):
        with gives_up("403"):
            fetch.get("http://keycloak:8080/certs", timeout=LONG, allow_http=True)
        assert proxy == [b"GET http://keycloak:8080/certs HTTP/1.1"]
        monkeypatch.setenv("no_proxy", "keycloak")
        monkeypatch.setattr(fetch.socket, "getaddrinfo", unreachable)
        with gives_up("unreachable"):
            fetch.get("http://keycloak:8080/certs", timeout=LONG, allow_http=True)
        assert len(proxy) == 1

    def test_requests_to_this_machine_do_not_use_the_proxy(self, proxy, server):
        server.respond_with(b"hello")
        assert fetch.get(server.url, timeout=LONG) == b"hello"
        with gives_up():
            fetch.get(server.url.replace("http", "https"), timeout=LONG)
        assert proxy == []

    def test_a_proxy_that_sends_endless_headers_times_out(self, server, monkeypatch):
        server.drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")
        monkeypatch.setenv("https_proxy", server.url)
        with gives_up():
            fetch.get("https://issuer.test/", timeout=SHORT)
        assert server.paths == ["issuer.test:443"]
