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
    return len(here) == len(there) == 3 and here[:2] == there[:2] and machine(process) != known_as
