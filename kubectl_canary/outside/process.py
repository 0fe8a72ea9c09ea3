"""Who we are: the user, the machine, the process."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
from pathlib import Path

UNKNOWN = "unknown"


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


def _is_gone(process: int) -> bool:
    """Whether there is no process of a number; one that is hidden from us is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
