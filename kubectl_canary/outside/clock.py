"""What time it is."""

from __future__ import annotations

import time
from datetime import datetime, timezone


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(timezone.utc)


class Clock:
    """The time, as one that lets it pass."""

    def watch(self) -> float:
        """Seconds since the machine started, with those in which it slept where the system counts them."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def utc(self) -> datetime:
        """The time, in UTC."""
        return now()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
