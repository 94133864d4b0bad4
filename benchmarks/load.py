"""Measures the requests per second of a server, with wrk, or with Python threads if wrk is not installed."""

# ruff: noqa: S603  # subprocesses that are all its own

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

WRK = shutil.which("wrk")
CLIENT = "wrk" if WRK else "Python's http.client"
# Several connections for each of two workers, so that neither waits for the client.
CONNECTIONS = 16 if WRK else 8

# The number of requests of a connection, which are built before the first is sent.
_SCRIPT = """
local headers, requests, i = {%s}, {}, 0
function init()
  for n, header in ipairs(headers) do requests[n] = wrk.format("GET", wrk.path, header) end
end
function request()
  i = i %% #requests + 1
  return requests[i]
end
"""


@dataclass(frozen=True)
class Visit:
    """A path of a server, and the headers that its requests use in turn."""

    port: int
    path: str
    headers: tuple[tuple[str, str], ...] = (("Accept", "*/*"),)


def load(visit: Visit, seconds: float) -> float:
    """Requests per second over connections that are kept; raises RuntimeError when an answer is not 200."""
    return _by_wrk(visit, seconds) if WRK else _by_threads(visit, seconds)


def _by_wrk(visit: Visit, seconds: float) -> float:
    assert WRK is not None
    with TemporaryDirectory(prefix="simplejwt_bench_") as folder:
        script = Path(folder) / "requests.lua"
        script.write_text(_SCRIPT % ", ".join(f"{{[{json.dumps(k)}] = {json.dumps(v)}}}" for k, v in visit.headers))
        # wrk accepts only whole seconds.
        command = [WRK, "-t", "1", "-c", str(CONNECTIONS), "-d", f"{max(1, round(seconds))}s", "-s", str(script)]
        command.append(f"http://127.0.0.1:{visit.port}{visit.path}")
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{visit.path}: {output}")
    return float(found[1])


def _by_threads(visit: Visit, seconds: float) -> float:
    end = time.perf_counter() + seconds
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        counts = pool.map(lambda n: _ask_until(visit, n, end), range(CONNECTIONS))
        return sum(counts) / seconds


def _ask_until(visit: Visit, first: int, end: float) -> int:
    connection, count = HTTPConnection("127.0.0.1", visit.port, timeout=10), 0
    for name, value in islice(cycle(visit.headers), first, None):
        if time.perf_counter() >= end:
            break
        connection.request("GET", visit.path, headers={name: value})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"{visit.path}: {response.status}")
        count += 1
    connection.close()
    return count
