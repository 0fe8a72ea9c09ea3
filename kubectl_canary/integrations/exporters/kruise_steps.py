"""Phases as the steps of an OpenKruise Rollout, and what of them steps cannot do.

Source: runCanary and doCanaryPaused in pkg/controller/rollout/rollout_canary.go, UpgradeBatch and
CalculateBatchReplicas in pkg/controller/batchrelease/control/, and pkg/webhook/rollout/validating/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.exporters.exported import Exporting, Object, loss, of_phase, plain_name
from kubectl_canary.integrations.exporters.kruise_routes import Routed
from kubectl_canary.integrations.importers.kruise_steps import NAME
from kubectl_canary.release.gates import Gate
from kubectl_canary.release.plan import Phase, PhaseKind, pods_text


def is_step(phase: Phase, routed: Routed) -> bool:
    if phase.kind is PhaseKind.HEADER_ONLY:
        return not routed.no_testers
    return phase.kind is PhaseKind.WEIGHT


def step(exporting: Exporting, phase: Phase, amount: int | str) -> Object:
    """A step; its pause is always there, since one without a duration waits for a person."""
    testers = exporting.plan.application.testers
    sent: Object = {"traffic": f"{_percents(phase.traffic.share)}%"}
    if phase.kind is PhaseKind.HEADER_ONLY and testers is not None:
        sent = {"matches": [{testers.key: [testers.condition]}]}
    waits = any(gate.is_approval for gate in phase.gates)
    return {**sent, "replicas": amount, "pause": {} if waits else {"duration": phase.pause}}


def _percents(share: Fraction) -> int:
    """The nearest whole percents; all requests only where the share is all of them, and none never."""
    return 100 if share == 1 else min(99, max(1, round(share * 100)))


def amounts_of(exporting: Exporting, kept: Sequence[Phase]) -> list[int | str]:
    """The pods of each step, or percents of stable's beside a scaler.

    Kruise has a step's pods before it sends the share: those that a plan has a phase before. They never get fewer, and
    are never more than stable's.
    """
    if _is_scaled(exporting):
        return [*(_part(phase.traffic.share) for phase in kept[:-1]), _all(exporting, kept[-1])]
    stable, planned = exporting.workload.stable_pods, _planned(exporting, kept)
    amounts: list[int | str] = []
    most = 1
    for phase, before, now in zip(kept, planned, planned[1:], strict=False):
        most = min(stable, max(most, before, min(phase.needs, now)))
        amounts.append(most)
    return amounts


def _planned(exporting: Exporting, kept: Sequence[Phase]) -> list[int]:
    """The pods of the canary in deploy and in each phase, as they are without the phases that are no steps."""
    phases = exporting.plan.phases
    known = [phases[1], *kept]
    needs = [0, *(phase.needs for phase in known), 0]
    return [
        phase.canary_replicas if _is_said(phases, phase) else max(1, *needs[number : number + 3])
        for number, phase in enumerate(known)
    ]


def _part(share: Fraction) -> str:
    return f"{max(1, ceil(share * 100))}%"


def _all(exporting: Exporting, last: Phase) -> int | str:
    """All pods, as the most of a scaler where the step pauses: Kruise passes over the pause of `100%`.

    Source: doCanaryPaused; CalculateBatchReplicas takes no more than stable has.
    """
    spec = exporting.scaler["spec"] if exporting.scaler else {}
    most = spec.get("maxReplicas") or spec.get("maxReplicaCount")
    return int(most) if most and _pauses(last) else "100%"


def _pauses(phase: Phase) -> bool:
    return bool(phase.pause) or any(gate.is_approval for gate in phase.gates)


def _is_scaled(exporting: Exporting) -> bool:
    return exporting.scaler is not None or not exporting.workload.prints_replicas


# --- losses -----------------------------------------------------------------


def of_phases(exporting: Exporting, routed: Routed) -> Iterator[Finding]:
    plan, testers = exporting.plan, exporting.plan.application.testers
    kinds = {phase.kind for phase in exporting.phases}
    for phase in exporting.phases:
        path, said = of_phase(plan, phase)
        share = phase.traffic.share
        if phase.kind is PhaseKind.MIRROR:
            message = f"{said}Kruise mirrors nothing: it is no step, and its pause and its gates are left out"
            yield loss(f"{NAME}-mirror", path, message)
            continue
        if phase.kind is PhaseKind.HEADER_ONLY and routed.no_testers:
            message = f"{said}{routed.no_testers}: it is no step, and testers are like everybody else"
            yield loss(f"{NAME}-testers", path, message)
            continue
        if share and share * 100 != _percents(share):
            message = f"{said}Kruise knows whole percents: it sends {_percents(share)}%"
            yield loss(f"{NAME}-share", path, message, "say a share of whole percents")
        if phase.name != plain_name(phase):
            yield loss(
                f"{NAME}-phase-name", path, f"{said}steps have no names, and it is known by its number"
            )
        if phase.pause and any(gate.is_approval for gate in phase.gates):
            message = f"{said}a step that asks somebody has no pause: it goes on as soon as somebody agrees"
            yield loss(f"{NAME}-pause", path, message)
    if testers is None:
        return
    if PhaseKind.HEADER_ONLY not in kinds:
        message = f"{testers.title}: testers reach the canary from a step of their own on, and there is none"
        yield loss(f"{NAME}-testers", ("spec", "testers"), message, "add the phase `header-only`")
    elif testers.carrier == "cookie" and not routed.no_testers:
        message = f"{testers.title}: Kruise knows no cookies, and gets an expression for the header `cookie`"
        yield loss(f"{NAME}-cookie", ("spec", "testers"), message)


def of_gates(exporting: Exporting) -> Iterator[Finding]:
    """Gates of several phases once."""
    phases = exporting.phases
    for gate in dict.fromkeys(gate for phase in phases for gate in phase.gates):
        having = [phase for phase in phases if gate in phase.gates]
        path = exporting.place_of(having[0], gate)
        names = ", ".join(phase.name for phase in having)
        if not gate.is_approval:
            message = f"{names}: Kruise judges nothing, and goes on whatever the gate `{gate.name}` says"
            yield loss(f"{NAME}-gate", path, message, "let somebody look: `approval: true`")
        elif any(_is_beside(gate, phase) for phase in having):
            message = f"{names}: the step asks one person once, and not for `{gate.name}`"
            yield loss(f"{NAME}-approval", path, message)


def _is_beside(gate: Gate, phase: Phase) -> bool:
    """Whether an approval has a name, or another one beside it."""
    return gate.name != "approval" or sum(known.is_approval for known in phase.gates) > 1


def of_pods(exporting: Exporting, kept: Sequence[Phase], amounts: Sequence[int | str]) -> Iterator[Finding]:
    plan = exporting.plan
    if _is_scaled(exporting):
        last = kept[-1]
        if _pauses(last) and amounts[-1] == "100%":
            path, said = of_phase(plan, last)
            message = f"{said}Kruise passes over the pause of a last step of all pods"
            yield loss(f"{NAME}-pause", path, message)
        message = "the scaler scales stable alone: the canary has a part of its pods, and stable may shrink meanwhile"
        yield loss(f"{NAME}-scaler", _place_of_scaler(exporting), message)
        return
    numbers = [int(amount) for amount in amounts]
    each = zip(kept, _planned(exporting, kept)[1:], numbers, (*numbers[1:], numbers[-1]), strict=True)
    for phase, planned, own, after in each:
        if planned != after or (planned != own and _is_said(plan.phases, phase)):
            path, said = of_phase(plan, phase)
            message = f"{said}the plan has {pods_text(planned)}, and Kruise {own} in this step, {after} before the next"
            yield loss(f"{NAME}-pods", path, message, "leave `replicas` out, and pods follow the shares")


def _is_said(phases: Sequence[Phase], phase: Phase) -> bool:
    """Whether a phase has other pods than those that it, the next and the one before it need."""
    index = phases.index(phase)
    return phase.canary_replicas != max(1, *(known.needs for known in phases[index - 1 : index + 2]))


def _place_of_scaler(exporting: Exporting) -> Path:
    workload = exporting.workload
    if exporting.plan.application.adopted is not None:
        return ("spec", "adopt")
    return ("spec", "autoscaling") if workload.autoscaling is not None else ("spec", "stable", "replicas")
