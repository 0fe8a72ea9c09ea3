"""What can go wrong, and the exit code of each.

CanaryError
├── Refused      1  we looked and said no; carries the findings
│   └── Undecided   2  the same from a verb whose 1 is an answer
├── UsageError   2  the command line asks for something that does not exist
└── WorldError   4  files, pipes, kubectl or the network failed
    ├── Unreachable    the cluster did not answer: it may a moment later
    ├── Forbidden      whoever we are to the cluster must not do that
    ├── TooLate        the cluster did not get there in time
    └── Conflict       the cluster is another than it was when it was read
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubectl_canary.findings import Finding


class CanaryError(Exception):
    """An error with a message for the user, a hint what to do, and an exit code."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refused(CanaryError):
    """The input is not what it must be; every complaint is a finding."""

    def __init__(self, message: str, findings: Sequence[Finding], hint: str = "") -> None:
        super().__init__(message, hint)
        self.findings = tuple(findings)


class Undecided(Refused):
    """What was asked cannot be answered, from a verb that answers with 0 and 1."""

    exit_code = 2


class UsageError(CanaryError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class WorldError(CanaryError):
    """A file, a folder, a pipe or another program failed."""

    exit_code = 4


class Unreachable(WorldError):
    """The cluster did not answer, or does not know us at the moment."""


class Forbidden(WorldError):
    """Whoever we are to the cluster must not do that."""


class TooLate(WorldError):
    """The cluster has not done what it has to in the time that it was given."""


class Conflict(WorldError):
    """An object is not as it was when it was read: nothing was written."""
