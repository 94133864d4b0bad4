"""Serve the demo to the process at the other end of standard input."""

from __future__ import annotations

import sys
from contextlib import suppress
from threading import Thread
from typing import Any

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management.base import BaseCommand
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler, get_internal_wsgi_application


class Command(BaseCommand):
    help = "Serves on a free loopback port, whose URL is printed first, until standard input ends."

    def handle(self, *args: Any, **options: Any) -> None:
        with ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler) as server:
            server.set_app(StaticFilesHandler(get_internal_wsgi_application()))
            Thread(target=server.serve_forever, daemon=True).start()
            self.stdout.write(f"http://127.0.0.1:{server.server_port}")
            self.stdout.flush()
            with suppress(KeyboardInterrupt):
                sys.stdin.read()
            server.shutdown()
