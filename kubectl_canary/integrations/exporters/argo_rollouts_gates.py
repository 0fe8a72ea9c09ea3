"""Gates that ask Prometheus → AnalysisTemplates, and the steps that measure by them.

Source: docs/features/analysis.md, analysis/analysis.go, utils/evaluate/evaluate.go and metricproviders/prometheus.
"""

from __future__ import annotations

import re
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.exporters.argo_rollouts_routes import DEFAULT_NAMESPACE, lost
from kubectl_canary.integrations.exporters.exported import Exporting, Object, metadata, of_phase
from kubectl_canary.integrations.importers import durations
from kubectl_canary.release import gates, metrics
from kubectl_canary.release.application import Side
from kubectl_canary.release.gates import Bounds, Gate, Prometheus, Query, Rhythm
from kubectl_canary.release.plan import Phase

LONGEST_TEMPLATE = 200  # of the 253 characters of a name, so that a number fits

GATE_FIELDS = {
    "gates with query or metric": (
        "an AnalysisTemplate each, and a step `analysis` after the pause of each phase that has the gate"
    ),
    "max, min": "successCondition and failureCondition; what is no number is inconclusive by both",
    "interval, measurements, failureLimit, inconclusiveLimit": (
        "interval, count, failureLimit, inconclusiveLimit"
    ),
    "requests": "a part of the query: with fewer requests it answers NaN",
    "gates with approval": "a pause without a duration, after the analyses of the phase",
    "prometheus.url, insecure, timeout": "address, insecure and timeout of each metric",
}
GATE_LIMITS = {
    "gate-deployment": (
        "A query about `{{ deployment }}`: the canary's pods belong to a ReplicaSet, and no Deployment is theirs."
    ),
    "gate-kind": "Webhooks and commands: an answer has to be JSON, and a command needs an image.",
    "gate-late": (
        "Measurements during the pause: the analysis comes after it, so that a bad version is noticed later."
    ),
    "gate-no-answer": (
        "Queries without an answer, or with an infinite one: the first is asked again, and is an error after five "
        "times, the second fails. Here both are too little data."
    ),
    "gate-passes": "`passes` beside limits that let more measurements fail or say nothing than that leaves.",
    "gate-prometheus": "Tokens, certificates and retries of `spec.prometheus`.",
    "gate-ratio": "`maxRatio` and `slack`: a metric is not compared with that of stable.",
}


class Analyses:
    """The AnalysisTemplates of a release, and what of its gates is lost.

    `phases` are those that the Rollout has.
    """

    def __init__(self, exporting: Exporting, phases: list[Phase], losses: list[Finding]) -> None:
        self.exporting, self.phases, self.losses = exporting, phases, losses
        self._templates: dict[Gate, Object] = {}
        for phase in phases:
            for gate in phase.gates:
                asked = None if gate.is_approval else self._asked(phase, gate)
                if asked and gate not in self._templates:
                    self._templates[gate] = self._template(gate, asked, self.exporting.place_of(phase, gate))
        measured = [(phase, gate) for phase in phases for gate in phase.gates if gate in self._templates]
        if measured:
            self._tell_of_all(*measured[0])

    @property
    def templates(self) -> tuple[Object, ...]:
        """The AnalysisTemplates, in the order of the phases that measure by them first."""
        return tuple(self._templates.values())

    def steps(self, phase: Phase) -> list[Object]:
        """A step for each gate of a phase that is measured."""
        names = [self._templates[gate]["metadata"]["name"] for gate in phase.gates if gate in self._templates]
        return [{"analysis": {"templates": [{"templateName": name}]}} for name in names]

    def _lost(self, rule: str, path: Path, message: str, hint: str = "") -> None:
        self.losses.append(lost(rule, path, message, hint))

    def _asked(self, phase: Phase, gate: Gate) -> Object | None:
        """What a metric asks for a gate, and its conditions; None, with the reason said, where it asks nothing."""
        question, place = gate.question, self.exporting.place_of(phase, gate)
        start = f"{of_phase(self.exporting.plan, phase)[1]}the gate `{gate.name}`"
        if not isinstance(question, Query):
            hint = "a provider `web` or `job` may do what it does"
            self._lost("gate-kind", place, f"{start} is left out: it asks a webhook or a command", hint)
            return None
        if self.exporting.prometheus is None:
            message = f"{start} is left out: nobody says where Prometheus is"
            self._lost("gate-prometheus", place, message, "write `spec.prometheus.url`")
            return None
        if "deployment" in metrics.PLACE.findall(question.text):
            message = f"{start} is left out: the canary has no Deployment"
            self._lost("gate-deployment", place, message, "ask by `{{ service }}`")
            return None
        bounds = question.bounds
        if bounds.ratio is not None:
            self._lost("gate-ratio", place, f"{start} is not compared with stable", "write `max` or `min`")
        if bounds.max is None and bounds.min is None:
            return None
        provider = _provider(self.exporting.prometheus, self._query(question))
        return {**_conditions(bounds), "provider": {"prometheus": provider}}

    def _tell_of_all(self, phase: Phase, gate: Gate) -> None:
        """What is lost of every gate, said of the first one."""
        start, place = of_phase(self.exporting.plan, phase)[1], self.exporting.place_of(phase, gate)
        message = f"{start}gates are measured after the pause, and a phase lasts so much longer"
        self._lost("gate-late", place, message)
        message = f"{start}a query without an answer is an error, and the fifth in a row ends the release"
        self._lost("gate-no-answer", place, message, "write a query that always answers: `... or vector(0)`")
        asked = self.exporting.prometheus
        if asked and (asked.token_file or asked.token_variable or asked.ca_file):
            message = "the token and the certificates of Prometheus are left out"
            hint = "write `authentication` or `headers` into the AnalysisTemplates"
            self._lost("gate-prometheus", ("spec", "prometheus"), message, hint)

    def _template(self, gate: Gate, asked: Object, place: Path) -> Object:
        """The AnalysisTemplate of a gate; `asked` is what its metric asks."""
        rhythm = gate.rhythm
        left = max(0, rhythm.measurements - rhythm.failures - rhythm.inconclusives)
        if rhythm.passes > left:
            message = (
                f"the gate `{gate.name}` needs {rhythm.passes} passes, and {left} are enough for an analysis"
            )
            self._lost("gate-passes", place, message, "lower `failureLimit` and `inconclusiveLimit`")
        deployment = self.exporting.one("Deployment", self.exporting.workload.names.stable)
        metric = {"name": gate.name, **self._delay(gate), **_counts(rhythm), **asked}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisTemplate",
            "metadata": metadata(deployment, self._name(gate)),
            "spec": {"metrics": [metric]},
        }

    def _name(self, gate: Gate) -> str:
        stable = self.exporting.workload.names.stable
        base = re.sub("[^a-z0-9]+", "-", f"{stable}-{gate.name}".lower()).strip("-")[:LONGEST_TEMPLATE]
        base, number = base.rstrip("-"), 1
        taken = {known["metadata"]["name"] for known in self._templates.values()}
        name = base
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        return name

    def _delay(self, gate: Gate) -> Object:
        """How long the first measurement waits, so that its window has nothing of another phase."""
        pauses = [phase.pause for phase in self.phases if gate in phase.gates]
        left = max(gate.first - pause for pause in pauses)
        return {"initialDelay": durations.written(left)} if left > 0 else {}

    def _query(self, query: Query) -> str:
        """The query about the canary; a metric's answers NaN where there are too few requests, or none."""
        text = self._filled(query.text, query)
        if query.volume is None:
            return text
        volume = self._filled(query.volume, query)
        enough = f"((({volume}) or vector(0)) >= bool {query.requests})"
        return f"(({text}) or vector(NaN)) + 0 / {enough}"

    def _filled(self, text: str, query: Query) -> str:
        application = self.exporting.plan.application
        # the Rollout's pods are in its own namespace
        namespace = application.namespace or DEFAULT_NAMESPACE
        return gates.filled(text, query, application, Side.CANARY, namespace)


def _counts(rhythm: Rhythm) -> Object:
    return {
        "interval": durations.written(rhythm.interval),
        "count": rhythm.measurements,
        "failureLimit": rhythm.failures,
        "inconclusiveLimit": rhythm.inconclusives,
    }


def _conditions(bounds: Bounds) -> Object:
    """When a value passes, and when it fails; NaN does neither."""
    low, high = _number(bounds.min), _number(bounds.max)
    holds = [*([f"result[0] >= {low}"] if low else ()), *([f"result[0] <= {high}"] if high else ())]
    fails = [*([f"result[0] < {low}"] if low else ()), *([f"result[0] > {high}"] if high else ())]
    return {"successCondition": " && ".join(holds), "failureCondition": " || ".join(fails)}


def _number(value: float | None) -> str:
    """A number as both an expression and Prometheus read it; empty for none."""
    return "" if value is None else repr(value)


def _provider(asked: Prometheus, query: str) -> dict[str, Any]:
    insecure = {"insecure": True} if asked.insecure else {}
    return {"address": asked.url, "query": query, "timeout": asked.timeout, **insecure}
