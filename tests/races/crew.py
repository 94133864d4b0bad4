"""Crews of threads or processes, which run tasks at the same time and are reused for many races."""

import multiprocessing
import threading
import traceback

from django.db import connections

# Seconds after which a race counts as a deadlock.
TIMEOUT = 30


class Racer:
    """One thread or process of a crew, as the test controls it."""

    def __init__(self, start, barrier):
        self.connection, racer_connection = multiprocessing.Pipe()
        self.runner = start(racer_connection, barrier)

    def send(self, *call):
        self.connection.send(call)

    def outcome(self):
        if not self.connection.poll(TIMEOUT):
            raise TimeoutError(f"{self.runner.name} does not answer")
        return self.connection.recv()

    def stop(self):
        self.connection.send(None)
        self.runner.join(TIMEOUT)
        self.connection.close()
        if self.runner.is_alive():
            # A thread can't be killed. It is a daemon, so it ends with pytest.
            if hasattr(self.runner, "kill"):
                self.runner.kill()
            raise TimeoutError(f"{self.runner.name} did not end")


class Crew:
    """``size`` racers. Its methods return the results in the order of the racers, and fail if a racer raised."""

    def __init__(self, size, start, barrier):
        self.size = size
        self.barrier = barrier
        self.racers = [Racer(start, barrier) for _ in range(size)]

    def race(self, tasks, *, after_check=False):
        """Run one task ``(function, *arguments)`` in each racer, at the same time.

        With ``after_check`` the racers wait for each other after each has checked its token, otherwise before.
        """
        tasks = list(tasks)
        assert len(tasks) == self.size
        return self._run(["after the check" if after_check else "at the start"] * self.size, tasks)

    def each(self, function, *arguments):
        """Call a function in every racer, without waiting for the others."""
        return self._run(["nowhere"] * self.size, [(function, *arguments)] * self.size)

    def run_in_one(self, function, *arguments):
        """Call a function in one racer."""
        return self._run(["nowhere"], [(function, *arguments)])[0]

    def _run(self, meetings, tasks):
        running = self.racers[: len(tasks)]
        for racer, meeting, task in zip(running, meetings, tasks, strict=True):
            racer.send(meeting, *task)
        outcomes = [racer.outcome() for racer in running]
        failures = [text for failed, text in outcomes if failed]
        if failures:
            self.barrier.reset()
            # A racer whose barrier broke only waited for one that failed.
            raise AssertionError("\n".join([text for text in failures if "BrokenBarrier" not in text] or failures))
        return [result for _, result in outcomes]

    def stop(self):
        for racer in self.racers:
            racer.stop()


def threads(size):
    def start(connection, barrier):
        runner = threading.Thread(target=_run_tasks, args=(connection, barrier), daemon=True)
        runner.start()
        return runner

    return Crew(size, start, threading.Barrier(size, timeout=TIMEOUT))


def processes(size):
    """Return a crew of processes that share no connection and no lock.

    They are forked by a server process in which the project is set up and nothing else has run.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", f"{__package__}.project"])

    def start(connection, barrier):
        name = connections["default"].settings_dict["NAME"]
        runner = context.Process(target=_run_tasks_in_process, args=(connection, barrier, name), daemon=True)
        runner.start()
        connection.close()
        return runner

    return Crew(size, start, context.Barrier(size, timeout=TIMEOUT))


def _run_tasks_in_process(connection, barrier, database):
    # The import of ``project`` sets Django up if the server has not.
    from . import project, rendezvous  # noqa: F401  # isort: skip

    connections["default"].settings_dict["NAME"] = database
    rendezvous.install()
    _run_tasks(connection, barrier)


def _run_tasks(connection, barrier):
    while (call := connection.recv()) is not None:
        connection.send(_outcome(barrier, *call))
    connections.close_all()
    connection.close()


def _outcome(barrier, meeting, function, *arguments):
    from . import rendezvous

    try:
        if meeting == "nowhere":
            return False, function(*arguments)
        rendezvous.prepare(barrier.wait, after_check=meeting == "after the check")
        result = function(*arguments)
        rendezvous.assert_met()
    except BaseException:  # noqa: BLE001  # the traceback is sent to the test, which fails
        barrier.abort()
        return True, traceback.format_exc()
    return False, result
