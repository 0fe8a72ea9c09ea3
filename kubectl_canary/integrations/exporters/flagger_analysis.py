"""The middle of a release, and its gates → Flagger's analysis, which has one interval and one count of failures.

Source: pkg/controller/scheduler.go, scheduler_metrics.go and webhook.go of Flagger 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding
from kubectl_canary.integrations.exporters.exported import (
    Exporting,
    Object,
    loss,
    metadata,
    of_phase,
    plain_name,
)
from kubectl_canary.integrations.importers.durations import written
from kubectl_canary.integrations.importers.flagger import API
from kubectl_canary.integrations.importers.flagger_analysis import (
    LEAST_INTERVAL,
    MOST_MEASUREMENTS,
    TOTAL,
    USUAL_INTERVAL,
)
from kubectl_canary.integrations.importers.flagger_fields import NAME
from kubectl_canary.records import dataclass
from kubectl_canary.release.gates import Command, Gate, Prometheus, Query, Rhythm, Webhook
from kubectl_canary.release.metrics import PLACE
from kubectl_canary.release.plan import Phase, PhaseKind
from kubectl_canary.release.testers import Testers

NAMES = {
    "deployment": "{{ target }}",  # during an analysis the target is the canary
    "service": "{{ service }}-canary",
    "route": "{{ service }}",  # Flagger's HTTPRoute has the name of the Service
    "namespace": "{{ namespace }}",
    "window": "{{ interval }}",
}
OPEN_END = regex(r"\{\{\s*deployment\s*\}\}-?(\.[*+]|\[)")
PLAIN = regex(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Course:
    """How an analysis goes on: the seconds between two checks, and its steps; `iterations` is 0 where shares rise."""

    interval: int
    iterations: int
    steps: Object
    losses: tuple[Finding, ...]

    @property
    def is_ab(self) -> bool:
        """Whether testers alone reach the canary."""
        return "match" in self.steps


@dataclass(frozen=True)
class Asked:
    """What an analysis asks: the metrics with the templates that they name, webhooks, and how many checks may fail."""

    threshold: int
    metrics: tuple[Object, ...]
    webhooks: tuple[Object, ...]
    templates: tuple[Object, ...]
    losses: tuple[Finding, ...]


def duration(seconds: int) -> str:
    """A duration as the CRD's pattern wants it: minutes or seconds alone."""
    return f"{seconds // 60}m" if seconds and seconds % 60 == 0 else f"{seconds}s"


# --- phases -----------------------------------------------------------------


def course(exporting: Exporting, matches: Sequence[Object]) -> Course:
    """The steps. Whoever tests and shares that rise are not to be had together: shares come first.

    `matches` are those of the governed rule, as the Canary's service says them.
    """
    phases = exporting.phases
    testers = exporting.plan.application.testers
    only_full = sum(phase.kind is PhaseKind.WEIGHT for phase in phases) == 1
    tested = _last(phases, PhaseKind.HEADER_ONLY)
    copied = next((phase for phase in reversed(phases) if _copies_all(phase)), None)
    if only_full and tested and testers and not _replaces(testers, matches):
        return _iterated(exporting, tested, {"match": [_match(testers)]})
    if only_full and copied:
        return _iterated(exporting, copied, {"mirror": True})
    return _weighted(exporting, matches)


def _last(phases: Sequence[Phase], kind: PhaseKind) -> Phase | None:
    return next((phase for phase in reversed(phases) if phase.kind is kind), None)


def _copies_all(phase: Phase) -> bool:
    """Whether it copies every request to the canary, of all methods: Flagger copies no others."""
    return phase.traffic.copied == 1 and not phase.traffic.methods


def _replaces(testers: Testers, matches: Sequence[Object]) -> bool:
    """Whether Flagger would drop conditions of the rule for what testers send. Source: mergeMatchConditions."""
    return any(match.get(testers.key) for match in matches)


def _match(testers: Testers) -> Object:
    condition = testers.condition
    how = "regex" if testers.is_expression else "exact"
    return {testers.key: {condition["name"]: {how: condition["value"]}}}


def _iterated(exporting: Exporting, held: Phase, steps: Object) -> Course:
    """One phase before everybody comes: an A/B test, or requests that are mirrored."""
    full = exporting.phases[-1]
    interval, iterations = _checks(held.pause, full.pause)
    losses = [*_not_taken(exporting, (held, full)), *_names(exporting, (held, full))]
    losses += _pause(exporting, held, interval * iterations)
    if "match" in steps:
        message = (
            "Flagger copies the version to NAME-primary after the last check: nothing holds at 100% before"
        )
        losses.append(_lost(exporting, full, "full", message))
    else:
        losses += [*_pause(exporting, full, interval), *_testers_lost(exporting)]
    return Course(interval, iterations, {**steps, "iterations": iterations}, tuple(losses))


def _checks(held: int, full: int) -> tuple[int, int]:
    """The interval, and how many of them a phase lasts: that of 100 % where it goes into the phase."""
    if full >= LEAST_INTERVAL and held and held % full == 0:
        return full, held // full
    return max(held, LEAST_INTERVAL) if held else USUAL_INTERVAL, 1


def _weighted(exporting: Exporting, matches: Sequence[Object]) -> Course:
    """Shares that rise. The one interval is the longest pause: no share comes earlier than the file says."""
    shares = [phase for phase in exporting.phases if phase.kind is PhaseKind.WEIGHT]
    longest = max(phase.pause for phase in shares) or max(phase.lasts for phase in shares)
    interval = max(longest or USUAL_INTERVAL, LEAST_INTERVAL)
    weights: list[int] = []
    losses = [*_not_taken(exporting, shares), *_names(exporting, shares), *_testers_lost(exporting, matches)]
    for phase in shares:
        exact = phase.traffic.share * TOTAL
        weight = max(int(exact), 1)
        is_new = weight not in weights
        if weight != exact:
            what = f"it takes {weight}%" if is_new else f"the phase is left out beside {weight}%"
            message = f"Flagger's weights are whole percents: {what}"
            losses.append(_lost(exporting, phase, "hundredths", message))
        if is_new:
            weights.append(weight)
            losses += _pause(exporting, phase, interval)
    return Course(interval, 0, {"stepWeights": weights}, tuple(losses))


def _not_taken(exporting: Exporting, taken: Sequence[Phase]) -> Iterator[Finding]:
    """The phases that Flagger does not go through."""
    for phase in exporting.phases:
        if phase in taken:
            continue
        if phase.traffic.to is not None:
            message = f"Flagger sends copies to the canary alone, and none to {phase.traffic.to.title}"
            yield _lost(exporting, phase, "mirror-to", message, "`service.mirror` copies all the time")
        elif phase.kind is PhaseKind.MIRROR:
            message = (
                "Flagger copies all requests of all methods or none, and by an HTTPRoute where no share rises"
            )
            yield _lost(exporting, phase, "mirror", message, "`{mirror: 100%, methods: all}` and then 100%")
        else:
            message = (
                "Flagger leads testers in A/B tests alone, which have no shares and one kind of condition"
            )
            yield _lost(exporting, phase, "header-only", message, "phases `header-only` and `100%` alone")


def _names(exporting: Exporting, phases: Sequence[Phase]) -> Iterator[Finding]:
    for phase in phases:
        if phase.name != plain_name(phase):
            yield _lost(
                exporting, phase, "names", f"Flagger's steps have no names: it is {plain_name(phase)}"
            )


def _testers_lost(exporting: Exporting, matches: Sequence[Object] = ()) -> Iterator[Finding]:
    testers = exporting.plan.application.testers
    if testers is not None:
        why = "testers are led to the canary where no share rises, and here shares do"
        if _replaces(testers, matches):
            why = f"its rule for testers would drop the conditions on {testers.key} that the rule has"
        message = f"{testers.title}: in Flagger {why}"
        yield loss(f"{NAME}-testers", ("spec", "testers"), message, "`testers: false` says so here too")


def _pause(exporting: Exporting, phase: Phase, lasts: int) -> Iterator[Finding]:
    if phase.pause != lasts:
        is_long = phase.pause >= LEAST_INTERVAL
        why = "one interval for all steps" if is_long else f"intervals of {LEAST_INTERVAL}s at least"
        message = f"it lasts {written(lasts)} instead of {written(phase.pause)}: Flagger has {why}"
        yield _lost(exporting, phase, "pause", message)


def _lost(exporting: Exporting, phase: Phase, rule: str, message: str, hint: str = "") -> Finding:
    path, beginning = of_phase(exporting.plan, phase)
    return loss(f"{NAME}-{rule}", path, f"{beginning}{message}", hint)


# --- gates ------------------------------------------------------------------


def asked(exporting: Exporting, steps: Course) -> Asked:
    """The gates of all phases as metrics and webhooks; Flagger asks each at every check."""
    gates = _shared(exporting.phases)
    last = exporting.phases[-1]
    known = [gate for gate in gates if isinstance(gate.question, Query | Webhook)]
    threshold = min((gate.rhythm.failures for gate in known), default=0) + 1
    losses = [*_of_phases(exporting, gates)]
    metrics: list[Object] = []
    webhooks: list[Object] = []
    templates: list[Object] = []
    for index, gate in enumerate(gates):
        findings = [*_unsaid(gate, steps, threshold)]
        losses += [
            loss(f"{NAME}-{rule}", exporting.place_of(last, gate), f"{gate.name}: {message}", hint)
            for rule, message, hint in findings
        ]
        question = gate.question
        if isinstance(question, Webhook):
            webhooks.append(_webhook(gate.name, question))
        elif isinstance(question, Query) and (question.bounds.max, question.bounds.min) != (None, None):
            template = _template(exporting, gate.name, question, index)
            templates.append(template)
            metrics.append(_metric(gate.name, question, template))
    if templates:
        losses += _credentials(exporting.prometheus)
    return Asked(threshold, tuple(metrics), tuple(webhooks), tuple(templates), tuple(losses))


def _shared(phases: Sequence[Phase]) -> list[Gate]:
    """The gates of every phase; those that ask Prometheus are not of phases in which few test."""
    return [
        gate
        for gate in phases[-1].gates
        if all(gate in phase.gates for phase in phases if _may_have(phase, gate))
    ]


def _may_have(phase: Phase, gate: Gate) -> bool:
    is_few = phase.kind is PhaseKind.HEADER_ONLY and isinstance(gate.question, Query)
    return phase.traffic.reaches_canary and not is_few


def _of_phases(exporting: Exporting, shared: Sequence[Gate]) -> Iterator[Finding]:
    for phase in exporting.phases:
        for gate in phase.gates:
            if gate not in shared:
                message = f"gate {gate.name} is of this phase, and Flagger asks the same at every check"
                yield _lost(exporting, phase, "phase-gates", message, "write it below `spec.gates`")


def _unsaid(gate: Gate, steps: Course, threshold: int) -> Iterator[tuple[str, str, str]]:
    """What of a gate Flagger cannot do: the rule, the message and the cure."""
    question = gate.question
    if isinstance(question, Query):
        yield from _unsaid_of_query(question)
    elif isinstance(question, Webhook):
        yield (
            "webhook",
            "what Flagger posts is its own: name, namespace, phase and checksum of the Canary",
            "",
        )
    elif isinstance(question, Command):
        hint = "Flagger's load tester runs commands behind a webhook"
        yield "command", "Flagger runs no command: it is not asked", hint
        return
    else:
        hint = "a webhook `confirm-traffic-increase` of your own, such as the load tester's /gate/check"
        yield (
            "approval",
            "Flagger asks a URL whether it may go on, and here people agree: nobody is asked",
            hint,
        )
        return
    rhythm = _rhythm(steps, threshold)
    if gate.rhythm != rhythm:
        message = (
            f"it is asked every {written(rhythm.interval)}, and the release ends with failed check number "
            f"{threshold} of all gates and phases together"
        )
        yield "rhythm", message, ""


def _unsaid_of_query(query: Query) -> Iterator[tuple[str, str, str]]:
    if query.bounds.ratio is not None:
        left = "its other bound is asked" if (query.bounds.max, query.bounds.min) != (None, None) else ""
        message = f"Flagger holds no canary against what is stable: {left or 'it is not asked'}"
        yield "ratio", message, "a query that divides one by the other, and `max`"
    if query.volume is not None:
        message = f"Flagger judges fewer than {query.requests} requests too, and no value is a failed check"
        yield "requests", message, ""
    if OPEN_END.search(query.text):
        message = "the target's name begins that of NAME-primary, and the expression finds the pods of both"
        yield "pods", message, "end the expression: `{{ deployment }}-[a-z0-9]+-[a-z0-9]+`"


def _rhythm(steps: Course, threshold: int) -> Rhythm:
    """How Flagger measures, as our gates say it."""
    passes = max(steps.iterations, 1)
    most = min(passes + threshold - 1, MOST_MEASUREMENTS)
    passes = min(passes, most)
    return Rhythm(steps.interval, passes, most, most - passes, most - passes)


def _webhook(name: str, question: Webhook) -> Object:
    return {"name": name, "type": "rollout", "url": question.url, "timeout": duration(question.timeout)}


def _template(exporting: Exporting, name: str, query: Query, index: int) -> Object:
    """The MetricTemplate of a query; our names in it are Flagger's."""
    deployment = exporting.one("Deployment", exporting.workload.names.stable)
    prometheus = exporting.prometheus
    title = PLAIN.sub("-", name.lower())[:40].strip("-")
    ending = "-".join(part for part in (f"gate-{index + 1}", title) if part)
    provider: Object = {"type": "prometheus", "address": prometheus.url if prometheus else ""}
    if prometheus and prometheus.insecure:
        provider["insecureSkipVerify"] = True
    text = PLACE.sub(lambda place: NAMES[place.group(1)], query.text)
    return {
        "apiVersion": API,
        "kind": "MetricTemplate",
        "metadata": metadata(deployment, f"{exporting.plan.application.name}-{ending}"),
        "spec": {"provider": provider, "query": text},
    }


def _metric(name: str, query: Query, template: Object) -> Object:
    bounds: dict[str, Any] = {"min": query.bounds.min, "max": query.bounds.max}
    return {
        "name": name,
        "templateRef": {"name": template["metadata"]["name"]},
        "thresholdRange": {key: bound for key, bound in bounds.items() if bound is not None},
        "interval": duration(query.window),
    }


def _credentials(prometheus: Prometheus | None) -> Iterator[Finding]:
    if prometheus and (prometheus.token_file or prometheus.token_variable or prometheus.ca_file):
        message = "Flagger takes credentials from a Secret, and knows no file of certificates"
        hint = "a Secret with a key `token`, and `provider.secretRef` of the MetricTemplates"
        yield loss(f"{NAME}-credentials", ("spec", "prometheus"), message, hint)
