"""Plans as text, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from kubectl_canary.findings import Finding
from kubectl_canary.reading import promotion, versions
from kubectl_canary.records import dataclass
from kubectl_canary.release import neighbours, shares
from kubectl_canary.release.application import SERVICE_API, Application, Located, Version
from kubectl_canary.release.gates import Gate
from kubectl_canary.release.phases import percent
from kubectl_canary.release.plan import Phase, PhaseKind, Plan, pods_text
from kubectl_canary.release.reach import other_senders
from kubectl_canary.reports.gates import gate_data, gate_texts, gates_text
from kubectl_canary.reports.programs import as_identity, as_json, as_value

if TYPE_CHECKING:
    from kubectl_canary.release.application import Workload
    from kubectl_canary.release.changes import Change, Step

HEADINGS = ("PHASE", "STABLE", "CANARY", "WAIT", "CHANGES")
WAIT = 4  # the column whose cells stand at the right


@dataclass(frozen=True)
class Portion:
    """What a side has in a phase: its share of the traffic, a Fraction of 1, and its pods."""

    share: Fraction
    replicas: int


@dataclass(frozen=True)
class Row:
    """A phase as every form of a plan shows it; the pause is in seconds, and `changes` are words."""

    name: str
    kind: str
    stable: Portion
    canary: Portion
    stable_image: str
    mirror: Fraction
    mirrored_to: str | None
    testers: bool
    pause: int
    lasts: int
    gates: tuple[Gate, ...]
    changes: str
    is_current: bool

    @property
    def wait(self) -> str:
        """How long it lasts as text."""
        return wait_text(self.lasts)

    @property
    def words(self) -> str:
        """What the phase changes, and the gates before the next one."""
        longer = "its gates take longer than its pause" if self.lasts > self.pause else ""
        names = ", ".join(gate.name for gate in self.gates)
        gated = f"{'gate' if len(self.gates) == 1 else 'gates'}: {names}" if names else ""
        words = [self.changes, gated, longer]
        return "; ".join(word for word in words if word)


def rows(plan: Plan, phases: Iterable[Phase], current: Phase | None = None) -> list[Row]:
    """Phases of a plan as rows; `current` is the phase where the release is."""
    return [_row(plan, phase, phase == current) for phase in phases]


def _row(plan: Plan, phase: Phase, is_current: bool) -> Row:
    from kubectl_canary.release.wording import changes_text

    share, is_first = phase.traffic.share, phase.kind is PhaseKind.BEFORE
    return Row(
        name=phase.name,
        kind=phase.kind.value,
        stable=Portion(1 - share, phase.stable_replicas),
        canary=Portion(share, phase.canary_replicas),
        stable_image=", ".join(plan.application.images(phase.stable_version)),
        mirror=phase.traffic.mirror,
        mirrored_to=phase.traffic.to.title if phase.traffic.to is not None else None,
        testers=phase.traffic.testers,
        pause=phase.pause,
        lasts=phase.lasts,
        gates=phase.gates,
        changes="" if is_first else changes_text(plan.previous(phase), phase, plan.application),
        is_current=is_current,
    )


def plan_table(plan: Plan, current: Phase | None) -> str:
    """The release as a table; an arrow stands at the phase where it is, which may be a way back."""
    way_back = () if current is None or current in plan.phases else (current,)
    table = rows(plan, (*plan.phases, *way_back), current)
    pods = max(len(str(row.stable.replicas + row.canary.replicas)) for row in table)
    lines = [["", *HEADINGS], *(_cells(row, pods) for row in table)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def _cells(row: Row, pods: int) -> list[str]:
    arrow = "→" if row.is_current else ""
    return [arrow, row.name, _side(row.stable, pods), _side(row.canary, pods), row.wait, row.words]


def _side(side: Portion, pods: int) -> str:
    return f"{percent(side.share).replace('%', ' %'):>7}  {pods_text(side.replicas, pods)}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    padded[WAIT] = cells[WAIT].rjust(widths[WAIT])
    return "  " + "  ".join(padded).rstrip()


def wait_text(seconds: int) -> str:
    """`10m`, `1h30m`, `45s`; nothing for no wait."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return "".join(
        f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (left, "s")) if number
    )


def plan_text(
    plan: Plan, current: Phase | None, spec: dict[str, Any], commands: Mapping[str, str], checked: str
) -> str:
    """The whole answer of `plan`, for a person.

    `spec` is the file's; `commands` are what to go on with: `plan` or `rollback`.
    """
    application = plan.application
    stable, canary = (application.called(version) for version in Version)
    if application.has_release:
        title = f"{application.title}: {stable} → {canary}, through {_routes_text(application)}"
        below = [
            *gates_text(plan.phases),
            *_differences_text(spec),
            *_capacity_text(plan),
            *_streams_text(application),
            *_past_text(application),
            *_way_back_text(commands.get("rollback")),
            *([checked] if checked else []),
            "",
            promotion.advice(spec, commands["file"]),
        ]
    else:
        title = f"{application.title}: {stable}, no release under way"
        below = [f"To plan one: {commands['plan']}, or write spec.canary into the file."]
    return "\n".join([title, "", plan_table(plan, current), "", *below, ""])


def _routes_text(application: Application) -> str:
    """`HTTPRoute shop, partners and GRPCRoute calls`."""
    all_near = all(route.namespace == application.namespace for route in application.routes)
    names: dict[str, list[str]] = {}
    for route in application.routes:
        place = "" if all_near else f" in {route.namespace}"
        names.setdefault(route.kind, []).append(f"{route.name}{place}")
    return " and ".join(f"{kind} {', '.join(listed)}" for kind, listed in names.items())


def _streams_text(application: Application) -> list[str]:
    """What a share of connections is."""
    if not application.streams:
        return []
    titles = " and ".join(application.streams)
    return [f"{titles}: a share is one of new connections; those that are open stay where they are."]


def _past_text(application: Application) -> list[str]:
    """Who and what the shares of an adopted release say nothing of."""
    past = _past(application)
    said = [
        *(f"{title} takes requests of the same hosts" for title in past["sameHosts"]),
        *(f"{title} sends to stable" for title in past["senders"]),
        *(f"what names {title} inside the cluster is answered by stable" for title in past["services"]),
        "connections that are open stay with the pods that they have",
    ]
    return (
        ["Past the release, in every phase:", *(f"  {line}" for line in said)] if application.adopted else []
    )


def _past(application: Application) -> dict[str, list[str]]:
    """Routes that take requests of the same hosts, what sends to stable whatever the phase, and stable's Services."""
    routes = neighbours.by_route(application) if application.adopted is not None else {}
    others = dict.fromkeys(known.route for beside in routes.values() for known in beside)
    services = [service for service in application.services if SERVICE_API in service.apis]
    return {
        "sameHosts": [_place_text(route, application) for route in others if route not in application.routes],
        "senders": other_senders(application),
        "services": [f"Service {service.names.stable}" for service in services],
    }


def _place_text(route: Located, application: Application) -> str:
    """`HTTPRoute shop`, with its namespace where that is not the release's."""
    return route.title if route.namespace == application.namespace else f"{route.title} in {route.namespace}"


def _way_back_text(command: str | None) -> list[str]:
    if command is None:
        return [
            "There is no way back from here: the old version is another release, with the versions exchanged."
        ]
    return [
        "Way back at every phase, with kubectl alone once it is printed:",
        f"  {command} | kubectl apply -f -",
    ]


def _capacity_text(plan: Plan) -> list[str]:
    """The most pods, and for how many pods of stable the shares are proved where those may change."""
    peak = plan.peak()
    most = (
        [f"At most {peak} pods, with those that come on top while stable rolls."] if peak is not None else []
    )
    scaled = [workload for workload in plan.application.workloads if not workload.prints_replicas]
    return [*most, *map(_proved_text, scaled)]


def _proved_text(workload: Workload) -> str:
    whose = "by others" if workload.is_scaled_by_others else "by its autoscaler"
    pods = pods_text(workload.stable_pods)
    return f"Stable is scaled {whose}: no share outruns its pods up to {pods} of stable."


def _differences_text(spec: dict[str, Any]) -> list[str]:
    """What the canary has otherwise than stable, besides its image."""
    differences = versions.differences(spec)
    return [f"Besides its image the canary differs in {', '.join(differences)}."] if differences else []


def plan_markdown(plan: Plan, current: Phase | None) -> str:
    """The release as a Markdown table, for a pull request."""
    lines = ["| phase | stable | canary | wait | changes |", "|---|---|---|---|---|"]
    for row in rows(plan, plan.phases, current):
        name = f"**{row.name}** (now)" if row.is_current else row.name
        sides = [f"{percent(side.share)}, {pods_text(side.replicas)}" for side in (row.stable, row.canary)]
        lines.append(_markdown_row([name, *sides, row.wait, row.words]))
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def plan_json(
    plan: Plan,
    current: Phase | None,
    spec: dict[str, Any],
    findings: Sequence[Finding],
    touched: Mapping[str, Sequence[Change]],
) -> str:
    """The release as JSON, for programs: shares as percentages, pauses in seconds."""
    application = plan.application
    stable, canary = (", ".join(application.images(version)) for version in Version)
    return as_json(
        {
            "name": application.name,
            "namespace": application.namespace,
            "route": application.route.name,
            "routes": [route._asdict() for route in application.routes],
            "stable": stable,
            "canary": canary if application.has_release else None,
            "phase": current.name if current else None,
            "phases": [_row_json(row, touched.get(row.name, ())) for row in rows(plan, plan.phases)],
            "waysBack": [_row_json(row, touched.get(row.name, ())) for row in rows(plan, plan.ways_back())],
            "peakPods": plan.peak(),
            "past": _past(application),
            "differences": versions.differences(spec),
            "afterPromotion": promotion.stable_after(spec) if application.has_release else None,
            "findings": [as_value(finding) for finding in findings],
        }
    )


def _row_json(row: Row, touched: Sequence[Change]) -> dict[str, Any]:
    stable_weight, canary_weight = shares.weights(row.canary.share)
    return {
        "name": row.name,
        "kind": row.kind,
        "stable": {
            "share": percent(row.stable.share),
            "weight": stable_weight,
            "replicas": row.stable.replicas,
            "image": row.stable_image,
        },
        "canary": {
            "share": percent(row.canary.share),
            "weight": canary_weight,
            "replicas": row.canary.replicas,
        },
        "mirror": percent(row.mirror),
        **({"mirrorTo": row.mirrored_to} if row.mirrored_to is not None else {}),
        "testers": row.testers,
        "pauseSeconds": row.pause,
        "lastsSeconds": row.lasts,
        "gates": [gate_data(gate) for gate in row.gates],
        "summary": row.changes,
        "changes": [{"action": change.action, **as_identity(change.part)} for change in touched],
    }


def ways_table(start: Phase, steps: Sequence[Step]) -> str:
    """The way from one phase to another, a line a step: what each touches, then its pause and gates."""
    width = max(len(step.phase.name) for step in steps)
    lines = [f"from {start.name}, {len(steps)} {'step' if len(steps) == 1 else 'steps'}:"]
    for step in steps:
        words = [_touched(step) or "nothing to do", *_before_leaving(step.phase)]
        lines.append(f"  {step.phase.name:<{width}}  {'; '.join(words)}")
    return "\n".join(lines) + "\n"


def _touched(step: Step) -> str:
    return ", ".join(f"{change.action} {change.part.title}" for change in step.changes)


def _before_leaving(phase: Phase) -> list[str]:
    pause = [f"then wait {wait_text(phase.lasts)}"] if phase.lasts else []
    return [*pause, *(f"gate: {text}" for text in gate_texts(phase.gates, phase.traffic.share))]


def ways_markdown(steps: Sequence[Step]) -> str:
    """The way from one phase to another as a Markdown table."""
    lines = ["| phase | changes | wait | gates |", "|---|---|---|---|"]
    for step in steps:
        gates = "; ".join(gate_texts(step.phase.gates, step.phase.traffic.share))
        lines.append(_markdown_row([step.phase.name, _touched(step), wait_text(step.phase.lasts), gates]))
    return "\n".join(lines) + "\n"


def ways_json(plan: Plan, start: Phase, steps: Sequence[Step]) -> str:
    """The way from one phase to another, for programs."""
    table = rows(plan, (step.phase for step in steps))
    listed = [_row_json(row, step.changes) for row, step in zip(table, steps, strict=True)]
    return as_json({"from": start.name, "steps": listed})
