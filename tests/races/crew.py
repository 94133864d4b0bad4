"""Threads or processes that stay for many races, each a task that begins when the others do."""

import multiprocessing
import threading
import traceback

from django.db import connections

# Seconds that nothing here should ever take; what does is a deadlock.
PATIENCE = 30


class Racer:
    """The crew's end of one thread or process."""

    def __init__(self, start, barrier):
        self.ours, theirs = multiprocessing.Pipe()
        self.runner = start(theirs, barrier)

    def send(self, *call):
        self.ours.send(call)

    def outcome(self):
        if not self.ours.poll(PATIENCE):
            raise TimeoutError(f"{self.runner.name} does not answer")
        return self.ours.recv()

    def dismiss(self):
        self.ours.send(None)
        self.runner.join(PATIENCE)
        self.ours.close()
        if self.runner.is_alive():
            # A thread is a daemon, and ends with pytest.
            if hasattr(self.runner, "kill"):
                self.runner.kill()
            raise TimeoutError(f"{self.runner.name} did not end")


class Crew:
    """``size`` racers. ``race`` and ``each`` answer in the order of the racers, or raise what a racer raised."""

    def __init__(self, size, start, barrier):
        self.size = size
        self.barrier = barrier
        self.racers = [Racer(start, barrier) for _ in range(size)]

    def race(self, tasks, *, past_the_check=False):
        """Do one task each, ``(function, *arguments)``, all at once."""
        tasks = list(tasks)
        assert len(tasks) == self.size
        return self._run(["past the check" if past_the_check else "at the door"] * self.size, tasks)

    def each(self, function, *arguments):
        """Do the same in every racer, whenever."""
        return self._run(["anywhere"] * self.size, [(function, *arguments)] * self.size)

    def alone(self, function, *arguments):
        """Do it in one racer."""
        return self._run(["anywhere"], [(function, *arguments)])[0]

    def _run(self, meetings, tasks):
        running = self.racers[: len(tasks)]
        for racer, meeting, task in zip(running, meetings, tasks, strict=True):
            racer.send(meeting, *task)
        outcomes = [racer.outcome() for racer in running]
        failures = [text for failed, text in outcomes if failed]
        if failures:
            self.barrier.reset()
            # Who waited in vain for one that failed is not why.
            raise AssertionError("\n".join([text for text in failures if "BrokenBarrier" not in text] or failures))
        return [result for _, result in outcomes]

    def dismiss(self):
        for racer in self.racers:
            racer.dismiss()


def threads(size):
    def start(connection, barrier):
        runner = threading.Thread(target=_serve, args=(connection, barrier), daemon=True)
        runner.start()
        return runner

    return Crew(size, start, threading.Barrier(size, timeout=PATIENCE))


def processes(size):
    """That share no connection and no lock: a server forks them, which has the project set up and did nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", f"{__package__}.project"])

    def start(connection, barrier):
        name = connections["default"].settings_dict["NAME"]
        runner = context.Process(target=_serve_as_project, args=(connection, barrier, name), daemon=True)
        runner.start()
        connection.close()
        return runner

    return Crew(size, start, context.Barrier(size, timeout=PATIENCE))


def _serve_as_project(connection, barrier, database):
    # The first sets the project up, where the server could not.
    from . import project, rendezvous  # noqa: F401  # isort: skip

    connections["default"].settings_dict["NAME"] = database
    rendezvous.install()
    _serve(connection, barrier)


def _serve(connection, barrier):
    while (call := connection.recv()) is not None:
        connection.send(_outcome(barrier, *call))
    connections.close_all()
    connection.close()


def _outcome(barrier, meeting, function, *arguments):
    from . import rendezvous

    try:
        if meeting == "anywhere":
            return False, function(*arguments)
        rendezvous.prepare(barrier.wait, past_the_check=meeting == "past the check")
        result = function(*arguments)
        rendezvous.require()
    except BaseException:  # noqa: BLE001  # told to the test, which fails
        barrier.abort()
        return True, traceback.format_exc()
    return False, result
