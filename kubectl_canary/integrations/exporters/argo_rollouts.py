"""Argo Rollouts: a release → a Rollout with a canary strategy, the Services and routes that it leads, its analyses.

The Rollout has the name of stable's Deployment. A phase is `setCanaryScale`, `setWeight` or `setHeaderRoute`, `pause`,
then its gates; the weight moves once the pods are there.
Source: types.go, validation.go and rollout/trafficrouting.go of v1.10, and pkg/plugin of argoproj-labs/gatewayAPI.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.exporters.argo_rollouts_gates import (
    GATE_FIELDS,
    GATE_LIMITS,
    Analyses,
)
from kubectl_canary.integrations.exporters.argo_rollouts_routes import HUNDRED, Routes, lost
from kubectl_canary.integrations.exporters.exported import (
    SPLITTING,
    Destination,
    Exported,
    Exporting,
    Object,
    losses_of,
    of_phase,
    plain_name,
)
from kubectl_canary.integrations.importers import durations
from kubectl_canary.integrations.importers.argo_rollouts import OF_DEPLOYMENT, SOURCE, TARGETS
from kubectl_canary.integrations.importers.argo_rollouts_phases import NAME
from kubectl_canary.release import companions, grants
from kubectl_canary.release.plan import Phase, PhaseKind, needs

VERSION = "argoproj.io/v1alpha1"
FOLLOWS = {"matchTrafficWeight": True}
PLANNED = (PhaseKind.DEPLOY, *SPLITTING)
EXPORTING = ("ServiceExport", "ServiceImport")

FIELDS = {
    "the Deployment": "a Rollout of its name with the same template",
    "strategy.rollingUpdate of the Deployment": "canary.maxSurge, maxUnavailable",
    "the Service": "stableService, and beside it a canaryService with the same ports and selector",
    "the routes": "both Services in each governed rule, and trafficRouting.plugins[argoproj-labs/gatewayAPI]",
    "phases[].weight": "setWeight; hundredths of a percent by maxTrafficWeight",
    "phases[] header-only": "setCanaryScale and setHeaderRoute",
    "phases[].replicas": "setCanaryScale; where pods follow the shares, they do there too",
    "phases[].pause": "a pause with a duration",
    "testers by header or cookie": "setHeaderRoute and managedRoutes",
    "drain": "scaleDownDelaySeconds, abortScaleDownDelaySeconds",
    "autoscalers of the Deployment": "the same of the Rollout",
    **GATE_FIELDS,
}
LIMITS = {
    "backends": "Weights of other backends in a governed rule that no number up to a million keeps in proportion.",
    "by-hand": "Going on when somebody says so: the controller goes on by itself, and at once without a pause.",
    "config-maps": "`perTrack`: both versions read the same ConfigMap, so that stable gets the new one as well.",
    "deployment": "The Deployment stays beside the Rollout, with pods of its own, until somebody deletes it.",
    "gitops": "Files as the truth: selectors and weights are written by the controller, and differ from Git.",
    "guards": "Patches that are refused where somebody else has changed the route meanwhile.",
    "header-only": "A phase for testers whom the plugin cannot tell: it is left out.",
    "mirror": "Mirroring: the plugin has no setMirrorRoute, and phases that mirror are left out.",
    "namespace": "A release without a namespace: the plugin needs one, and `default` is written.",
    "phase-name": "Names of phases: a step has none.",
    "port": "Versions that listen on different ports: both Services have the same target port.",
    "promotion": "The promotion in steps: the controller turns the canary's pods into stable's at once.",
    "replicas": "As many pods as an autoscaler has made: applied, a Rollout has those that it says until it is scaled.",
    "route": "Governed routes in another namespace than the first: the plugin knows one.",
    "scaler": "An autoscaler for the canary alone: its pods are a share of stable's.",
    "separate-route": "`separateRoute`: both Services stand in the user's own route.",
    "share": "Weights that are no whole percents, with a plugin older than its `maxTrafficWeight` (July 2026).",
    "strategy": "`Recreate` of the Deployment.",
    "testers": "Testers by a query parameter, and rules that the plugin cannot make for them.",
    "testers-rule": "Timeouts, retries and sessions of a rule for testers: the plugin copies matches and filters.",
    "ways-back": "A way back as a file for each phase: `abort` goes back at once, and nobody sees it before.",
    **GATE_LIMITS,
}
OF_EVERY_RELEASE = {
    "by-hand": "the controller goes on by itself; a phase without a pause or a gate `approval` is passed at once",
    "deployment": (
        "Deployment {stable} stays: `kubectl delete deployment/{stable}{space}` once the Rollout's pods are ready"
    ),
    "guards": "the plugin writes into the routes, whatever others have changed there",
    "promotion": "after the last step the canary's pods are stable's, without phases that can be watched",
    "ways-back": "`kubectl argo rollouts abort` takes all traffic back at once, from whichever step",
}


def exported(exporting: Exporting) -> Exported:
    """The Rollout and what it needs."""
    losses = [*_of_every_release(exporting)]
    objects = [copy.deepcopy(known) for known in exporting.objects]
    led = Routes(exporting, objects, losses)
    course = _Course(exporting, led, losses)
    losses += _of_the_application(exporting)
    made = [made for known in objects for made in _made(known, exporting, led, course)]
    return Exported(tuple(made), losses_of(losses))


# --- the steps --------------------------------------------------------------


class _Course:
    """The steps of the Rollout, phase by phase, and the AnalysisTemplates that they name."""

    def __init__(self, exporting: Exporting, led: Routes, losses: list[Finding]) -> None:
        self.exporting, self.led, self.losses = exporting, led, losses
        self.phases = [phase for phase in exporting.phases if self._is_kept(phase)]
        self.analyses = Analyses(exporting, self.phases, losses)
        self._scale: Object = FOLLOWS
        self._knows_testers = False
        self.steps = [step for phase in self.phases for step in self._steps(phase)]
        if led.most != HUNDRED:
            message = f"weights are parts of {led.most}, which the plugin takes since July 2026"
            is_odd = any((phase.traffic.share * HUNDRED).denominator > 1 for phase in self.phases)
            hint = (
                "write shares in whole percents"
                if is_odd
                else "give other backends a weight that divides stable's"
            )
            self._lost("share", ("spec", "phases"), message, hint)

    def _lost(self, rule: str, path: Path, message: str, hint: str = "") -> None:
        self.losses.append(lost(rule, path, message, hint))

    def _is_kept(self, phase: Phase) -> bool:
        """Whether the Rollout has steps for a phase."""
        path, start = of_phase(self.exporting.plan, phase)
        if phase.kind is PhaseKind.MIRROR:
            hint = "a phase `header-only` asks the canary alone"
            self._lost("mirror", path, f"{start}the plugin mirrors nothing, and the phase is left out", hint)
            return False
        if phase.kind is PhaseKind.HEADER_ONLY and not self.led.header:
            message = f"{start}the plugin cannot tell testers, and the phase is left out"
            self._lost("header-only", path, message)
            return False
        if phase.name != plain_name(phase):
            self._lost(
                "phase-name", path, f"{start}steps have no names, and this one is `{plain_name(phase)}`"
            )
        return True

    def _steps(self, phase: Phase) -> Iterator[Object]:
        yield from self._scaled(phase)
        if phase.traffic.share:
            yield {"setWeight": int(phase.traffic.share * self.led.most)}
        if not self._knows_testers:
            yield from self.led.header_step()
            self._knows_testers = True
        if phase.pause:
            yield {"pause": {"duration": durations.written(phase.pause)}}
        yield from self.analyses.steps(phase)
        yield from ({"pause": {}} for gate in phase.gates if gate.is_approval)

    def _scaled(self, phase: Phase) -> Iterator[Object]:
        """The step that says how many pods the canary has, where that is another rule than before."""
        pods = phase.pods[0].canary
        follows = phase.traffic.share and pods == self._following(phase)
        scale = FOLLOWS if follows else {"replicas": pods}
        if scale != self._scale:
            self._scale = scale
            yield {"setCanaryScale": scale}

    def _following(self, phase: Phase) -> int:
        """The pods of a phase where nobody says how many: those that it, the next and the one before it need."""
        phases = self.exporting.plan.phases
        index = phases.index(phase)
        around = [known for known in phases[index - 1 : index + 2] if known.kind in PLANNED]
        return max(1, *(needs(known.traffic, phase.pods[0].stable) for known in around))


# --- objects ----------------------------------------------------------------


def _made(known: Object, exporting: Exporting, led: Routes, course: _Course) -> Iterator[Object]:
    """What becomes of an object, with what is made beside it."""
    workload = exporting.workload
    kind, name = known["kind"], known["metadata"]["name"]
    is_here = exporting.is_here(known)
    if (kind, name) == ("Deployment", workload.names.stable) and is_here:
        yield from course.analyses.templates
        yield _rollout(known, exporting, led, course)
    elif (kind, name) == ("Service", workload.service.names.stable) and is_here:
        yield known
        yield _named(companions.service(known, {}), workload.service.names.canary)
    elif kind in EXPORTING and name == workload.service.names.stable and is_here:
        yield known
        yield _named(companions.exporting(known), workload.service.names.canary)
    else:
        yield _retargeted(known, workload.names.stable) if is_here else known
        yield from _policy(known, exporting)


def _named(known: Object, name: str) -> Object:
    return {**known, "metadata": {**known["metadata"], "name": name}}


def _rollout(deployment: Object, exporting: Exporting, led: Routes, course: _Course) -> Object:
    spec, service = deployment["spec"], exporting.workload.service
    update = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    canary = {
        "stableService": service.names.stable,
        "canaryService": service.names.canary,
        **{key: update[key] for key in ("maxSurge", "maxUnavailable") if key in update},
        **_drain(exporting.plan.application.drain),
        "trafficRouting": led.routing(),
        "steps": course.steps,
    }
    kept = ("replicas", "selector", *OF_DEPLOYMENT, "paused", "template")
    if exporting.scaler and "replicas" not in spec:
        spec = {"replicas": _fewest(exporting.scaler), **spec}
    return {
        "apiVersion": VERSION,
        "kind": SOURCE,
        "metadata": deployment["metadata"],
        "spec": {**{key: spec[key] for key in kept if key in spec}, "strategy": {"canary": canary}},
    }


def _fewest(scaler: Object) -> int:
    """The fewest pods of a scaler: a Rollout that says none begins with one."""
    return int(scaler["spec"].get("minReplicas") or scaler["spec"].get("minReplicaCount") or 1)


def _drain(seconds: int) -> Object:
    """How long pods stay without traffic. An abort with 0 would leave them for ever."""
    return {"scaleDownDelaySeconds": seconds, "abortScaleDownDelaySeconds": max(1, seconds)}


def _retargeted(known: Object, name: str) -> Object:
    """A scaler of the Deployment scales the Rollout."""
    spec = known.get("spec")
    for key in TARGETS:
        target = spec.get(key) if isinstance(spec, dict) else None
        if not isinstance(target, dict) or target.get("name") != name:
            continue
        if (target.get("kind") or "Deployment") == "Deployment":
            return {
                **known,
                "spec": {**known["spec"], key: {**target, "apiVersion": VERSION, "kind": SOURCE}},
            }
    return known


def _policy(known: Object, exporting: Exporting) -> Iterator[Object]:
    """The canary Service's copy of what is attached to stable's, or lets routes send to it."""
    spec = known.get("spec")
    refs = companions.target_refs(spec) if isinstance(spec, dict) else []
    if not refs and not grants.is_grant(known):
        return
    released = [(exporting.workload, exporting.plan.full.pods[0])]
    copied = companions.companion(known, released, {})
    if copied is not None:
        yield copied


# --- what is lost whatever the phases are -----------------------------------


def _of_every_release(exporting: Exporting) -> Iterator[Finding]:
    namespace = exporting.plan.application.namespace
    space = f" -n {namespace}" if namespace else ""
    for rule, message in OF_EVERY_RELEASE.items():
        yield lost(rule, ("spec",), message.format(stable=exporting.workload.names.stable, space=space))


def _of_the_application(exporting: Exporting) -> Iterator[Finding]:
    application, workload = exporting.plan.application, exporting.workload
    if application.gitops.engine is not None:
        message = "the controller writes weights and selectors, which differ from Git"
        hint = "let ignoreDifferences of Argo CD name backendRefs, and the selectors of both Services"
        yield lost("gitops", ("spec", "gitops"), message, hint)
    if application.separated:
        message = "both Services stand in the user's own route, and no route beside it"
        yield lost("separate-route", ("spec", "adopt", "separateRoute"), message)
    if application.adopted is not None and application.adopted.per_track:
        names = ", ".join(application.adopted.per_track)
        message = f"stable's pods read the new {names} as well, once they start again"
        hint = "give the ConfigMap a name for each version, as kustomize does"
        yield lost("config-maps", ("spec", "adopt", "perTrack"), message, hint)
    if workload.service.target_port is None and workload.new and workload.old.port != workload.new.port:
        message = f"stable listens on {workload.old.port}, the canary on {workload.new.port}"
        hint = "name the port of the container, and let service.targetPort say the name"
        yield lost("port", ("spec", "canary", "container"), message, hint)
    if exporting.scaler:
        space = f" -n {application.namespace}" if application.namespace else ""
        stable = workload.names.stable
        message = (
            "each `kubectl apply` gives the Rollout the pods that it says, whatever its autoscaler has made"
        )
        hint = f"once it is applied: kubectl scale rollouts.argoproj.io/{stable}{space} --replicas=AS_MANY_AS_BEFORE"
        yield lost("replicas", ("spec",), message, hint)
    if not workload.prints_replicas:
        message = "the autoscaler scales both versions together, and the canary by its share"
        yield lost("scaler", ("spec",), message)
    deployment = exporting.one("Deployment", workload.names.stable)
    if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        yield lost("strategy", ("spec",), "`Recreate` is left out: pods of both versions run together")


ARGO_ROLLOUTS = Destination(NAME, "Argo Rollouts", FIELDS, LIMITS, exported)
