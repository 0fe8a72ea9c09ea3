"""Who we are: the user, the machine, the process."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

UNKNOWN = "unknown"
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

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def variable(name: str) -> str:
    """A variable of the environment; nothing where there is none."""
    return os.environ.get(name, "")


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit code, None where it did not by itself, and the last line that it said, or why."""

    code: int | None
    said: str


def run(words: Sequence[str], seconds: float, environment: Mapping[str, str]) -> Ending:
    """Run a command with more in its environment; it and what it has started end after so many seconds."""
    try:
        command = subprocess.Popen(
            words,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ending(None, f"it cannot be run: {error}")
    RUNNING.add(command)
    try:
        said, _ = command.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(command)
        return Ending(None, f"it was ended after {seconds:g} s")
    except BaseException:
        _end(command)
        raise
    finally:
        RUNNING.discard(command)
    if command.returncode < 0:
        return Ending(None, f"it was ended by {signal.Signals(-command.returncode).name}")
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return Ending(command.returncode, lines[-1] if lines else "")


def end_all() -> None:
    """End every command that runs still, in whichever thread, and what it has started."""
    for command in tuple(RUNNING):
        _kill(command)


def _kill(command: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(command.pid, signal.SIGKILL)


def _end(command: subprocess.Popen[bytes]) -> None:
    """End a command and what it has started."""
    _kill(command)
    command.communicate()


def _is_gone(process: int) -> bool:
    """Whether there is no process of a number; one that is hidden from us is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
