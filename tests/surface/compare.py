"""Compares the public names of this package with those of the published one: `compare.py <file of describe.py>`.

Run by `nox -s surface` with this package. Prints each difference, and exits with 1 if there is one
that `exceptions.py` does not list, or an exception there that is not needed.
"""

import json
import sys
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import django

from tests.surface.describe import PACKAGE, describe_one, find, has_members, public, resolve
from tests.surface.exceptions import EXCEPTIONS

POSITIONAL = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")
# Modules of classes that projects subclass: a name that this package adds there may clash with a project's.
SUBCLASSED = ("authentication", "backends", "models", "serializers", "settings", "tokens", "views")


class Difference(NamedTuple):
    path: str
    kind: str
    detail: str

    def __str__(self):
        return f"{self.kind:9}  {self.path}  {self.detail}".rstrip()


def differences(published):
    """Yields what a caller of the published package would miss, without the members of a missing name."""
    missing = set()
    for path, theirs in published.items():
        parent = path.rpartition("." if "." in path.partition(":")[2] else ":")[0]
        if parent in missing or f"{parent}:" in missing:
            continue
        try:
            ours = describe_one(path) if theirs else resolve(path)
        except (AttributeError, ImportError):
            missing.add(path)
            yield Difference(path, "missing", "")
            continue
        if theirs and "origin" not in theirs and ours.get("origin", "").startswith(f"{PACKAGE}."):
            # Defined in another module of this package than of the published one.
            ours = describe_one(ours["origin"].removeprefix(f"{PACKAGE}."))
        if "origin" in theirs:
            if not is_the_same(theirs["origin"], resolve(path)):
                yield Difference(path, "origin", f"{theirs['origin']} there, {ours.get('origin')} here")
        else:
            yield from (Difference(path, kind, detail) for kind, detail in compare(theirs, ours))


def compare(theirs, ours):
    if theirs.get("callable") and not ours.get("callable", True):
        yield "callable", "can't be called"
    if "value" in theirs and not contains(theirs["value"], ours.get("value")):
        yield "value", f"{theirs['value']!r} there, {ours.get('value')!r} here"
    if "signature" in theirs and (problem := find_call_problem(theirs["signature"], ours.get("signature"))):
        yield "signature", problem
    if "fields" in theirs:
        yield from (("field", problem) for problem in field_problems(theirs["fields"], ours.get("fields", {})))


def contains(theirs, ours):
    """Returns whether `ours` equals `theirs`, or is a dictionary or list that contains all of its items."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return theirs.items() <= ours.items()
    if isinstance(theirs, list) and isinstance(ours, list):
        return all(item in ours for item in theirs) and bool(theirs) == bool(ours)
    return ours == theirs


def is_the_same(origin, thing):
    """Returns whether `thing` is the object that can be imported from `origin`."""

    try:
        return find(origin) is thing
    except (AttributeError, ImportError):
        return False


def find_call_problem(theirs, ours):
    """Returns why a call that fits `theirs` would fail with `ours`, or an empty text."""
    if ours is None:
        return "has no signature"
    kinds = {found["kind"] for found in ours}
    for wanted in theirs:
        if wanted["kind"].startswith("VAR") and wanted["kind"] not in kinds:
            return f"no *{wanted['name']}"
        if wanted["kind"] == "KEYWORD_ONLY" and (problem := find_keyword_problem(wanted, ours)):
            return problem
    return find_positional_problem(theirs, ours) or find_new_required(theirs, ours)


def find_positional_problem(theirs, ours):
    places = [found for found in ours if found["kind"] in POSITIONAL]
    takes_any = {"VAR_POSITIONAL", "VAR_KEYWORD"} <= {found["kind"] for found in ours}
    for place, wanted in enumerate(found for found in theirs if found["kind"] in POSITIONAL):
        if place >= len(places):
            return "" if takes_any else f"{wanted['name']!r} can't be given by position"
        if problem := find_difference(wanted, places[place]):
            return f"parameter {place + 1}: {problem}"
    return ""


def find_keyword_problem(wanted, ours):
    for found in ours:
        if found["name"] == wanted["name"] and found["kind"] in ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY"):
            return find_difference(wanted, found)
    return "" if any(found["kind"] == "VAR_KEYWORD" for found in ours) else f"no {wanted['name']!r}"


def find_new_required(theirs, ours):
    names = {found["name"] for found in theirs}
    more = [found["name"] for found in ours if found["name"] not in names and is_required(found)]
    return f"also requires {', '.join(more)}" if more else ""


def is_required(found):
    return "default" not in found and not found["kind"].startswith("VAR")


def find_difference(wanted, found):
    if wanted["kind"] == "POSITIONAL_OR_KEYWORD" and (found["kind"], found["name"]) != (wanted["kind"], wanted["name"]):
        return f"{wanted['name']!r} there, {found['name']!r} here"
    if "default" in wanted and found.get("default", "required") != wanted["default"]:
        return f"{wanted['name']}={wanted['default']} there, {found.get('default', 'required')} here"
    return ""


def field_problems(theirs, ours):
    for name, wanted in theirs.items():
        if name not in ours:
            yield f"no field {name!r}"
        elif wanted["classes"][0] not in ours[name]["classes"]:
            yield f"{name!r} is a {wanted['classes'][0]} there, a {ours[name]['classes'][0]} here"
        elif ours[name]["flags"] != wanted["flags"]:
            yield f"{name!r} has {wanted['flags']} there, {ours[name]['flags']} here"


def added_attributes(published):
    """Yields the public attributes that this package adds to classes that projects subclass."""
    for path, theirs in published.items():
        module, _, name = path.partition(":")
        if module in SUBCLASSED and "." not in name and "signature" in theirs and has_members(path):
            # A subclass would not use the names of settings, in capitals.
            names = [member for member in public(resolve(path)) if not member.isupper()]
            more = [member for member in names if f"{path}.{member}" not in published]
            yield from ([f"{path}: {', '.join(more)}"] if more else [])


def main(file):
    django.setup()
    published = json.loads(file.read_text())
    used = Counter()
    unexpected = []
    for difference in differences(published):
        known = [found for found in EXCEPTIONS if matches(found, difference)]
        used.update(known)
        if not known:
            unexpected.append(difference)
    unused = [found for found in EXCEPTIONS if not used[found]]
    print(
        "For information, what this package adds to classes that projects subclass:",
        *added_attributes(published),
        sep="\n  ",
    )
    print(f"{len(published)} names of the published package.")
    print(f"{sum(used.values())} differences are exceptions.")
    for heading, lines in (("Not as published:", unexpected), ("Exceptions that are not needed:", unused)):
        if lines:
            print(heading, *lines, sep="\n  ")
    return bool(unexpected or unused)


def matches(exception, difference):
    return exception.kind == difference.kind and fnmatchcase(difference.path, exception.path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
