"""A release → OpenKruise Rollouts: a Rollout of rollouts.kruise.io beside the Deployment, its Service and its route.

The shape is that of its types (v1beta1) and of its code; no controller could be had, so that none was tried.
Source: api/v1beta1/rollout_types.go and trafficrouting.go, pkg/webhook/rollout/validating/, pkg/trafficrouting/ and
pkg/controller/rollout/rollout_canary.go of github.com/openkruise/rollouts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.errors import UsageError
from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.exporters import kruise_routes, kruise_steps
from kubectl_canary.integrations.exporters.exported import (
    Destination,
    Exported,
    Exporting,
    Object,
    loss,
    losses_of,
    metadata,
)
from kubectl_canary.integrations.exporters.kruise_routes import Routed
from kubectl_canary.integrations.importers.kruise import GRACE, GROUP, ROLLOUT
from kubectl_canary.integrations.importers.kruise_steps import NAME
from kubectl_canary.release.application import Located, Version
from kubectl_canary.release.companions import ENDING
from kubectl_canary.release.plan import PhaseKind
from kubectl_canary.release.selectors import selects

TITLE = "OpenKruise Rollouts"
MOST_STEPS = 50  # of a Rollout, by its CRD
PHASES: Path = ("spec", "phases")

FIELDS = {
    "the Deployment": "`spec.workloadRef`; the Deployment goes along as it is, and Kruise makes the canary's of it",
    "the Service": "`trafficRoutings[].service`; Kruise makes the canary's, and takes it away again",
    "the HTTPRoute": "`trafficRoutings[].gateway.httpRouteName`; Kruise writes shares and testers into it",
    "phases[] header-only": "a step with `matches`: one header or one query parameter, exact or an expression",
    "phases[].weight": "a step with `traffic`, in whole percents",
    "phases[].replicas, and pods that follow the shares": (
        "`replicas` of the step after: Kruise has a step's pods before it sends the share. Beside a scaler they are "
        "percents"
    ),
    "phases[].pause": "`pause.duration`, in seconds",
    "gates[].approval": "`pause` without a duration: the step waits until somebody approves it",
    "drain": "`gracePeriodSeconds`, which is also waited for before each share",
}
LIMITS = {
    "approval": "Names of approvals, and a second one in a phase: a step asks one person once.",
    "backends": "Weights of other backends of a rule: stable has 100 parts less the canary's, and 1 at the end.",
    "by-hand": "Going on when somebody says so: the controller goes on by itself, and at once without a pause.",
    "config-maps": "`perTrack`: both versions read the same ConfigMap, so that stable gets the new one as well.",
    "cookie": "Testers by a cookie, as such: they are an expression for the header that has all cookies.",
    "disruption-budget": "A PodDisruptionBudget for the canary alone: stable's counts the pods of both versions.",
    "drain": f"No wait before pods go: there are {GRACE} seconds at least.",
    "gate": "Queries, webhooks and commands as gates: the controller judges nothing.",
    "gitops": "Files as the truth: route, Service and Deployment are written by the controller, and differ from Git.",
    "guards": "Patches that are refused where somebody else has changed the route meanwhile.",
    "mirror": "Mirroring: phases that mirror are left out.",
    "newer-fields": "Fields of a rule that are newer than the Gateway API v1.2: the controller drops them.",
    "pause": "A pause beside an approval: a step waits for a time or for a person.",
    "phase-name": "Names of phases: a step has none.",
    "pods": "Pods that get fewer, or are more than stable's: a step has at least those of the step before.",
    "port": "Versions that listen on different ports: the canary's Service is a copy of stable's.",
    "promotion": "The promotion in steps: the old pods answer again, until the controller has replaced them.",
    "redirect": "Rules without a backend, such as redirects: the controller takes them out at the end.",
    "route": "Governed routes beside the first: their requests stay with stable.",
    "rule-names": "Names of rules that are doubled for testers: two would have the same.",
    "rules": "Rules that are not governed: every rule of the route that sends to the Service is split.",
    "scaler": "An autoscaler for the canary, and stable's least pods: the canary is a part of what stable has.",
    "separate-route": "`separateRoute`: rules for testers stand in the user's own route.",
    "share": "Hundredths of a percent: shares are whole percents.",
    "testers": "Testers without a phase for them, or whose rules the route has no room for.",
    "ways-back": "A way back as a file for each phase: the old version is applied again, and nobody sees it before.",
}


def exported(exporting: Exporting) -> Exported:
    """The objects with a Rollout before the Deployment, which has to be there when the Deployment changes.

    Raises UsageError where Kruise has nothing to split, or would refuse the Rollout.
    """
    _refuse(exporting)
    routed = kruise_routes.routed(exporting)
    kept = [phase for phase in exporting.phases if kruise_steps.is_step(phase, routed)]
    if len(kept) > MOST_STEPS:
        message = f"the release has {len(kept)} phases, and a Rollout has at most {MOST_STEPS} steps"
        raise UsageError(message, "leave out some of spec.phases")
    has_testers = kept[0].kind is PhaseKind.HEADER_ONLY
    amounts = kruise_steps.amounts_of(exporting, kept)
    steps = [kruise_steps.step(exporting, *pair) for pair in zip(kept, amounts, strict=True)]
    losses = [
        *_always(),
        *kruise_steps.of_phases(exporting, routed),
        *kruise_steps.of_gates(exporting),
        *kruise_steps.of_pods(exporting, kept, amounts),
        *kruise_routes.of_routes(exporting, routed, has_testers),
        *_of_objects(exporting, has_testers),
    ]
    rollout = _rollout(exporting, routed, steps)
    shaped = routed if has_testers else None
    return Exported(tuple(_together(exporting, rollout, shaped)), losses_of(sorted(losses, key=_place)))


def _place(finding: Finding) -> tuple[str, ...]:
    """Their order: as the canary file has their places, numbers by their size."""
    return tuple(f"{key:06}" if isinstance(key, int) else key for key in finding.path)


def _together(exporting: Exporting, rollout: Object, shaped: Routed | None) -> Iterator[Object]:
    """The Rollout before the Deployment, and the other objects; `shaped` is the route that testers' rules come into."""
    namespace_of = exporting.plan.application.namespace_of
    for known in exporting.of_kind(*{known["kind"] for known in exporting.objects}):
        is_it = (known["kind"], known["metadata"]["name"]) == ("Deployment", exporting.workload.names.stable)
        if is_it and exporting.is_here(known):
            yield rollout
        located = Located(known["kind"], namespace_of(known), known["metadata"]["name"])
        if shaped is not None and located == shaped.located:
            known = kruise_routes.shaped(known, shaped)
        yield known


# --- what nothing can be made of --------------------------------------------


def _refuse(exporting: Exporting) -> None:
    """Raises UsageError where the name is taken that Kruise gives the canary's Service."""
    made = f"{exporting.workload.service.names.stable}{ENDING}"
    if any(known["metadata"]["name"] == made for known in exporting.here("Service")):
        message = (
            f"Service {made} is there: Kruise takes this name for the canary's, and deletes it at the end"
        )
        raise UsageError(message, "give that Service another name")


def _rollout(exporting: Exporting, routed: Routed, steps: Sequence[Object]) -> Object:
    workload, drain = exporting.workload, exporting.plan.application.drain
    deployment = exporting.one("Deployment", workload.names.stable)
    routing = {
        "service": workload.service.names.stable,
        "gracePeriodSeconds": drain or GRACE,
        "gateway": {"httpRouteName": routed.located.name},
    }
    return {
        "apiVersion": f"{GROUP}v1beta1",
        "kind": ROLLOUT,
        "metadata": metadata(deployment, workload.names.stable),
        "spec": {
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.names.stable},
            "strategy": {
                "canary": {
                    "enableExtraWorkloadForCanary": True,
                    "trafficRoutings": [routing],
                    "steps": list(steps),
                }
            },
        },
    }


# --- losses -----------------------------------------------------------------


def _always() -> Iterator[Finding]:
    """What Kruise can say of no release. Source: doCanaryPaused and nextCanaryTask in rollout_canary.go."""
    message = "Kruise goes on by itself; a phase without a pause or an approval is passed at once"
    yield loss(f"{NAME}-by-hand", PHASES, message, "give each phase a pause, or `gates: [{approval: true}]`")
    message = (
        "the promotion is Kruise's own: it gives the Service back the pods of both versions, and the route to "
        "the Service, before it replaces the old pods, which answer requests again meanwhile"
    )
    yield loss(f"{NAME}-promotion", PHASES, message, "see that both versions may answer at a time")
    message = "no ways back in files: apply the objects of stable's version again, and Kruise goes back"
    yield loss(f"{NAME}-ways-back", PHASES, message, "kubectl canary export kruise | kubectl apply -f -")
    message = (
        "no guards: Kruise shapes the route as it is by then, and does not stop where others have changed it"
    )
    yield loss(f"{NAME}-guards", PHASES, message)


def _of_objects(exporting: Exporting, has_testers: bool) -> Iterator[Finding]:
    application, adopted = exporting.plan.application, exporting.plan.application.adopted
    path: Path
    if any(_protects(exporting, known["spec"]) for known in exporting.here("PodDisruptionBudget")):
        path = ("spec", "disruptionBudget") if adopted is None else ("spec", "adopt")
        message = "the budget counts the pods of both versions: the canary's may all be evicted at a time"
        yield loss(f"{NAME}-disruption-budget", path, message)
    for name in adopted.per_track if adopted is not None else ():
        message = f"ConfigMap {name}: Kruise keeps no copy, and its new content reaches the old pods at once"
        hint = "give the ConfigMap of each version a name of its own"
        yield loss(f"{NAME}-config-maps", ("spec", "adopt", "perTrack"), message, hint)
    if has_testers and application.separated:
        message = "Kruise writes the rules for testers into the route itself"
        yield loss(f"{NAME}-separate-route", ("spec", "adopt", "separateRoute"), message)
    if _have_other_ports(exporting):
        path = ("spec", "canary", "container") if adopted is None else ("spec", "adopt")
        message = (
            "the versions listen on other ports, and Kruise makes the canary's Service as a copy of stable's"
        )
        hint = "name the ports of the container, and let the Service's targetPort say the names"
        yield loss(f"{NAME}-port", path, message, hint)
    if not application.drain:
        message = f"Kruise takes no wait for {GRACE} seconds"
        yield loss(f"{NAME}-drain", ("spec", "drain"), message)
    if application.gitops.engine is not None:
        message = (
            f"{application.gitops.engine.value} sees the route, the Service and the Deployment change, and takes "
            "that back where it heals"
        )
        hint = "let it ignore the route's rules, the Service's selector and the Deployment's spec.paused"
        yield loss(f"{NAME}-gitops", ("spec", "gitops"), message, hint)


def _have_other_ports(exporting: Exporting) -> bool:
    """Whether a Service of the new version has other ports: one of the user's, or one that follows the container."""
    workload, adopted = exporting.workload, exporting.plan.application.adopted
    if adopted is None:
        is_followed = workload.service.target_port is None and workload.new is not None
        return is_followed and workload.old.port != workload.runs(Version.NEW).port
    ports = [
        known.value["spec"].get("ports")
        for known in (*adopted.stable, *adopted.new)
        if (known.value["kind"], known.value["metadata"]["name"])
        == ("Service", workload.service.names.stable)
    ]
    return any(known != ports[0] for known in ports)


def _protects(exporting: Exporting, spec: Object) -> bool:
    deployment = exporting.one("Deployment", exporting.workload.names.stable)
    labels: dict[str, Any] = deployment["spec"]["template"]["metadata"].get("labels") or {}
    return spec.get("selector") is not None and selects(spec["selector"], labels)


KRUISE = Destination(NAME, TITLE, FIELDS, LIMITS, exported)
