"""Verdicts on many manifests, found by several processes, and while others are still read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from kubectl_canary.findings import Finding, Where
from kubectl_canary.judging.validation import Judged, Question, judged
from kubectl_canary.outside.forks import Forks
from kubectl_canary.reading.manifests import Manifest, is_canary
from kubectl_canary.records import asdict

FIRST = 100  # these are judged here: what is loaded for them, each process has
AT_ONCE = 1_000  # manifests that a process judges, some 100 ms of work

Verdicts = list[tuple[bool | None, list[dict[str, Any]]]]


class Ahead:
    """Judges manifests as they come, by one question."""

    def __init__(self, question: Question, forks: Forks[Verdicts]) -> None:
        self._question, self._forks = question, forks
        self._waiting: list[Manifest] = []
        self._begun: list[Manifest] = []
        self._known: dict[int, Judged] = {}

    def take(self, manifests: Sequence[Manifest]) -> None:
        """Begin to judge manifests; canary files are judged with what lies beside them, and not here."""
        self._waiting += [manifest for manifest in manifests if not is_canary(manifest.value)]
        while len(self._waiting) >= AT_ONCE:
            if not self._known:
                self._known = {id(known): judged(known, self._question) for known in self._taken(FIRST)}
            part = self._taken(AT_ONCE)
            self._begun += part
            self._forks.begin(partial(_verdicts, part, self._question))

    def _taken(self, number: int) -> list[Manifest]:
        taken, self._waiting = self._waiting[:number], self._waiting[number:]
        return taken

    def known(self) -> dict[int, Judged]:
        """What is judged, by the id of each manifest; those that came last, and were too few, are not."""
        verdicts = [verdict for part in self._forks.answers() for verdict in part]
        for manifest, (valid, findings) in zip(self._begun, verdicts, strict=True):
            self._known[id(manifest)] = Judged(
                manifest, valid, tuple(map(_finding, findings)), self._question.target
            )
        return self._known


def _verdicts(manifests: Sequence[Manifest], question: Question) -> Verdicts:
    """The verdicts on manifests, as one process tells them to another."""
    known = [judged(manifest, question) for manifest in manifests]
    return [(each.valid, [asdict(finding) for finding in each.findings]) for each in known]


def _finding(told: dict[str, Any]) -> Finding:
    return Finding(**{**told, "where": Where(**told["where"])})
