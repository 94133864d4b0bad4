"""Something that does not answer is logged when it goes, and when it is back; not for every request between."""

from __future__ import annotations

import logging

logger = logging.getLogger(__package__)


class Outage:
    """One of ``what``, say a cache. ``consequence`` tells the operator what happens meanwhile."""

    def __init__(self, what: str, consequence: str) -> None:
        self._what = what
        self._consequence = consequence
        self._lasts = False

    def failed(self, error: Exception) -> None:
        if not self._lasts:
            self._lasts = True
            logger.error("%s does not answer; %s", self._what, self._consequence, exc_info=error)

    def over(self) -> None:
        if self._lasts:
            self._lasts = False
            logger.info("%s answers again", self._what)
