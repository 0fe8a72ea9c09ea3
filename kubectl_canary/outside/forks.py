"""Work in parts, which as many processes do as there are cores.

Each is forked, so it has what is in memory, and answers by a pipe. A part that no process has done is done here: where
there is no core to spare, where the system has no fork, where this process has threads, and where the process was
killed. So the answers are the same wherever it runs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from kubectl_canary.records import dataclass, field

Answer = TypeVar("Answer")
AT_ONCE = 1 << 16  # bytes of an answer
DONE = 77  # the status of a process that has answered, and of none that ended otherwise


@dataclass(eq=False)
class _Part(Generic[Answer]):
    """A part of the work, with the process that does it and what is there of its answer."""

    work: Callable[[], Answer]
    is_new: bool = True  # no process was begun for it
    process: int = 0
    pipe: int = -1
    received: list[bytes] = field(default_factory=list)
    answers: tuple[Answer, ...] = ()

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has begun with it."""
        return not self.process and not self.answers

    def do(self) -> None:
        """Do it here."""
        self.answers = (self.work(),)

    def fork(self) -> bool:
        """Begin it in another process; whether there is one."""
        import signal  # few have work for several processes

        self.is_new = False
        self.pipe, end = os.pipe()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process = os.fork()
            if not self.process:
                if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                    signal.signal(
                        signal.SIGINT, signal.SIG_DFL
                    )  # it ends without a word: this process says it
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                _answer(self.work, end)
        except OSError:
            os.close(self.pipe)
            return False
        finally:
            os.close(end)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return True

    def receive(self, *, waits: bool) -> bool:
        """Take what is there of the answer; whether the process has ended."""
        os.set_blocking(self.pipe, waits)
        try:
            while data := os.read(self.pipe, AT_ONCE):
                self.received.append(data)
        except BlockingIOError:
            return False
        if self.end() == DONE:
            import pickle

            self.answers = (pickle.loads(b"".join(self.received)),)  # noqa: S301  of a process of ours
        return True

    def end(self) -> int:
        """Wait for the process to end, and answer with its status; the part waits again."""
        os.close(self.pipe)
        process, self.process = self.process, 0
        try:
            return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        except ChildProcessError:  # whoever began us has SIGCHLD ignored: nobody knows how it ended
            return -1


def _answer(work: Callable[[], Answer], pipe: int) -> NoReturn:
    """Do a part in a process of its own, which ends here whatever happens."""
    import pickle

    status = 1
    try:
        with open(pipe, "wb") as out:
            pickle.dump(work(), out)
        status = DONE
    finally:
        os._exit(status)


class Forks(Generic[Answer]):
    """Parts of a work, done by processes that end when the block is left."""

    def __init__(self, cores: int | None = None) -> None:
        self._spare = (_cores() if cores is None else cores) - 1 if hasattr(os, "fork") else 0
        self._parts: list[_Part[Answer]] = []
        self._running: list[_Part[Answer]] = []

    def __enter__(self) -> Forks[Answer]:
        return self

    def __exit__(self, *_: object) -> None:
        while self._running:
            import signal

            part = self._running.pop()
            if part.process:
                os.kill(part.process, signal.SIGKILL)
                part.end()

    def begin(self, work: Callable[[], Answer]) -> None:
        """Add a part, which begins once there is a core for it. Its answer is one that can be pickled."""
        self._parts.append(_Part(work))
        self._fork()

    def answers(self) -> list[Answer]:
        """The answers of all parts, in their order. Raises what a part raises."""
        while True:
            self._fork()
            waiting = self._waiting()
            if waiting:
                waiting[0].do()
            elif self._running:
                self._receive(waits=True)
            else:
                return [answer for part in self._parts for answer in part.answers]

    def _waiting(self) -> list[_Part[Answer]]:
        return [part for part in self._parts if part.is_waiting]

    def _fork(self) -> None:
        """Begin as many parts as there are cores to spare."""
        self._receive(waits=False)
        free = self._spare - len(self._running) if threading.active_count() == 1 else 0
        for part in self._waiting()[: max(free, 0)]:
            if part.is_new:
                self._running.append(part)  # before it has begun: who interrupts ends it too
                if not part.fork():
                    self._running.remove(part)

    def _receive(self, *, waits: bool) -> None:
        """Take what is there of the answers, until the first process has ended where nothing else is to be done."""
        for part in [*self._running]:
            if part.receive(waits=waits):
                self._running.remove(part)
            if waits:
                return


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
