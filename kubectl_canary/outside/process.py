"""Who we are: the user, the machine, the process."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from kubectl_canary.records import dataclass

UNKNOWN = "unknown"
LONGEST_LINE = 2_000  # bytes of what a command says last
RUNNING: set[subprocess.Popen[bytes]] = set()  # commands that have not ended


def who() -> str:
    """`anna@laptop`."""
    user = UNKNOWN
    with contextlib.suppress(OSError, KeyError, ImportError):
        user = getpass.getuser()
    return f"{user}@{platform.node() or UNKNOWN}"


def machine(process: int) -> str:
    """What tells a process from all others: this boot, its space of process numbers, its start; empty where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").readlink().name
        start = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
    return f"{boot[:8]} {space.strip('pid:[]')} {start}"


def number() -> int:
    """The number of this process."""
    return os.getpid()


def has_ended(process: int, known_as: str) -> bool:
    """Whether a process of this machine, known by `machine`, has certainly ended; never for one of another machine."""
    here = machine(os.getpid()).split()
    there = known_as.split()
    if not len(here) == len(there) == 3 or here[:2] != there[:2]:
        return False
    now = machine(process)
    return now != known_as if now else _is_gone(process)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let whoever ends this process interrupt it, as Ctrl-C does, so that it can say and do what is left."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with _handling(interrupt):
        yield


@contextlib.contextmanager
def hardly_interruptible(warn: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C, or who ends this process, be told that something goes on, and the second interrupt it."""
    told: list[int] = []

    def interrupt(*_: object) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(1)
        warn()

    with _handling(interrupt):
        yield


@contextlib.contextmanager
def _handling(interrupt: Callable[..., None]) -> Iterator[None]:
    names = ("SIGHUP", "SIGINT", "SIGTERM")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def variable(name: str) -> str:
    """A variable of the environment; nothing where there is none."""
    return os.environ.get(name, "")


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit code, None where it did not by itself, and the last line that it said, or why."""

    code: int | None
    said: str


def is_runnable(word: str, folder: str) -> bool:
    """Whether a command of that name can be run in a folder."""
    is_name = Path(word).name == word
    return shutil.which(word if is_name else Path(folder).absolute() / word) is not None


def run(words: Sequence[str], seconds: float, environment: Mapping[str, str], folder: str) -> Ending:
    """Run a command in a folder with more in its environment; it and what it started end after so many seconds.

    What it says is kept in a file: a pipe would be open as long as anything that it has started.
    """
    with tempfile.TemporaryFile() as said:
        try:
            command = subprocess.Popen(
                words,
                env={**os.environ, **environment},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Ending(None, f"it cannot be run: {error}")
        RUNNING.add(command)
        try:
            command.wait(seconds)
        except subprocess.TimeoutExpired:
            return Ending(None, f"it was ended after {seconds:g} s")
        finally:
            _kill(command)
            command.wait()
            RUNNING.discard(command)
        if command.returncode < 0:
            return Ending(None, f"it was ended by {signal.Signals(-command.returncode).name}")
        return Ending(command.returncode, _last_line(said))


def _last_line(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - LONGEST_LINE))
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def end_all() -> None:
    """End every command that runs still, in whichever thread, and what it has started."""
    for command in tuple(RUNNING):
        _kill(command)


def _kill(command: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(command.pid, signal.SIGKILL)


def _is_gone(process: int) -> bool:
    """Whether there is no process of a number; one that is hidden from us is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
