"""The client: sends one request for each step, and raises an error for an unexpected response."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from .transcript import Transcript, body_of, shortened


class Deviation(Exception):
    """Raised for an unexpected response. ``str(error)`` is one line: the step, what was expected, what was received."""


@dataclass(frozen=True)
class Expected:
    """The expected response. In ``items``, ``...`` stands for a token.

    The JSON of a success must be equal; that of a refusal may have more items.
    """

    status: int
    items: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, response: httpx.Response) -> bool:
        body = body_of(response)
        if response.status_code != self.status or not isinstance(body, dict):
            return False
        # RFC 9110 section 11.6.1: a 401 has a challenge.
        if self.status == 401 and not response.headers.get("WWW-Authenticate", "").startswith("Bearer "):
            return False
        whole = response.is_success
        return (not whole or body.keys() == self.items.keys()) and all(
            _is_token(body.get(key)) if item is ... else body.get(key) == item for key, item in self.items.items()
        )

    def __str__(self) -> str:
        items = {key: "…" if item is ... else item for key, item in self.items.items()}
        return f"{self.status} {_one_line(items)}"


class Client:
    def __init__(self, url: str, transcript: Transcript) -> None:
        # Requests to the loopback interface must not use a proxy from the environment.
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=10)
        self._transcript = transcript

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.close()

    def get(self, title: str, path: str, *, token: str | None = None, expected: Expected) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self._take(title, self._http.build_request("GET", path, headers=headers), expected)

    def post(self, title: str, path: str, body: dict[str, str], *, expected: Expected) -> Any:
        return self._take(title, self._http.build_request("POST", path, json=body), expected)

    def _take(self, title: str, request: httpx.Request, expected: Expected) -> Any:
        """Sends the request and returns the JSON of the response. Raises ``Deviation`` if it is unexpected."""
        self._transcript.step(title)
        self._transcript.request(request)
        try:
            response = self._http.send(request)
        except httpx.HTTPError as error:
            raise deviation(self._transcript, str(expected), f"no answer ({error})") from error
        self._transcript.response(response)
        if not expected.matches(response):
            raise deviation(self._transcript, str(expected), f"{response.status_code} {_one_line(body_of(response))}")
        return body_of(response)


def deviation(transcript: Transcript, expected: str, got: str) -> Deviation:
    """Returns the error for the last step."""
    return Deviation(f"Step {transcript.steps} ({transcript.title}): expected {expected}, got {shortened(got)}")


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value.count(".") == 2


def _one_line(body: Any) -> str:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return " ".join(shortened(text).split())[:400]
