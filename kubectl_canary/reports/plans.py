"""Plans as text, JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kubectl_canary.findings import Finding
from kubectl_canary.reading import promotion, versions
from kubectl_canary.release import shares
from kubectl_canary.release.phases import Gate, percent
from kubectl_canary.release.plan import Phase, Plan, changes, pods_text
from kubectl_canary.reports.findings import as_value

if TYPE_CHECKING:
    from kubectl_canary.rendering.generator import Rendered
    from kubectl_canary.rendering.transition import Stage, Step

HEADINGS = ("PHASE", "STABLE", "CANARY", "WAIT", "CHANGES")


def plan_table(plan: Plan, current: Phase | None) -> str:
    """The release as a table; an arrow stands at the phase where it is."""
    rows = [_cells(plan, phase) for phase in plan.phases]
    pods = max(len(str(phase.stable_replicas + phase.canary_replicas)) for phase in plan.phases)
    lines = [["", HEADINGS[0], HEADINGS[1], HEADINGS[2], HEADINGS[3], HEADINGS[4]]]
    for phase, (stable, canary, wait, change) in zip(plan.phases, rows, strict=True):
        arrow = "→" if phase == current else ""
        lines.append([arrow, phase.name, _side(stable, pods), _side(canary, pods), wait, change])
    if current is not None and current not in plan.phases:
        lines.append(
            [
                "→",
                current.name,
                *_way_back_cells(current, pods),
                "",
                changes(plan.previous(current), current, plan.canary),
            ]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    right = (4,)
    return "\n".join(
        "  "
        + "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _way_back_cells(phase: Phase, pods: int) -> tuple[str, str]:
    return (
        _side((1 - phase.traffic.share, phase.stable_replicas), pods),
        _side((phase.traffic.share, phase.canary_replicas), pods),
    )


def _side(side: Any, width: int) -> str:
    share, replicas = side
    return f"{percent(share).replace('%', ' %'):>7}  {pods_text(replicas, width)}"


def _cells(plan: Plan, phase: Phase) -> tuple[Any, Any, str, str]:
    share = phase.traffic.share
    words = [changes(plan.previous(phase) if phase is not plan.phases[0] else None, phase, plan.canary)]
    words += [f"gate: {gate_text(gate)}" for gate in phase.gates]
    return (
        (1 - share, phase.stable_replicas),
        (share, phase.canary_replicas),
        wait_text(phase.pause),
        "; ".join(word for word in words if word),
    )


def wait_text(seconds: int) -> str:
    """`10m`, `1h30m`, `45s`; nothing for no wait."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return "".join(
        f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (left, "s")) if number
    )


def gate_text(gate: Gate) -> str:
    """`error rate ≤ 0.01`, `requests ≥ 100 (3 times)`."""
    bounds = [f"{sign} {bound:g}" for sign, bound in (("≥", gate.min), ("≤", gate.max)) if bound is not None]
    times = f" ({gate.passes} times)" if gate.passes > 1 else ""
    return f"{gate.name} {' and '.join(bounds)}{times}"


def plan_text(
    plan: Plan, current: Phase | None, spec: dict[str, Any], commands: Mapping[str, str], checked: str
) -> str:
    """The whole answer of `plan`, for a person.

    `spec` is the file's; `commands` are what to go on with: `plan` or `rollback`.
    """
    canary = plan.canary
    place = f"{canary.name} in {canary.namespace}" if canary.namespace else canary.name
    if canary.canary is None:
        return "\n".join(
            [
                f"{place}: {canary.stable.version}, no release under way",
                "",
                plan_table(plan, current),
                "",
                f"To plan one: {commands['plan']}, or write spec.canary into the file.",
                "",
            ]
        )
    return "\n".join(
        [
            f"{place}: {canary.stable.version} → {canary.canary.version}, through HTTPRoute {canary.route.name}",
            "",
            plan_table(plan, current),
            "",
            *_differences_text(spec),
            *_capacity_text(plan),
            "Way back at every phase, with kubectl alone once it is printed:",
            f"  {commands['rollback']} | kubectl apply -f -",
            *([checked] if checked else []),
            "",
            promotion.advice(spec, commands["file"]),
            "",
        ]
    )


def _capacity_text(plan: Plan) -> list[str]:
    """The most pods, and for how many pods of stable the shares are proved where those may change."""
    canary, peak = plan.canary, plan.peak()
    most = (
        [f"At most {peak} pods, with those that come on top while stable rolls."] if peak is not None else []
    )
    if canary.prints_replicas:
        return most
    whose = "by others" if canary.is_scaled_by_others else "by its autoscaler"
    proved = f"Stable is scaled {whose}: no share outruns its pods up to {pods_text(canary.stable_pods)} of stable."
    return [*most, proved]


def _differences_text(spec: dict[str, Any]) -> list[str]:
    """What the canary has otherwise than stable, besides its image."""
    found = versions.differences(spec)
    return [f"Besides its image the canary differs in {', '.join(found)}."] if found else []


def plan_markdown(plan: Plan, current: Phase | None) -> str:
    """The release as a Markdown table, for a pull request."""
    lines = ["| phase | stable | canary | wait | changes |", "|---|---|---|---|---|"]
    for phase in plan.phases:
        (stable, stable_pods), (share, pods), wait, change = _cells(plan, phase)
        name = f"**{phase.name}** (now)" if phase == current else phase.name
        cells = (
            name,
            f"{percent(stable)}, {pods_text(stable_pods)}",
            f"{percent(share)}, {pods_text(pods)}",
            wait,
            change,
        )
        lines.append(_markdown_row(cells))
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def plan_json(
    plan: Plan,
    current: Phase | None,
    spec: dict[str, Any],
    findings: Sequence[Finding],
    touched: Mapping[str, Sequence[Step]],
) -> str:
    """The release as JSON, for programs: shares as percentages, pauses in seconds."""
    canary = plan.canary
    return as_json(
        {
            "name": canary.name,
            "namespace": canary.namespace,
            "route": canary.route.name,
            "stable": canary.stable.image,
            "canary": canary.canary.image if canary.canary else None,
            "phase": current.name if current else None,
            "phases": [_phase_json(plan, phase, touched.get(phase.name, ())) for phase in plan.phases],
            "waysBack": [_phase_json(plan, phase, touched.get(phase.name, ())) for phase in plan.ways_back()],
            "peakPods": plan.peak(),
            "differences": versions.differences(spec),
            "afterPromotion": promotion.stable_after(spec) if canary.canary else None,
            "findings": [as_value(finding) for finding in findings],
        }
    )


def _phase_json(plan: Plan, phase: Phase, touched: Sequence[Step]) -> dict[str, Any]:
    share = phase.traffic.share
    stable_weight, canary_weight = shares.weights(share)
    return {
        "name": phase.name,
        "kind": phase.kind.value,
        "stable": {
            "share": percent(1 - share),
            "weight": stable_weight,
            "replicas": phase.stable_replicas,
            "image": plan.track(phase.stable_version).image,
        },
        "canary": {"share": percent(share), "weight": canary_weight, "replicas": phase.canary_replicas},
        "mirror": percent(phase.traffic.mirror),
        "testers": phase.traffic.testers,
        "pauseSeconds": phase.pause,
        "gates": [vars(gate) for gate in phase.gates],
        "changes": changes(plan.previous(phase), phase, plan.canary) if phase.kind.value != "before" else "",
        "steps": [{"action": step.action, "object": step.rendered.title} for step in touched],
    }


def as_yaml(rendered: Sequence[Rendered]) -> str:
    """The documents as their templates printed them, one stream."""
    return "---\n".join(one.text for one in rendered)


def as_list(rendered: Sequence[Rendered]) -> str:
    """The documents as one JSON List, as kubectl prints several objects."""
    return as_json({"apiVersion": "v1", "kind": "List", "items": [one.value for one in rendered]})


def ways_table(start: Phase, stages: Sequence[Stage]) -> str:
    """The way from one phase to another, a line a stage: what each touches, then its pause and gates."""
    width = max(len(stage.phase.name) for stage in stages)
    lines = [f"from {start.name}, {len(stages)} {'step' if len(stages) == 1 else 'steps'}:"]
    for stage in stages:
        touched = [f"{step.action} {step.rendered.title}" for step in stage.steps]
        words = [", ".join(touched) or "nothing to do", *_before_leaving(stage.phase)]
        lines.append(f"  {stage.phase.name:<{width}}  {'; '.join(words)}")
    return "\n".join(lines) + "\n"


def _before_leaving(phase: Phase) -> list[str]:
    pause = [f"then wait {wait_text(phase.pause)}"] if phase.pause else []
    return [*pause, *(f"gate: {gate_text(gate)}" for gate in phase.gates)]


def ways_markdown(stages: Sequence[Stage]) -> str:
    """The way from one phase to another as a Markdown table."""
    lines = ["| phase | changes | wait | gates |", "|---|---|---|---|"]
    for stage in stages:
        touched = ", ".join(f"{step.action} {step.rendered.title}" for step in stage.steps)
        gates = "; ".join(map(gate_text, stage.phase.gates))
        lines.append(_markdown_row([stage.phase.name, touched, wait_text(stage.phase.pause), gates]))
    return "\n".join(lines) + "\n"


def ways_json(plan: Plan, start: Phase, stages: Sequence[Stage]) -> str:
    """The way from one phase to another, for programs."""
    return as_json(
        {"from": start.name, "steps": [_phase_json(plan, stage.phase, stage.steps) for stage in stages]}
    )


def as_json(value: Any) -> str:
    """Indented JSON with a newline at its end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
