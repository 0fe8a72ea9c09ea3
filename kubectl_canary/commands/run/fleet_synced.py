"""What `kubectl canary check --synced` does with a fleet: does each cluster have what its target declares?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_canary.commands.check import CheckFlags
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run import check_synced, fleet
from kubectl_canary.driving.position import Problem
from kubectl_canary.errors import Refused, WorldError
from kubectl_canary.findings import Finding, Where
from kubectl_canary.outside.output import write
from kubectl_canary.records import dataclass
from kubectl_canary.release.fleets import Target
from kubectl_canary.reports.programs import as_json


@dataclass(frozen=True)
class Answer:
    """What a cluster has of its target: the phase that is declared there, and what is lacking."""

    target: Target
    phase: str
    problems: tuple[Problem, ...]

    @property
    def is_there(self) -> bool:
        """Whether nothing is lacking."""
        return not self.problems

    @property
    def lines(self) -> list[str]:
        """It in words."""
        if self.is_there:
            return [f"{self.target.name}: `{self.phase}` is in the cluster, and settled"]
        lacks = f"`{self.phase}` is not in the cluster yet, or not settled" if self.phase else "no answer"
        told = (line for known in self.problems for line in (f"  {known.text}", f"    {known.cure}"))
        return [f"{self.target.name}: {lacks}:", *filter(str.strip, told)]

    @property
    def data(self) -> dict[str, Any]:
        """It for programs."""
        listed = [{"text": known.text, "cure": known.cure} for known in self.problems]
        return {"target": self.target.name, "phase": self.phase, "synced": self.is_there, "problems": listed}


def run(release_flags: ReleaseFlags, flags: CheckFlags, cluster_flags: ClusterFlags) -> int:
    """Say of all targets whether what is declared is there: 0, or 1 where one is not."""
    check_synced.refuse_other(flags)
    file = fleet.read(release_flags)
    answers = [_answer(target, cluster_flags) for target in file.fleet.targets]
    if flags.output == "json":
        write(as_json({"fleet": file.fleet.name, "targets": [answer.data for answer in answers]}))
    else:
        write("".join(f"{line}\n" for answer in answers for line in answer.lines))
    return int(not all(answer.is_there for answer in answers))


def refuse_behind(targets: Sequence[Target]) -> None:
    """Raises Refused where a cluster has not what its target declares, or does not answer."""
    findings = [
        Finding("synced", "error", (), known.text, Where(answer.target.name), known.cure)
        for answer in (_answer(target, ClusterFlags()) for target in targets)
        for known in answer.problems
    ]
    if findings:
        hint = "--no-cluster goes by time alone, --now by nothing"
        raise Refused("what is declared has not arrived everywhere", findings, hint)


def _answer(target: Target, cluster_flags: ClusterFlags) -> Answer:
    """Ask the cluster of a target; one that does not answer has not what is declared."""
    context = target.context or cluster_flags.context
    asked = ClusterFlags(context, cluster_flags.kubeconfig, cluster_flags.as_user)
    try:
        phase, problems = check_synced.asked(fleet.flags_of(target), asked)
    except WorldError as error:
        return Answer(target, "", (Problem(error.message, error.hint),))
    return Answer(target, phase.name, tuple(problems))
