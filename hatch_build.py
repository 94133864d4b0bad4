"""Compiles the translations into every wheel, and into the checkout for an editable install."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from string import Formatter
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CATALOGUES = "src/rest_framework_simplejwt/locale/*/LC_MESSAGES/*.po"


class TranslationsHook(BuildHookInterface[BuilderConfig]):
    """Writes a ``.mo`` beside each ``.po``; a catalogue with an error stops the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        catalogues = sorted(root.glob(CATALOGUES))
        if not catalogues:
            raise ValueError(f"No catalogues at {CATALOGUES}")
        for source in catalogues:
            target = source.with_suffix(".mo")
            _compile(source, target)
            # Git ignores what is compiled, and so would the wheel.
            build_data["artifacts"].append(f"/{target.relative_to(root).as_posix()}")


def _compile(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as file:
            catalogue = read_po(file, abort_invalid=True)
        problems = _problems(catalogue)
    except (PoFileError, ValueError) as error:
        problems = [str(error)]
    if problems:
        raise ValueError("\n".join(f"{source}: {problem}" for problem in problems))
    # Babel would write the time of the build, but the same source makes the same wheel.
    catalogue.creation_date = datetime.fromtimestamp(0, tz=timezone.utc)
    # In one step: another build, or a running process, may be at the same file.
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    with unfinished.open("wb") as file:
        write_mo(file, catalogue)
    unfinished.replace(target)


def _problems(catalogue: Catalog) -> list[str]:
    """What is wrong with the translations that would be compiled: those that are there and not fuzzy."""
    problems = [f"{message.id!r}: {error}" for message, errors in catalogue.check() for error in errors]
    for message in catalogue:
        if message.id and message.string and not message.fuzzy and not _keeps_placeholders(message):
            problems.append(f"{message.id!r}: the placeholders differ in {message.string!r}")
    return problems


def _keeps_placeholders(message: Message) -> bool:
    """Whether each form of the translation has the placeholders of the message, or of its plural."""
    originals = [message.id] if isinstance(message.id, str) else message.id
    forms = [message.string] if isinstance(message.string, str) else message.string or ()
    wanted = [_placeholders(original) for original in originals]
    return all(_placeholders(form) in wanted for form in forms)


def _placeholders(text: str) -> list[tuple[str, str | None, str | None]]:
    """The ``{}`` fields in ``text``, in no order. Raises ``ValueError`` for a brace without its pair."""
    fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None]
    return sorted(fields, key=repr)
