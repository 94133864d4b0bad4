"""Something that does not answer is logged when it goes, and when it is back; not for every request between."""

from __future__ import annotations

import logging

logger = logging.getLogger(__package__)


class Outage:
    """One of ``what``, say a cache. ``consequence`` tells the operator what happens meanwhile.

    ``begins`` and ``ends`` complete the sentence that starts with ``what``.
    """

    def __init__(
        self, what: str, consequence: str, *, begins: str = "does not answer", ends: str = "answers again"
    ) -> None:
        self._what = what
        self._consequence = consequence
        self._begins = begins
        self._ends = ends
        self._lasts = False

    def failed(self, error: Exception) -> None:
        if not self._lasts:
            self._lasts = True
            logger.error("%s %s; %s", self._what, self._begins, self._consequence, exc_info=error)

    def over(self) -> None:
        if self._lasts:
            self._lasts = False
            logger.info("%s %s", self._what, self._ends)
