"""The output of a run: numbered steps with their requests and responses, and no complete token."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

_TOKEN = re.compile(r"\bey[\w-]{12,}\.[\w-]+\.[\w-]+")
_INDENT = "    "


def shortened(text: str) -> str:
    """Returns ``text`` with each token shortened to its start and end, like ``eyJhbGciOi…x3Qk``."""
    return _TOKEN.sub(lambda found: f"{found[0][:10]}…{found[0][-4:]}", text)


def body_of(message: httpx.Request | httpx.Response) -> Any:
    """Returns the body parsed as JSON, or its text if it is not JSON."""
    try:
        return json.loads(message.content)
    except ValueError:
        return message.content.decode(errors="replace")


class Transcript:
    """Prints the steps while they are taken, and counts them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.steps = 0
        self.title = ""

    def line(self, text: str = "", style: str = "") -> None:
        self._print(Text(shortened(text), style))

    def step(self, title: str) -> None:
        self.steps += 1
        self.title = title
        self.line(f"\n{self.steps:2}. {title}", "bold cyan")

    def note(self, text: str) -> None:
        self.line(f"\n{_INDENT}{text}")

    def request(self, request: httpx.Request) -> None:
        self.line(f"\n{_INDENT}{request.method} {request.url.path}", "bold")
        self._headers(request.headers, "Authorization")
        self._body(request)

    def response(self, response: httpx.Response) -> None:
        style = "bold green" if response.is_success else "bold yellow"
        self.line(f"\n{_INDENT}{response.status_code} {response.reason_phrase}", style)
        self._headers(response.headers, "WWW-Authenticate")
        self._body(response)

    def command(self, name: str, output: str) -> None:
        self.line(f"\n{_INDENT}manage.py {name}", "bold")
        self.note(output)

    def _headers(self, headers: httpx.Headers, shown: str) -> None:
        if shown in headers:
            self.line(f"{_INDENT}{shown}: {headers[shown]}")

    def _body(self, message: httpx.Request | httpx.Response) -> None:
        if not message.content:
            return
        body = body_of(message)
        if isinstance(body, dict) and "password" in body:
            body = {**body, "password": "********"}
        text = json.dumps(body, indent=2, ensure_ascii=False).replace("\n", f"\n{_INDENT}")
        self._print(JSONHighlighter()(Text(_INDENT + shortened(text))))

    def _print(self, text: Text) -> None:
        # Lines are not wrapped if the output is a pipe.
        self._console.print(text, soft_wrap=True)
