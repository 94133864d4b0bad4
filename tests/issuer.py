"""A remote issuer: a real HTTP server on this machine, whose behaviour a test chooses."""

import json
import socket
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.key_pairs import private_key

_ALGORITHMS = {
    rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
    ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
    ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
}


def jwk(private, kid, **members):
    """The public part of a private key, as a JWK."""
    algorithm = next(algorithm for kind, algorithm in _ALGORITHMS.items() if isinstance(private, kind))
    return {**algorithm.to_jwk(private.public_key(), as_dict=True), "kid": kid, **members}


def key_set(*keys):
    """The text of a JWK Set, by default of one RSA key with the kid "first"."""
    return json.dumps({"keys": list(keys) or [jwk(private_key("RS"), "first")]}).encode()


def signed(private=None, kid="first", *, algorithm="RS256", headers=None, **claims):
    headers = {"kid": kid} if headers is None else headers
    return jwt.encode(claims, private or private_key("RS"), algorithm=algorithm, headers=headers)


class Issuer:
    """`answer` is called with the handler of each request; `requests` counts the requests."""

    def __init__(self, origin):
        self.url = f"{origin}/jwks"
        self.requests = 0
        self.paths = []
        self.stopped = threading.Event()
        self.respond_with(key_set())

    def respond_with(self, body, status=200, **headers):
        def answer(handler):
            handler.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body)

        self.answer = answer

    def drip(self, first, drop):
        """Sends `first`, and then `drop` again and again, until the server stops."""

        def answer(handler):
            handler.wfile.write(first)
            while not self.stopped.wait(0.02):
                handler.wfile.write(drop)

        self.answer = answer

    def stay_silent(self):
        self.answer = lambda handler: self.stopped.wait(30)

    def reset_connection(self):
        """Sends half of the headers, and resets the connection."""

        def answer(handler):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-")
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

        self.answer = answer


@contextmanager
def issuer(certificate=None):
    """Run a server within the context. `certificate` is a PEM file with a certificate and its key, for HTTPS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            served.requests += 1
            served.paths.append(self.path)
            self.close_connection = True
            # The client may have closed the connection, as it should.
            with suppress(OSError):
                served.answer(self)

        do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        served = Issuer(f"http://127.0.0.1:{server.server_port}")
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            served = Issuer(f"https://localhost:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            served.stopped.set()
            server.shutdown()
            thread.join()
