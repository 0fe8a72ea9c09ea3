"""What gates ask Prometheus, as text and as rules that it reads.

Source of the rules' form: https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.reading import yamltext
from kubectl_canary.release.application import Application, Side
from kubectl_canary.release.gates import Gate, Query, filled
from kubectl_canary.release.plan import Plan

RECORD, ALERT = "kubectl_canary:gate", "CanaryGate"
Asked = Sequence[tuple[Gate, Query, list[str]]]


def asked(plan: Plan) -> Asked:
    """Each gate that asks Prometheus, once, with the names of the phases that have it."""
    gates = dict.fromkeys(gate for phase in plan.phases for gate in phase.gates)
    return [
        (gate, gate.question, [phase.name for phase in plan.phases if gate in phase.gates])
        for gate in gates
        if isinstance(gate.question, Query)
    ]


def as_text(application: Application, gates: Asked, namespace: str) -> str:
    """A block a gate: its name and phases, then its query for each side."""
    blocks = []
    for gate, query, phases in gates:
        lines = [f"# {gate.name}, at {', '.join(phases)}"]
        lines += [
            f"# {side.value}\n{filled(query.text, query, application, side, namespace)}"
            for side in _sides(gate)
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def as_rules(application: Application, gates: Asked, namespace: str) -> str:
    """A file of rules: a record for each side of a gate, and an alert for each of its bounds."""
    about = {"release": application.name, "namespace": namespace}
    rules = [rule for gate, query, _ in gates for rule in _rules(application, gate, query, about)]
    group = {"name": f"kubectl-canary-{namespace}-{application.name}", "rules": rules}
    return yamltext.block({"groups": [group]}, 0) + "\n"


def _sides(gate: Gate) -> list[Side]:
    return [Side.CANARY, Side.STABLE] if gate.is_compared else [Side.CANARY]


def _rules(
    application: Application, gate: Gate, query: Query, about: dict[str, str]
) -> Iterator[dict[str, Any]]:
    for side in _sides(gate):
        text = filled(query.text, query, application, side, about["namespace"])
        labels = {**about, "gate": gate.name, "side": side.value}
        yield {"record": RECORD, "expr": text, "labels": labels}
    for bound, expression, summary in _wrong(gate, query, about):
        yield {
            "alert": ALERT,
            "expr": expression,
            "for": f"{gate.rhythm.interval}s",
            "labels": {"severity": "warning", **about, "gate": gate.name, "bound": bound},
            "annotations": {"summary": f"{application.title}: {gate.name} of the canary is {summary}"},
        }


def _wrong(gate: Gate, query: Query, about: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Each bound: its name, and what is so where it does not hold, as an expression and in words."""
    bounds, canary = query.bounds, _series(gate, about, Side.CANARY)
    if bounds.max is not None:
        yield "max", f"{canary} > {bounds.max:g}", f"above {bounds.max:g}"
    if bounds.min is not None:
        yield "min", f"{canary} < {bounds.min:g}", f"below {bounds.min:g}"
    if bounds.ratio is not None:
        stable = _series(gate, about, Side.STABLE)
        most = f"({bounds.ratio:g} * {stable} + {bounds.slack:g})"
        yield "maxRatio", f"{canary} > ignoring (side) {most}", f"more than {bounds.ratio:g} times stable's"


def _series(gate: Gate, about: dict[str, str], side: Side) -> str:
    labels = {**about, "gate": gate.name, "side": side.value}
    return f"{RECORD}{{{','.join(f'{key}={_string(value)}' for key, value in labels.items())}}}"


def _string(text: str) -> str:
    """A string as PromQL has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
