"""What has to hold in a phase before the next: a question, bounds for its answer, and how often it is asked."""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_canary.records import dataclass
from kubectl_canary.release import metrics
from kubectl_canary.release.application import Application, Side

LONGEST_ANSWER = 300  # seconds


@dataclass(frozen=True)
class Bounds:
    """Between what the canary's value has to be.

    `ratio` is how often stable's value it may be at most, and `slack` how much more than that.
    """

    max: float | None = None
    min: float | None = None
    ratio: float | None = None
    slack: float = 0.0


@dataclass(frozen=True)
class Query:
    """A Prometheus query for one number, with names in it that are filled in; the window is in seconds.

    `settles` is after how many seconds in a phase an answer is about nothing else: Prometheus reads now and then.
    `volume` asks how many requests there were in the window: fewer than `requests` are too little data.
    """

    text: str
    bounds: Bounds
    window: int
    settles: int
    volume: str | None = None
    requests: int = 0


@dataclass(frozen=True)
class Webhook:
    """A URL that is asked by POST, and how many seconds it may take."""

    url: str
    timeout: int


@dataclass(frozen=True)
class Command:
    """A command, and how many seconds it may take."""

    words: tuple[str, ...]
    timeout: int


@dataclass(frozen=True)
class Approval:
    """Somebody who agrees."""


Question = Query | Webhook | Command | Approval


@dataclass(frozen=True)
class Rhythm:
    """How often a question is asked, and what of the last `measurements` answers has to be how.

    `interval` is in seconds. More than `failures` of them have failed, or more than `inconclusives` say nothing: that
    is a verdict at once. `passes` of them have to pass once the phase has lasted.
    """

    interval: int
    passes: int = 1
    measurements: int = 1
    failures: int = 0
    inconclusives: int = 0


@dataclass(frozen=True)
class Gate:
    """A question, and when its answers are good enough."""

    name: str
    question: Question
    rhythm: Rhythm

    @property
    def first(self) -> int:
        """After how many seconds in a phase it is asked first."""
        return self.question.settles if isinstance(self.question, Query) else 0

    @property
    def lasts(self) -> int:
        """How many seconds a phase needs for as many measurements as count."""
        return self.first + (self.rhythm.measurements - 1) * self.rhythm.interval

    @property
    def patience(self) -> int:
        """After how many seconds a question has no answer any more, whatever became of it."""
        own = self.question.timeout if isinstance(self.question, Webhook | Command) else 0
        return max(LONGEST_ANSWER, 2 * own)

    @property
    def is_compared(self) -> bool:
        """Whether the canary's value is held against stable's."""
        return isinstance(self.question, Query) and self.question.bounds.ratio is not None

    @property
    def is_approval(self) -> bool:
        """Whether somebody has to agree."""
        return isinstance(self.question, Approval)


@dataclass(frozen=True)
class Prometheus:
    """Where queries are asked, and how; times in seconds. `gateway` is whose metrics we know."""

    url: str
    gateway: str | None = None
    token_file: str | None = None
    token_variable: str | None = None
    ca_file: str | None = None
    insecure: bool = False
    timeout: int = 10
    retries: int = 2
    scrape_interval: int = 15


def filled(text: str, query: Query, application: Application, side: Side, namespace: str) -> str:
    """A query, or its volume, about one side of a release."""
    return metrics.filled(
        text,
        {
            "service": _one_of(workload.service.names.of(side) for workload in application.workloads),
            "deployment": _one_of(workload.names.of(side) for workload in application.workloads),
            "route": _one_of(route.name for route in application.routes),
            "namespace": namespace,
            "window": f"{query.window}s",
        },
    )


def _one_of(names: Iterable[str]) -> str:
    """A regular expression for names, as it stands in a string of PromQL."""
    return "|".join(name.replace(".", "[.]") for name in dict.fromkeys(names))
