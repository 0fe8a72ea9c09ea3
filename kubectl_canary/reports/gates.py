"""Gates as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from kubectl_canary.driving.verdicts import Measurement
from kubectl_canary.records import asdict
from kubectl_canary.release.gates import Approval, Bounds, Command, Gate, Query, Webhook
from kubectl_canary.release.plan import Phase
from kubectl_canary.reports.programs import as_json

KINDS = {Query: "query", Webhook: "webhook", Command: "command", Approval: "approval"}


def gate_texts(gates: Sequence[Gate], share: Fraction) -> list[str]:
    """Gates of a phase as text; where the canary's share is all, stable's value is an earlier one."""
    return [_text(gate, " before 100%" if share == 1 else "") for gate in gates]


def gates_text(phases: Sequence[Phase]) -> list[str]:
    """What every gate of a release asks, a line each, with the phases that have it where not all gated phases do."""
    gated = [phase for phase in phases if phase.gates]
    gates = dict.fromkeys(gate for phase in gated for gate in phase.gates)
    if not gates:
        return []
    lines = ["What has to hold before the next phase:"]
    for gate in gates:
        having = [phase for phase in gated if gate in phase.gates]
        where = "" if having == gated else f", at {', '.join(phase.name for phase in having)}"
        late = [phase.name for phase in having if phase.traffic.share == 1]
        when = f"; at {' and '.join(late)}, stable's value before 100%" if late and gate.is_compared else ""
        lines.append(f"  {_text(gate, '')}{where}{when}")
    return lines


def _text(gate: Gate, when: str) -> str:
    """`error rate ≤ 0.01`, `latency ≤ 1.2 x stable's (3 of 5)`."""
    asked = gate.question
    what = _bounds_text(asked.bounds, when) if isinstance(asked, Query) else ""
    kind = "" if isinstance(asked, Query) else KINDS[type(asked)]
    kind = "" if gate.name.startswith(kind) else f"({kind})"
    rhythm = gate.rhythm
    times = f"({rhythm.passes} of {rhythm.measurements})" if rhythm.passes > 1 else ""
    return " ".join(filter(None, (gate.name, what, kind, times)))


def _bounds_text(bounds: Bounds, when: str) -> str:
    held = [
        f"{sign} {bound:g}" for sign, bound in (("≥", bounds.min), ("≤", bounds.max)) if bound is not None
    ]
    if bounds.ratio is not None:
        slack = f" + {bounds.slack:g}" if bounds.slack else ""
        held.append(f"≤ {bounds.ratio:g} x stable's{when}{slack}")
    return " and ".join(held)


def gate_data(gate: Gate) -> dict[str, Any]:
    """A gate for programs: its name, its kind, and everything that is asked."""
    return {
        "name": gate.name,
        "kind": KINDS[type(gate.question)],
        **asdict(gate.question),
        **asdict(gate.rhythm),
    }


def measured_text(measured: Sequence[tuple[Gate, Measurement]]) -> str:
    """A line a measurement: the verdict, the gate, and what was found."""
    width = max(len(gate.name) for gate, _ in measured)
    lines = (f"{found.verdict.value:<12}  {gate.name:<{width}}  {found.said}" for gate, found in measured)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def measured_data(measured: Sequence[tuple[Gate, Measurement]]) -> str:
    """The same for programs."""
    return as_json([{"gate": gate.name, **found.as_data()} for gate, found in measured])
