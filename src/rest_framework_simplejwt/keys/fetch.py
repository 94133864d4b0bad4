"""One GET that is bounded: in time, in size, and in the places it may lead to."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from io import BufferedReader, RawIOBase
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import AbstractHTTPHandler, OpenerDirector, ProxyHandler, Request

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_BYTES = 1024 * 1024
MAX_REDIRECTS = 3

HEADERS = {"Accept": "application/jwk-set+json, application/json", "User-Agent": "rest_framework_simplejwt"}


class FetchError(Exception):
    """No whole answer of status 200 came in time from a place that may be asked."""


class Deadline:
    """A moment after which nothing is waited for, ``seconds`` from now on the clock ``now``."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._now = now
        self._end = now() + seconds

    def left(self) -> float:
        """The seconds until then, more than 0. Raises ``TimeoutError`` once it has passed."""
        seconds = self._end - self._now()
        if seconds <= 0:
            raise TimeoutError("no whole answer in time")
        return seconds


def get(url: str, *, timeout: float, allow_http: bool = False, now: Callable[[], float] = monotonic) -> bytes:
    """The body behind ``url``, which is ``https``, or ``http`` on this machine or, with ``allow_http``, on any.

    Redirects are followed within the origin of ``url`` alone. Gives up after ``timeout`` seconds in all,
    whatever the bytes drip; a name that resolves slowly is noticed only when it has resolved.
    Raises ``FetchError``, and nothing else.
    """
    deadline = Deadline(timeout, now)
    try:
        for _ in range(1 + MAX_REDIRECTS):
            with closing(_get(url, deadline, allow_http=allow_http)) as response:
                if response.status not in {301, 302, 303, 307, 308}:
                    return _body(response)
                url = _target(url, response.headers.get("Location"))
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(f"{type(error).__name__}: {error}") from error
    raise FetchError(f"more than {MAX_REDIRECTS} redirects")


def _get(url: str, deadline: Deadline, *, allow_http: bool) -> HTTPResponse:
    """The answer's head, of whatever status."""
    # Nothing but these: no opener for file: or ftp:, and none that reads a redirect's body to its end.
    opener = OpenerDirector()
    opener.addheaders = list(HEADERS.items())
    opener.add_handler(_Bounded(deadline))
    if not _is_loopback(checked(url, allow_http=allow_http)):
        opener.add_handler(ProxyHandler())
    response: HTTPResponse = opener.open(Request(url), timeout=deadline.left())  # noqa: S310  # checked says what may be opened
    return response


def _body(response: HTTPResponse) -> bytes:
    if response.status != 200:
        raise FetchError(f"status {response.status}")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FetchError(f"more than {MAX_BYTES} bytes")
    return body


def _target(url: str, location: str | None) -> str:
    if location is None:
        raise FetchError("a redirect to nowhere")
    target = urljoin(url, location)
    # Who answers there would say whose tokens are good (an open redirect of the issuer's is enough).
    if _origin(target) != _origin(url):
        raise FetchError("a redirect to another origin")
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """As RFC 6454 section 4 has it: scheme, host and port."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, default if parts.port is None else parts.port


def checked(url: str, *, allow_http: bool = False) -> SplitResult:
    """The parts of ``url``. Raises ``FetchError`` for what must not be asked."""
    # Two parsers read the URL, this one and urllib's: what they could read differently is refused.
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise FetchError("the URL has characters that belong into no URL")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise FetchError("the URL has a user or a password in it")
    may_be_http = allow_http or _is_loopback(parts)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and may_be_http)):
        raise FetchError("the URL is neither https, nor http" + ("" if allow_http else " on this machine"))
    return parts


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class _Bounded(AbstractHTTPHandler):
    """urllib's handler of both schemes, on connections that keep to a deadline."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, request: Request) -> HTTPResponse:
        return self.do_open(partial(_connection, HTTPConnection, self._deadline), request)

    def https_open(self, request: Request) -> HTTPResponse:
        return self.do_open(partial(_connection, HTTPSConnection, self._deadline), request)

    http_request = https_request = AbstractHTTPHandler.do_request_


def _connection(kind: type[HTTPConnection], deadline: Deadline, host: str, *, timeout: float) -> HTTPConnection:
    connection = kind(host, timeout=timeout)
    connection.response_class = partial(_Response, deadline)  # type: ignore[assignment]  # it is only called
    # A socket's time-out is for each address anew: of two, the first alone could use up all of it.
    connection._create_connection = partial(_connect, deadline)  # type: ignore[attr-defined]  # private
    return connection


def _connect(deadline: Deadline, address: tuple[str, int], *_: object) -> socket.socket:
    """A socket to the first of the name's addresses that answers, each of them given a fair share of the time."""
    answers: Any = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    found = dict.fromkeys(numeric[:2] for *_, numeric in answers)
    failure: OSError | None = None
    for shares, numeric in zip(range(len(found), 0, -1), found, strict=True):
        try:
            connected = socket.create_connection(numeric, deadline.left() / shares)
        except OSError as error:
            failure = error
        else:
            # For the TLS handshake, which keeps to it in all.
            connected.settimeout(deadline.left())
            return connected
    raise failure or OSError(f"{address[0]} has no address")


class _Response(HTTPResponse):
    def __init__(self, deadline: Deadline, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> None:
        super().__init__(sock, debuglevel, method)
        buffered: Any = self.fp
        self.fp = BufferedReader(_Punctual(buffered.detach(), sock, deadline))


class _Punctual(RawIOBase):
    """What a socket receives until the deadline. Its own time-out begins again with each byte that drips."""

    def __init__(self, raw: RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        self._sock.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
