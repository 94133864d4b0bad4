"""An HTTP GET with bounds: a total time, a maximum size, and rules about which URLs may be fetched."""

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
    """The URL may not be fetched, or no complete response with status 200 came in time. The text says which."""


class Deadline:
    """The time ``seconds`` from now. ``now`` is a clock in seconds."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._now = now
        self._end = now() + seconds

    def remaining(self) -> float:
        """Returns the seconds until the deadline, always more than 0. Raises ``TimeoutError`` once it has passed."""
        seconds = self._end - self._now()
        if seconds <= 0:
            raise TimeoutError("no complete response in time")
        return seconds


def get(url: str, *, timeout: float, allow_http: bool = False, now: Callable[[], float] = monotonic) -> bytes:
    """Fetches ``url`` and returns the body of the response. ``check_url`` decides which URLs are allowed.

    Follows redirects to the same origin only. Takes ``timeout`` seconds at most, however slowly the bytes come; only
    the resolution of the host name can't be interrupted, and may take longer. ``now`` is a monotonic clock in seconds.
    Raises ``FetchError``, and nothing else.
    """
    deadline = Deadline(timeout, now)
    try:
        for _ in range(1 + MAX_REDIRECTS):
            with closing(_open(url, deadline, allow_http=allow_http)) as response:
                if response.status not in {301, 302, 303, 307, 308}:
                    return _read_body(response)
                url = _redirect_target(url, response.headers.get("Location"))
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(f"{type(error).__name__}: {error}") from error
    raise FetchError(f"more than {MAX_REDIRECTS} redirects")


def _open(url: str, deadline: Deadline, *, allow_http: bool) -> HTTPResponse:
    """Sends the request and returns the response, whatever its status is, with its body unread."""
    # These handlers only: none for file: or ftp:, and none for redirects, which would read a redirect's whole body.
    opener = OpenerDirector()
    opener.addheaders = list(HEADERS.items())
    opener.add_handler(_DeadlineHandler(deadline))
    if not _is_loopback(check_url(url, allow_http=allow_http)):
        opener.add_handler(ProxyHandler())
    response: HTTPResponse = opener.open(Request(url), timeout=deadline.remaining())  # noqa: S310  # check_url allows it
    return response


def _read_body(response: HTTPResponse) -> bytes:
    """Returns the body. Raises ``FetchError`` for a status other than 200, or more than ``MAX_BYTES`` bytes."""
    if response.status != 200:
        raise FetchError(f"status {response.status}")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FetchError(f"more than {MAX_BYTES} bytes")
    return body


def _redirect_target(url: str, location: str | None) -> str:
    """Returns the URL to which the ``Location`` header of a response from ``url`` leads.

    Raises ``FetchError`` if the header is missing or leads to another origin.
    """
    if location is None:
        raise FetchError("a redirect without a Location header")
    target = urljoin(url, location)
    # The server at the target chooses the keys that verify tokens. An open redirect at the issuer must not choose it.
    if _origin(target) != _origin(url):
        raise FetchError("a redirect to another origin")
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Returns scheme, host and port of a URL (RFC 6454 section 4)."""
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, default if parts.port is None else parts.port


def check_url(url: str, *, allow_http: bool = False) -> SplitResult:
    """Checks that ``url`` may be fetched, and returns its parts. It must be ``https``, or ``http`` on this machine.

    With ``allow_http``, any server may be ``http``. Raises ``FetchError`` for other URLs, and for one with a user name
    or a password in it; ``ValueError`` if it can't be parsed.
    """
    # Both urlsplit and urllib.request parse the URL. They may disagree about these characters.
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise FetchError("the URL contains characters that are not allowed in URLs")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise FetchError("the URL contains a user name or a password")
    is_http_allowed = allow_http or _is_loopback(parts)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_http_allowed)):
        raise FetchError("the URL is neither https nor http" + ("" if allow_http else " on this machine"))
    return parts


def _is_loopback(parts: SplitResult) -> bool:
    """Returns whether a URL's host is ``localhost`` or a loopback address, such as ``127.0.0.1``."""
    host = parts.hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class _DeadlineHandler(AbstractHTTPHandler):
    """urllib's handler for both schemes, with connections that respect a deadline."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, request: Request) -> HTTPResponse:
        """Sends the request over a connection that respects the deadline. Called by urllib."""
        return self.do_open(partial(_make_connection, HTTPConnection, self._deadline), request)

    def https_open(self, request: Request) -> HTTPResponse:
        """Sends the request over a TLS connection that respects the deadline. Called by urllib."""
        return self.do_open(partial(_make_connection, HTTPSConnection, self._deadline), request)

    http_request = https_request = AbstractHTTPHandler.do_request_


def _make_connection(kind: type[HTTPConnection], deadline: Deadline, host: str, *, timeout: float) -> HTTPConnection:
    """Returns an unopened connection to ``host``: connecting and reading take no longer than ``deadline``."""
    connection = kind(host, timeout=timeout)
    connection.response_class = partial(_DeadlineResponse, deadline)  # type: ignore[assignment]  # it is only called
    # The standard library applies the timeout to each address of the host, so that the total would be a multiple.
    connection._create_connection = partial(_connect, deadline)  # type: ignore[attr-defined]  # private
    return connection


def _connect(deadline: Deadline, address: tuple[str, int], *_: object) -> socket.socket:
    """Connects to the first address of a host that answers. Each address gets an equal share of the remaining time.

    ``address`` is a pair of host name and port. Raises ``OSError`` if no address answers in time.
    """
    answers: Any = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    addresses = dict.fromkeys(numeric[:2] for *_, numeric in answers)
    failure: OSError | None = None
    for shares, numeric in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            connected = socket.create_connection(numeric, deadline.remaining() / shares)
        except OSError as error:
            failure = error
        else:
            # The TLS handshake that follows takes no longer than this in total.
            connected.settimeout(deadline.remaining())
            return connected
    raise failure or OSError(f"{address[0]} has no address")


class _DeadlineResponse(HTTPResponse):
    """A response that is read through ``_DeadlineReader``."""

    def __init__(self, deadline: Deadline, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> None:
        """Makes the response read from the socket through a ``_DeadlineReader``."""
        super().__init__(sock, debuglevel, method)
        buffered: Any = self.fp
        self.fp = BufferedReader(_DeadlineReader(buffered.detach(), sock, deadline))


class _DeadlineReader(RawIOBase):
    """Reads from a socket until a deadline. The socket's own timeout starts again with each byte that arrives."""

    def __init__(self, raw: RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """Reads into ``buffer`` and returns how many bytes. Raises ``TimeoutError`` after the deadline."""
        self._sock.settimeout(self._deadline.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
