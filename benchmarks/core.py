"""The codec: encoding a token, decoding a new and a known one, and rejecting one."""

# ruff: noqa: T201  # a program that prints

from __future__ import annotations

from contextlib import ExitStack

from .rows import Row, Target, faster
from .scale import Scale
from .workers import Turn, Worker, medians

SIGHTS = {"first": "first sight", "again": "seen before"}
_REFUSED = ("bad signature", "expired")


def measure(scale: Scale) -> list[Row]:
    return [row for algorithm in algorithms(scale) for row in _with_algorithm(algorithm, scale)]


def algorithms(scale: Scale) -> tuple[str, ...]:
    """Returns the algorithms to measure. A quick run takes one with a secret and one with a fast key pair."""
    return ("HS256", "ES256") if scale.quick else ("HS256", "RS256", "ES256")


def _with_algorithm(algorithm: str, scale: Scale) -> list[Row]:
    with ExitStack() as stack:
        workers = {
            package: stack.enter_context(Worker(package, "core", algorithm=algorithm))
            for package in ("ours", "published")
        }

        def row(work: str, key: str, floor: str | None = None, target: Target | None = None) -> Row:
            print(f"  {work}, {algorithm}", flush=True)
            turns = [Turn(package, worker, key) for package, worker in workers.items()]
            turns += [Turn("floor", workers["ours"], floor)] if floor else []
            values = medians(turns, **_counts(scale, algorithm), unit="µs")
            return Row("core", f"{work}, {algorithm}", "µs", values, target=target)

        is_hmac = algorithm == "HS256"
        rows = [row("`TokenBackend.encode`", "encode", "floor encode", faster(3))] if is_hmac else []
        for key, sight in SIGHTS.items():
            rows.append(row(f"`TokenBackend.decode`, {sight}", f"decode {key}", f"floor {key}"))
            rows += [row(f"`AccessToken(text)`, {sight}", f"AccessToken {key}")] if is_hmac else []
        return rows + [row(f"{why}, refused", why, target=faster(3 if is_hmac else 1)) for why in _REFUSED]


def _counts(scale: Scale, algorithm: str) -> dict[str, int]:
    # An RSA signature takes 20 times as long to make as to verify, and each first sight needs one.
    count = 200 if algorithm == "RS256" else 1000
    return {"rounds": 5, "count": 100} if scale.quick else {"rounds": 21, "count": count}
