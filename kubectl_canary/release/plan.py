"""Application and phases → Plan: every phase of a release as a complete state, known before the release starts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import Enum
from fractions import Fraction
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.errors import UsageError
from kubectl_canary.findings import Finding, nearest
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.application import Application, Receiver, Version, Workload
from kubectl_canary.release.gates import Gate
from kubectl_canary.release.phases import PhaseSpec, canonical, slug


class PhaseKind(Enum):
    """What a phase is for."""

    BEFORE = "before"
    DEPLOY = "deploy"
    MIRROR = "mirror"
    HEADER_ONLY = "header-only"
    WEIGHT = "weight"
    PROMOTE_ROLL = "promote-roll"
    PROMOTE_RETURN = "promote-return"
    PROMOTED = "promoted"
    ROLLBACK = "rollback"
    ROLLBACK_PROMOTION = "rollback-promotion"
    ROLLED_BACK = "rolled-back"


WAYS_BACK = (PhaseKind.ROLLBACK, PhaseKind.ROLLBACK_PROMOTION, PhaseKind.ROLLED_BACK)
RETURNS = (PhaseKind.ROLLBACK, PhaseKind.ROLLBACK_PROMOTION)  # they start in a phase that `from` names
PROMOTION = (PhaseKind.PROMOTE_ROLL, PhaseKind.PROMOTE_RETURN)
SAY_FROM = "say --from PHASE, or set spec.phase in the file"


@dataclass(frozen=True)
class Traffic:
    """What the route does. Shares are Fractions of 1; no methods means that all are mirrored.

    `phase` is the phase that shaped the route, None where the route is as before the release. `to` gets the copies;
    None where that is the canary.
    """

    phase: str | None = None
    share: Fraction = Fraction(0)
    mirror: Fraction = Fraction(0)
    to: Receiver | None = None
    methods: tuple[str, ...] = ()
    testers: bool = False

    @property
    def copied(self) -> Fraction:
        """How many requests are copied to the canary."""
        return self.mirror if self.to is None else Fraction(0)

    @property
    def reaches_canary(self) -> bool:
        """Whether any request is sent to the canary."""
        return bool(self.share or self.copied or self.testers)

    @property
    def adds_rules(self) -> bool:
        """Whether rules are cloned for it: for testers, or for the methods that are mirrored."""
        return bool(self.testers or (self.mirror and self.methods))


AS_BEFORE = Traffic()


@dataclass(frozen=True)
class Pods:
    """How many pods a workload has in a phase: of stable, and of the canary, where 0 says that its objects are gone.

    `needs` is how many canary pods the traffic of the phase wants.
    """

    stable: int
    canary: int = 0
    needs: int = 0


@dataclass(frozen=True)
class Phase:
    """A complete state of the release.

    `pods` has the numbers of each workload, in the application's order. The pause is in seconds. `origin` is the phase
    that a way back leaves. `holds_stable` says that an autoscaler must not take stable pods away: the way back needs
    them all. `clones` is the traffic for which rules were cloned last, here or in a phase before.
    """

    name: str
    kind: PhaseKind
    stable_version: Version
    pods: tuple[Pods, ...]
    traffic: Traffic = AS_BEFORE
    pause: int = 0
    gates: tuple[Gate, ...] = ()
    origin: str | None = None
    holds_stable: bool = False
    clones: Traffic | None = None

    @property
    def stable_replicas(self) -> int:
        """The pods of stable, of all workloads together."""
        return sum(pods.stable for pods in self.pods)

    @property
    def canary_replicas(self) -> int:
        """The pods of the canary, of all workloads together; 0 where its objects are gone."""
        return sum(pods.canary for pods in self.pods)

    @property
    def needs(self) -> int:
        """The canary pods that the traffic of this phase wants, of all workloads together."""
        return sum(pods.needs for pods in self.pods)

    @property
    def slug(self) -> str:
        """The name as a folder: safe in shells and URLs."""
        return slug(self.name)

    @property
    def lasts(self) -> int:
        """How many seconds it has to last: its pause, or longer where a gate takes longer."""
        return max([self.pause, *(gate.lasts for gate in self.gates)])

    @property
    def is_way_back(self) -> bool:
        """Whether it leads back: then the route is applied before the workloads."""
        return self.kind in WAYS_BACK


@dataclass(frozen=True)
class Plan:
    """The release: the phases in order, and the ways back."""

    application: Application
    phases: tuple[Phase, ...]

    def names(self) -> list[str]:
        """Every phase that can be asked for."""
        return [phase.name for phase in (*self.phases, *self.ways_back())]

    def ways_back(self) -> tuple[Phase, ...]:
        """`rollback from P`, `rollback-promotion from P` and `rolled-back`."""
        if not self.application.has_release:
            return ()
        back = [self._back_from(phase) for phase in self.phases if phase.canary_replicas]
        rolled_back = replace(self.phases[0], name="rolled-back", kind=PhaseKind.ROLLED_BACK)
        return (*back, rolled_back)

    def way_back(self, phase: Phase) -> Phase | None:
        """The way back that starts in a phase; None where there is no canary to leave."""
        return next((back for back in self.ways_back() if back.origin == phase.name), None)

    def leads_back(self, name: str) -> bool:
        """Whether a name is of a way back, from wherever."""
        known = {text for back in self.ways_back() for text in (back.name, back.kind.value)}
        return canonical(name) in known

    def going_back(self) -> Plan:
        """The plan for one who leaves the canary, whatever others have done to the routes."""
        return replace(self, application=replace(self.application, goes_back=True))

    @property
    def full(self) -> Phase:
        """The phase in which the canary gets everything."""
        return next(phase for phase in self.phases if phase.traffic.share == 1)

    def find(self, name: str, origin: str | None = None) -> Phase:
        """The phase of a name; `origin` is where a way back starts (`rollback`, `--from 5%`).

        Raises UsageError with what is there and what was probably meant.
        """
        sought = canonical(name)
        if starts_somewhere(sought) and self.application.has_release:
            return self._way_back(sought, origin)
        head, joint, tail = sought.partition(" from ")
        if joint:
            sought = f"{head} from {canonical(tail)}"
        for phase in (*self.phases, *self.ways_back()):
            if phase.name == sought:
                return phase
        if not self.application.has_release:
            hint = "add spec.canary.tag or --canary-tag, the version to release"
            raise UsageError(f"without spec.canary there is only the phase `before`, not `{name}`", hint)
        raise UsageError(f"unknown phase `{name}`", self._what_is_there(sought))

    def previous(self, phase: Phase) -> Phase | None:
        """The phase before this one on the way that leads here; for `before`, the way back from deploy."""
        if not self.application.has_release:
            return None
        if phase.kind is PhaseKind.BEFORE:
            return self.phases[1]
        if phase.kind is PhaseKind.ROLLED_BACK:
            return next(way for way in reversed(self.ways_back()) if way.kind is PhaseKind.ROLLBACK)
        if phase.kind in WAYS_BACK:
            return next(known for known in self.phases if known.name == phase.origin)
        return self.phases[self.phases.index(phase) - 1]

    def peak(self) -> int | None:
        """The most pods at one time, with the surge of pods that roll; None where others scale stable."""
        if any(workload.is_scaled_by_others for workload in self.application.workloads):
            return None
        return max(self._most_pods(phase) for phase in (*self.phases, *self.ways_back()))

    def _most_pods(self, phase: Phase) -> int:
        rolls = phase.kind in (PhaseKind.PROMOTE_ROLL, PhaseKind.ROLLBACK_PROMOTION)
        total = 0
        for workload, pods in zip(self.application.workloads, phase.pods, strict=True):
            most = int((workload.autoscaling or {}).get("maxReplicas", 0))
            stable = max(pods.stable, most)
            canary = max(pods.canary, most) if pods.canary else 0
            total += stable + canary + (surge(workload.deployment, stable) if rolls else 0)
        return total

    def version_findings(self) -> Iterator[Finding]:
        """A release of what runs already."""
        if all(workload.new == workload.old for workload in self.application.workloads):
            images = " and ".join(self.application.images(Version.OLD))
            message = f"the canary is {images}, as stable is: this releases nothing"
            yield Finding("version", "warning", ("spec", "canary"), message)

    def capacity_findings(self) -> Iterator[Finding]:
        """Where replicas that the user gave are fewer than a share needs, now or in the next phase."""
        for phase, following in zip(self.phases, (*self.phases[1:], None), strict=True):
            then, workloads = following or phase, self.application.workloads
            for workload, now, later in zip(workloads, phase.pods, then.pods, strict=True):
                needs = max(now.needs, later.needs)
                if 0 < now.canary < needs:
                    whose = f"`{workload.names.canary}`" if len(workloads) > 1 else "the canary"
                    which = f", which `{then.name}` starts with" if needs != now.needs else ""
                    runs = f"`{phase.name}` runs {pods_text(now.canary)} of {whose}{which}"
                    hint = "leave `replicas` out, and they follow the shares"
                    message = f"{runs}; the share needs {needs}"
                    yield Finding("capacity", "warning", ("spec",), message, hint=hint)

    def _back_from(self, phase: Phase) -> Phase:
        kind = PhaseKind.ROLLBACK_PROMOTION if phase.kind in PROMOTION else PhaseKind.ROLLBACK
        state = self.full if phase.kind in PROMOTION else replace(phase, traffic=AS_BEFORE, pods=_idle(phase))
        name = f"{kind.value} from {phase.name}"
        return replace(state, name=name, kind=kind, pause=0, gates=(), origin=phase.name)

    def _way_back(self, kind: str, origin: str | None) -> Phase:
        if origin is None:
            raise UsageError(f"`{kind}` from which phase?", SAY_FROM)
        start = self.find(origin)
        if start.kind in (PhaseKind.ROLLBACK, PhaseKind.ROLLBACK_PROMOTION):
            return start
        back = self.way_back(start)
        if back is None or back.kind.value != kind:
            raise UsageError(f"no {kind} from `{start.name}`", self._other_way(kind, start))
        return back

    def _other_way(self, kind: str, start: Phase) -> str:
        if not start.canary_replicas:
            return "there is no canary in that phase"
        other = "rollback" if kind == "rollback-promotion" else "rollback-promotion"
        return f"use `{other} from {start.name}`"

    def _what_is_there(self, sought: str) -> str:
        names = self.names()
        close = self._nearest_share(sought) or nearest(sought, names)
        known = ", ".join(phase.name for phase in self.phases)
        meant = f"did you mean `{close}`? " if close else ""
        return (
            f"{meant}phases are: {known}; ways back: rollback, rollback-promotion (with --from), rolled-back"
        )

    def _nearest_share(self, sought: str) -> str | None:
        try:
            share = formats.share(sought if sought.endswith("%") else f"{sought}%")
        except ValueError:
            return None
        shifting = [phase for phase in self.phases if phase.kind is PhaseKind.WEIGHT]
        return min(shifting, key=lambda phase: abs(phase.traffic.share - share)).name


def starts_somewhere(name: str) -> bool:
    """Whether a name is that of a way back which needs a phase to start in: `rollback`."""
    return name in [kind.value for kind in RETURNS]


def plan(application: Application, specs: Sequence[PhaseSpec]) -> Plan:
    """All phases of a release; where there is none, `before` alone."""
    stable = tuple(Pods(workload.stable_pods) for workload in application.workloads)
    before = Phase("before", PhaseKind.BEFORE, Version.OLD, stable)
    if not application.has_release:
        return Plan(application, (before,))
    middle = list(_middle(application, specs, before))
    full = middle[-1]
    roll = replace(
        full,
        name="promote-roll",
        kind=PhaseKind.PROMOTE_ROLL,
        stable_version=Version.NEW,
        pause=0,
        gates=tuple(gate for gate in full.gates if not gate.is_approval),
    )
    back = replace(
        roll,
        name="promote-return",
        kind=PhaseKind.PROMOTE_RETURN,
        traffic=AS_BEFORE,
        pods=_idle(roll),
        gates=(),
    )
    promoted = replace(before, name="promoted", kind=PhaseKind.PROMOTED, stable_version=Version.NEW)
    return Plan(application, (before, *middle, roll, back, promoted))


def _idle(phase: Phase) -> tuple[Pods, ...]:
    """The pods of a phase where no request reaches the canary any more."""
    return tuple(replace(pods, needs=0) for pods in phase.pods)


def _middle(application: Application, specs: Sequence[PhaseSpec], before: Phase) -> Iterator[Phase]:
    """Deploy and the user's phases."""
    has_testers = application.testers is not None
    traffics = [AS_BEFORE, *(_traffic(spec, has_testers) for spec in specs)]
    clones: Traffic | None = None
    for index, spec in enumerate((PhaseSpec("deploy"), *specs)):
        clones = traffics[index] if traffics[index].adds_rules else clones
        pods = (
            _pods(workload, numbers.stable, traffics, index, spec)
            for workload, numbers in zip(application.workloads, before.pods, strict=True)
        )
        yield replace(
            before,
            name=spec.name,
            kind=_kind(spec),
            pods=tuple(pods),
            traffic=traffics[index],
            pause=spec.pause,
            gates=spec.gates,
            holds_stable=bool(spec.weight),
            clones=clones,
        )


def _pods(workload: Workload, stable: int, traffics: Sequence[Traffic], index: int, spec: PhaseSpec) -> Pods:
    """The pods of a phase: of the canary those that it, the next and the one before it need."""
    if workload.new is None:
        return Pods(stable)
    needed = [needs(traffic, stable) for traffic in traffics]
    around = max(1, *needed[max(index - 1, 0) : index + 2])
    return Pods(stable, spec.replicas or workload.replicas.canary or around, needed[index])


def surge(deployment: dict[str, Any], replicas: int) -> int:
    """How many pods a Deployment may have on top while its pods roll; a quarter where it says nothing.

    Source: apps/v1 RollingUpdateDeployment, maxSurge; percentages are rounded up.
    """
    strategy = deployment.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0
    most = (strategy.get("rollingUpdate") or {}).get("maxSurge", "25%")
    return math.ceil(Fraction(most.rstrip("%")) * replicas / 100) if isinstance(most, str) else int(most)


def _traffic(spec: PhaseSpec, has_testers: bool) -> Traffic:
    methods = spec.methods if spec.mirror else ()
    return Traffic(spec.name, spec.weight, spec.mirror, spec.to, methods, has_testers and not spec.mirror)


def needs(traffic: Traffic, stable_replicas: int) -> int:
    """The canary pods that traffic needs: its share of what stable has, and one as soon as any request comes."""
    share = math.ceil((traffic.share or traffic.copied) * stable_replicas)
    return max(int(traffic.reaches_canary), share)


def _kind(spec: PhaseSpec) -> PhaseKind:
    if spec.name == "deploy":
        return PhaseKind.DEPLOY
    if spec.mirror:
        return PhaseKind.MIRROR
    return PhaseKind.WEIGHT if spec.weight else PhaseKind.HEADER_ONLY


def pods_text(number: int, width: int = 0) -> str:
    """`1 pod`, `3 pods`; the number takes at least `width` characters."""
    return f"{number:>{width}} {'pod' if number == 1 else 'pods'}"
