"""One whole process: how long it takes, and the most memory that it had.

    python benchmarks/measure.py COMMAND...

prints both. A process counts what its parent had at its start, so whoever is large lets this file do it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time


def measure(command: list[str]) -> tuple[float, int]:
    """Seconds from start to end, and the peak memory in KiB."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        pid = os.posix_spawn(
            command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)]
        )
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - start
    assert status == 0, command
    return seconds, usage.ru_maxrss


if __name__ == "__main__":
    print(*measure(sys.argv[1:]))
