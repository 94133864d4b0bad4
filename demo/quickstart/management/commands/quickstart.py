"""The command `quickstart`: creates a database, starts a server, and takes all steps of the tour."""

from __future__ import annotations

import secrets
import signal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from ... import database, server, story
from ...client import Client, Deviation
from ...transcript import Transcript


class Command(BaseCommand):
    help = "Creates a database, starts a server, sends requests step by step, and checks each response."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--serve",
            action="store_true",
            help="afterwards keep the server running, with its pages for people, until Ctrl-C",
        )

    def handle(self, *args: Any, serve: bool, no_color: bool, force_color: bool, **options: Any) -> None:
        # SIGTERM raises KeyboardInterrupt, so that the server is stopped too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        console = Console(
            file=self.stdout,  # type: ignore[arg-type]  # Django's wrapper of a stream is not typed as one
            color_system=None if no_color else "auto",
            force_terminal=force_color or None,
        )
        transcript = Transcript(console)
        try:
            self._prepare(transcript)
            with server.running() as running:
                self._run_tour(running, transcript)
                if serve:
                    self._serve(running, transcript)
        except (database.DatabaseFileError, server.ServerError, Deviation) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted.", returncode=130) from error

    def _prepare(self, transcript: Transcript) -> None:
        path = settings.DATABASES["default"]["NAME"]
        database.create_database(path)
        call_command("migrate", verbosity=0, interactive=False)
        transcript.line(f"Database: {path}")

    def _run_tour(self, running: server.Server, transcript: Transcript) -> None:
        credentials = {"username": "alice", "password": secrets.token_urlsafe(12)}
        User.objects.create_user(**credentials)
        transcript.line(f"Server: {running.url}")
        with Client(running.url, transcript) as client:
            story.run_tour(client, transcript, credentials)
        transcript.line(f"\n{transcript.steps} steps, all as expected.", "bold green")

    def _serve(self, running: server.Server, transcript: Transcript) -> None:
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser("admin", password=password)
        for label, value in {
            "Browsable API": f"{running.url}{story.WHOAMI}",
            "Token endpoint": f"{running.url}{story.OBTAIN}",
            "Admin": f"{running.url}/admin/",
            "Login": "admin",
            "Password": password,
        }.items():
            transcript.line(f"{label + ':':16}{value}")
        transcript.line("The server runs until Ctrl-C.", "bold")
        try:
            running.wait()
        except KeyboardInterrupt:
            transcript.line("Stopped.")
