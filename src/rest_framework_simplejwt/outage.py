"""Logs an outage of a service once when it starts and once when it ends."""

from __future__ import annotations

import logging

logger = logging.getLogger(__package__)


class Outage:
    """Whether a service, such as a cache, is unavailable now. One instance for each service, shared by all threads.

    The log lines are ``"{service} {started}; {consequence}"``, at level ERROR with a traceback, and
    ``"{service} {ended}"``, at level INFO. ``consequence`` says what happens during the outage.
    """

    def __init__(
        self, service: str, consequence: str, *, started: str = "does not answer", ended: str = "answers again"
    ) -> None:
        """Creates an outage that has not started. The arguments are the parts of the log lines."""
        self._service = service
        self._consequence = consequence
        self._started = started
        self._ended = ended
        self._is_on = False

    def start(self, error: Exception) -> None:
        """Logs that the outage has started because of ``error``, unless it has started before."""
        if not self._is_on:
            self._is_on = True
            logger.error("%s %s; %s", self._service, self._started, self._consequence, exc_info=error)

    def end(self) -> None:
        """Logs that the outage has ended, if it had started."""
        if self._is_on:
            self._is_on = False
            logger.info("%s %s", self._service, self._ended)
