"""What a step of a release is called in Git: the subject and body of its commit, and of its pull request."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_canary.release.application import Application, Version
from kubectl_canary.release.phases import percent
from kubectl_canary.release.plan import Phase, PhaseKind, Plan, pods_text
from kubectl_canary.reports.gates import gate_texts
from kubectl_canary.reports.plans import plan_markdown, rows, wait_text


def subject(plan: Plan, phase: Phase, before: Phase | None) -> str:
    """`my-app: 25 % to v1.1.0 (2 of 5 pods), from 5%`."""
    left = f", from {before.name}" if before is not None and not before.is_way_back else ""
    return f"{plan.application.name}: {what(plan.application, phase)}{left}"


def subject_of_end(application: Application, *, is_promoted: bool) -> str:
    """What the commit that ends a release is called; the versions are those of that release."""
    stable, canary = (application.called(version) for version in Version)
    if is_promoted:
        return f"{application.name}: {canary} is stable, and the release is over"
    of = f" of {canary}" if canary != stable else ""
    return f"{application.name}: {stable} stays stable, and the release{of} is over"


def body(plan: Plan, phase: Phase, way_back: str) -> str:
    """What a phase changes, who gets what, for how long; `way_back` is a command to paste, empty for none."""
    row = rows(plan, [phase])[0]
    lines = {
        "Changes": row.changes,
        "Requests": _requests(plan.application, phase),
        "Pods": _pods(plan, phase),
        "Lasts": wait_text(phase.lasts),
        "Gates": "; ".join(gate_texts(phase.gates, phase.traffic.share)),
        "Way back": way_back,
    }
    return table(lines)


def body_of_end(way_back: str) -> str:
    """What the commit that ends a release says; `way_back` is a command to paste, empty where there is none."""
    return table({"Way back": way_back}) if way_back else ""


def can_abort(phase: Phase) -> bool:
    """Whether `abort` leads back from a phase as its first step."""
    return phase.kind is not PhaseKind.PROMOTED and not phase.is_way_back


def pull_request(title: str, plan: Plan, phase: Phase | None, text: str) -> str:
    """The title, an empty line, and the body as Markdown: what the commit says, and the plan."""
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    table = f"\n{plan_markdown(plan, phase)}" if plan.application.has_release else ""
    return f"{title}\n\n{indented}{table}"


def what(application: Application, phase: Phase) -> str:
    """What a phase does, in words."""
    stable, canary = (application.called(version) for version in Version)
    pods = f"({phase.canary_replicas} of {phase.canary_replicas + phase.stable_replicas} pods)"
    copied = percent(phase.traffic.mirror)
    return {
        PhaseKind.BEFORE: f"{stable} as before the release",
        PhaseKind.DEPLOY: f"{canary} is deployed {pods}",
        PhaseKind.MIRROR: f"copies of {copied} to {canary} {pods}",
        PhaseKind.HEADER_ONLY: f"testers to {canary} {pods}",
        PhaseKind.WEIGHT: f"{percent(phase.traffic.share)} to {canary} {pods}",
        PhaseKind.PROMOTE_ROLL: f"stable rolls to {canary}",
        PhaseKind.PROMOTE_RETURN: f"requests return to stable, which is {canary}",
        PhaseKind.PROMOTED: f"{canary} is promoted",
        PhaseKind.ROLLBACK: f"all requests back to {stable}",
        PhaseKind.ROLLBACK_PROMOTION: f"stable returns to {stable}, and {canary} serves",
        PhaseKind.ROLLED_BACK: f"the pods of {canary} go",
    }[phase.kind]


def _requests(application: Application, phase: Phase) -> str:
    stable, canary = application.called(phase.stable_version), application.called(Version.NEW)
    share = phase.traffic.share
    sides = [f"{percent(1 - share)} {stable}", f"{percent(share)} {canary}"]
    if share in (0, 1):
        sides = [f"all {canary if share else stable}"]
    testers = [f"testers {canary}"] if phase.traffic.testers and share < 1 else []
    copies = [f"copies of {percent(phase.traffic.mirror)}"] if phase.traffic.mirror else []
    return ", ".join([*sides, *testers, *copies])


def _pods(plan: Plan, phase: Phase) -> str:
    peak = plan.peak()
    most = f"; at most {peak} in this release" if peak is not None else ""
    return f"{pods_text(phase.stable_replicas)} of stable, {phase.canary_replicas} of the canary{most}"


def table(lines: dict[str, str]) -> str:
    """Names, and what is said of each; what is empty is left out."""
    said: Sequence[tuple[str, str]] = [(name, text) for name, text in lines.items() if text]
    width = max(len(name) for name, _ in said) + 1
    return "".join(f"{f'{name}:':<{width}} {text}\n" for name, text in said)
