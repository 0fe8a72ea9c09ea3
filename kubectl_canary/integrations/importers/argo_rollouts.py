"""Argo Rollouts: a Rollout with a canary strategy → a Deployment, its routes, phases, testers and gates.

Source: pkg/apis/rollouts/v1alpha1/types.go of v1.10, and the plugin argoproj-labs/gatewayAPI.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers import argo_rollouts_routes as routing
from kubectl_canary.integrations.importers.argo_rollouts_gates import TEMPLATES, Analyses
from kubectl_canary.integrations.importers.argo_rollouts_moving import (
    HASH,
    MANAGED,
    RESOURCE,
    ROUTERS,
    Way,
    has_another_router,
)
from kubectl_canary.integrations.importers.argo_rollouts_phases import CANARY, NAME, Course
from kubectl_canary.integrations.importers.belongings import (
    mentions,
    namespace_of,
    senders,
    why_not_written,
)
from kubectl_canary.integrations.importers.imported import (
    OF_ALL,
    ONE_AT_A_TIME,
    Governed,
    Imported,
    Neighbour,
    Wish,
    loss,
    refusal,
    refuse,
)
from kubectl_canary.reading import snapshot
from kubectl_canary.reading.adopted.objects import at, name_of, of_kind, selects
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release.adoption import DEPLOYMENT, SERVICE
from kubectl_canary.release.application import ROUTE_KINDS
from kubectl_canary.release.selectors import selects as selector_selects

SOURCE = "Rollout"
GROUP = "argoproj.io/"
OF_CONTROLLER = (
    "rollout.argoproj.io/",
    "argo-rollouts.argoproj.io/",
    "notified.notifications.argoproj.io",
    "kubectl.kubernetes.io/",
    "argocd.argoproj.io/",  # what tells Argo CD and Helm that the object is theirs: they would delete it
    "meta.helm.sh/",
)
TARGETS = ("scaleTargetRef", "targetRef")
SHAPES: dict[Path, type] = {
    ("metadata",): dict,
    ("metadata", "labels"): dict,
    ("metadata", "annotations"): dict,
    ("spec",): dict,
    ("spec", "selector"): dict,
    ("spec", "selector", "matchLabels"): dict,
    ("spec", "selector", "matchExpressions"): list,
    ("spec", "replicas"): int,
    ("spec", "template"): dict,
    ("spec", "template", "metadata"): dict,
    ("spec", "template", "metadata", "labels"): dict,
    ("spec", "template", "spec"): dict,
    ("spec", "workloadRef"): dict,
    ("spec", "strategy"): dict,
    ("spec", "strategy", "blueGreen"): dict,
    CANARY: dict,
    (*CANARY, "steps"): list,
    (*CANARY, "stableService"): str,
    (*CANARY, "canaryService"): str,
    (*CANARY, "pingPong"): dict,
    routing.ROUTING: dict,
    (*routing.ROUTING, "maxTrafficWeight"): int,
    (*routing.ROUTING, "managedRoutes"): list,
    (*routing.ROUTING, "plugins"): dict,
    (*routing.ROUTING, "plugins", routing.PLUGIN): dict,
}
# of a Rollout's spec: what a Deployment has too, what the release is made of, and why others are left out
OF_DEPLOYMENT = ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
OF_SPEC = (*OF_DEPLOYMENT, "replicas", "selector", "template", "workloadRef", "strategy")
NOT_OF_SPEC = {
    "paused": "a Deployment that is paused changes no pods",
    "progressDeadlineAbort": "`canary.yaml` has gates for that",
    "restartAt": "`kubectl rollout restart` does that",
    "rollbackWindow": "a way back is a phase of the release",
    "analysis": "",
}
OF_CANARY = (
    "canaryService",
    "stableService",
    "steps",
    "trafficRouting",
    "maxSurge",
    "maxUnavailable",
    "analysis",
    "pingPong",
)
NOT_OF_CANARY = {
    "scaleDownDelaySeconds": "`spec.drain` is the time between a share that falls and the pods that go",
    "abortScaleDownDelaySeconds": "`spec.drain` is the time between a share that falls and the pods that go",
    "scaleDownDelayRevisionLimit": "",
    "antiAffinity": "write a podAntiAffinity into the Deployment",
    "canaryMetadata": "`spec.canary.podMetadata` says what the canary's pods have",
    "stableMetadata": "write it into the Deployment's template",
    "dynamicStableScale": "stable keeps its pods until the release is promoted",
    "minPodsPerReplicaSet": "a phase has `replicas`",
    "replicaProgressThreshold": "a phase waits for all pods",
}
OF_ROUTING = ("plugins", "managedRoutes", "maxTrafficWeight")

# what each field becomes, and what does not become any: the page in docs is made from these
FIELDS = {
    "spec.template, selector, replicas": "a Deployment of the Rollout's name",
    "spec.minReadySeconds, revisionHistoryLimit, progressDeadlineSeconds": "the same of the Deployment",
    "spec.workloadRef": "the Deployment that it names, with the Rollout's `replicas`",
    "canary.maxSurge, maxUnavailable": "`strategy.rollingUpdate` of the Deployment",
    "canary.stableService": "the Service of the release, without `rollouts-pod-template-hash` in its selector",
    "canary.canaryService": "nothing: the release makes one; `{{ service }}` where a query names it",
    "canary.pingPong": "as stableService and canaryService, `status` says which is which, else ping is stable",
    "trafficRouting.plugins[argoproj-labs/gatewayAPI]": (
        "its routes, with the stable Service alone; where its rules are not all, `adopt.routes` names them"
    ),
    "trafficRouting.managedRoutes": "nothing: the release makes rules for testers itself",
    "trafficRouting.maxTrafficWeight": "a share is the weight's part of it",
    "steps[].setWeight": "a phase `N%`; `100%` is always there",
    "steps[].pause": "`pause` of the phase before; without a duration the gate `approval`",
    "steps[].setCanaryScale": "`replicas` of the phases that follow",
    "steps[].setHeaderRoute": "`testers: {header, match, value}`, and before any share a phase `header-only`",
    "steps[].setMirrorRoute": "a phase `mirror N%` with `methods`",
    "steps[].analysis": "`gates` of the phase",
    "canary.analysis": "`spec.gates`, or with `startingStep` gates of the phases from there on",
    "AnalysisTemplate, ClusterAnalysisTemplate with prometheus": (
        "gates with `query`, `min` and `max`, `interval`, `measurements`, `passes`, `failureLimit`; "
        "`spec.prometheus`"
    ),
    "scaleTargetRef of a scaler": "the Deployment instead of the Rollout",
}
LOSSES = {
    "address": "A metric that asks another Prometheus than the first one, or whose address is unknown.",
    "analysis": "An analysis whose templates are not among the manifests, or ask nothing.",
    "analysis-early": "An analysis before or after the phases that it could be a gate of.",
    "blue-green": "Refused: a strategy without shares.",
    "canary-field": "Other fields of the canary strategy. Where something else does it, that is said.",
    "canary-scale": "A canary without pods, or with a part of pods, which becomes a number.",
    "canary-used": "Refused: something else sends to the canary Service, which the release does not have.",
    "condition": "Conditions that compare the result with no number alone, or leave values between.",
    "count": "Measurements without an end: a gate judges the last ones.",
    "dry-run": "A metric that is measured and not judged.",
    "experiment": "Experiments.",
    "field": "A field that is not known, or has no counterpart.",
    "header": "Refused: a header without name or value.",
    "header-early": "A header that leads to the canary from a later step on: testers do from the first phase on.",
    "header-end": "A header that ends before the release does.",
    "header-unused": "A header that no route takes, since none has `useHeaderRoutes`.",
    "headers": "More headers than one.",
    "invalid": "Refused: a Rollout that no cluster would take.",
    "managed-rule": "A rule of `managedRoutes` that is in the route.",
    "metric": "Fields of a metric that a gate does not have.",
    "mirror": "Mirrors after other phases, and those that do not rise. Refused where they are no mirrors.",
    "mirror-match": "Paths, headers and patterns of a mirror.",
    "not-written": "Pods, ReplicaSets, Secrets, unused AnalysisTemplates and what has an owner.",
    "pause": "A pause before the first phase; or, refused, one that is no time.",
    "plugin": "Steps of a plugin.",
    "plugin-field": "Other fields of the plugin, and other plugins.",
    "pods": "Without trafficRouting shares are shares of pods, and of requests here.",
    "provider": "Metrics of `web`, `job` and other providers.",
    "query": "A query with arguments that stand in no manifest, or for a range.",
    "query-service": "A query that has the canary Service's name in it.",
    "route": "Refused: a route that is not among the manifests, or none at all, and no --gateway to make one.",
    "route-made": "The HTTPRoute that is made where there is none: for every path, without hostnames.",
    "route-step": "Steps that need trafficRouting, and there is none.",
    "router": "Another router than the plugin: its objects stay as they are.",
    "services": "Refused: no stable Service, or none of its Deployment.",
    "several": "Refused: more Rollouts than one.",
    "spec-field": "Other fields of the Rollout. Where something else does it, that is said.",
    "steps": "Refused: more phases than a release has.",
    "target": "A scaler of the Rollout: it scales the Deployment.",
    "under-way": "Refused: a Rollout that is not at rest.",
    "weight": "A share that is no number of hundredths of a percent; or, refused, no weight.",
    "weight-down": "Refused: a share below an earlier one.",
    "workload": "Refused: neither a template nor a Deployment that is among the manifests.",
}


def _is_rollout(known: Manifest) -> bool:
    return known.text("kind") == SOURCE and known.text("apiVersion").startswith(GROUP)


def is_here(manifests: Sequence[Manifest]) -> bool:
    """Whether a Rollout of Argo's is there; OpenKruise has objects of the same kind."""
    return any(map(_is_rollout, manifests))


def imported(manifests: Sequence[Manifest], wish: Wish) -> Imported:
    """The release that the Rollout among manifests leads.

    Raises Refused with everything that has no counterpart and cannot be left out.
    """
    rollout = _only(manifests)
    refuse([*_unfit(rollout)])
    findings = [*_left_out(rollout)]
    deployment = _deployment(rollout, manifests, findings)
    refuse(findings)
    stable, canary = _services(rollout, deployment, manifests, findings)
    refuse(findings)
    names = (name_of(stable), name_of(canary) if canary else _canary_name(rollout))
    findings += _others_to(names[1], rollout, manifests)
    chosen = routing.chosen(rollout, names, manifests, findings)
    refuse(findings)
    routes, governed = _routes(rollout, (chosen, stable, names), wish, findings)
    analyses = Analyses(rollout, manifests, names[1], findings)
    course = Course(
        rollout,
        analyses.gates,
        findings,
        has_headers=not routing.led(rollout) or any(one.has_headers for one in routing.led(rollout)),
    )
    left = [known for known in manifests if known not in (rollout, canary, *chosen)]
    for known in left:
        if known.text("kind") in TEMPLATES and all(known is not used for used in analyses.used):
            message = "no analysis of the Rollout names it: it is not among the files"
            findings.append(loss(f"{NAME}-not-written", known, ("kind",), message))
    left = [known for known in left if known.text("kind") not in TEMPLATES]
    changed = [*_changed(rollout, deployment, left, findings)]
    findings += _not_written([known for known, _ in changed])
    refuse(findings)
    scalers = [known for known, value in changed if value and _target(known, rollout)]
    has_deployment = any(value is deployment for _, value in changed)
    made = tuple(value for known, value in changed if value is not None)
    kept = tuple(known for known, value in changed if value is None and not why_not_written(known))
    return Imported(
        (rollout.title,),
        kept,
        tuple(routes),
        names[0],
        (deployment["metadata"]["name"],),
        governed,
        None,
        course.testers,
        tuple(course.phases),
        tuple(findings),
        tuple(Way(rollout, deployment, stable, canary, tuple(scalers)).steps()),
        made if has_deployment else (deployment, *made),
        tuple(course.gates),
        analyses.prometheus
        if course.gates or any("query" in str(p.get("gates")) for p in course.phases)
        else None,
    )


# --- what nothing can be made of --------------------------------------------


def _only(manifests: Sequence[Manifest]) -> Manifest:
    rollouts = [known for known in manifests if _is_rollout(known)]
    hint = ONE_AT_A_TIME
    message = "a release is of one Rollout, and there are others"
    refuse([refusal(f"{NAME}-several", known, ("kind",), message, hint) for known in rollouts[1:]])
    return rollouts[0]


def _unfit(rollout: Manifest) -> Iterator[Finding]:
    """What is no Rollout of shares, or is not at rest."""
    for path, kind in SHAPES.items():
        found = at(rollout.value, *map(str, path))
        if found is not None and (not isinstance(found, kind) or isinstance(found, bool)):
            yield refusal(f"{NAME}-invalid", rollout, path, f"{path[-1]} is no {kind.__name__}")
    if not name_of(rollout):
        yield refusal(f"{NAME}-invalid", rollout, ("metadata",), "it has no name")
    if at(rollout.value, "spec", "strategy", "blueGreen") is not None:
        message = "blueGreen sends all requests to one version or the other, and has no shares"
        hint = "write a canary strategy first; one with the step `setWeight: 100` alone does the same"
        yield refusal(f"{NAME}-blue-green", rollout, ("spec", "strategy", "blueGreen"), message, hint)
    elif at(rollout.value, *CANARY) is None:
        message = "it has no canary strategy"
        yield refusal(
            f"{NAME}-invalid", rollout, ("spec", "strategy"), message, "write `canary: {}` at least"
        )
    replicas = at(rollout.value, "spec", "replicas")
    if isinstance(replicas, int) and not isinstance(replicas, bool) and replicas < 0:
        yield refusal(f"{NAME}-invalid", rollout, ("spec", "replicas"), "fewer than no pods")
    status = at(rollout.value, "status") or {}
    running, new = at(status, "stableRS"), at(status, "currentPodHash")
    if (running and new and running != new) or at(status, "phase") in ("Progressing", "Paused"):
        message = "it is not at rest: its template is not what serves everybody"
        cure = f"kubectl argo rollouts promote --full {name_of(rollout)}, or undo it; then import again"
        yield refusal(f"{NAME}-under-way", rollout, ("status",), message, cure)


def _left_out(rollout: Manifest) -> Iterator[Finding]:
    """The fields that no other part of the importer reads, each at its place."""
    spec: Any = at(rollout.value, "spec") or {}
    canary: Any = at(spec, "strategy", "canary") or {}
    walks: tuple[tuple[Path, Any, tuple[str, ...], dict[str, str], str], ...] = (
        (("spec",), spec, OF_SPEC, NOT_OF_SPEC, "spec-field"),
        (("spec", "strategy"), at(spec, "strategy") or {}, ("canary", "blueGreen"), {}, "field"),
        (CANARY, canary, OF_CANARY, NOT_OF_CANARY, "canary-field"),
    )
    for place, value, taken, known, rule in walks:
        for key in value:
            if key not in taken:
                found = rule if key in known else "field"
                yield loss(
                    f"{NAME}-{found}", rollout, (*place, key), f"{key} is left out", known.get(key, "")
                )
    routers: Any = at(canary, "trafficRouting") or {}
    for key in routers:
        if key in ROUTERS:
            message = (
                f"the objects of {key} stay as they are: requests come by a route to the Gateway instead"
            )
            yield loss(f"{NAME}-router", rollout, (*routing.ROUTING, key), message, "take them out at last")
        elif key not in OF_ROUTING:
            yield loss(f"{NAME}-field", rollout, (*routing.ROUTING, key), f"{key} is left out")
    for key in at(routers, "plugins") or {}:
        if key != routing.PLUGIN:
            message = f"plugin {key} is not known: requests come by a route to the Gateway instead"
            yield loss(f"{NAME}-plugin-field", rollout, (*routing.ROUTING, "plugins", key), message)
    yield from routing.unknown_fields(rollout)
    if not routers:
        message = "without trafficRouting a weight is a share of pods; it becomes one of requests"
        yield loss(f"{NAME}-pods", rollout, CANARY, message)


# --- the Deployment ---------------------------------------------------------


def _deployment(rollout: Manifest, manifests: Sequence[Manifest], findings: list[Finding]) -> dict[str, Any]:
    """The Deployment in the Rollout's place; empty, with a refusal, where there is none."""
    reference = at(rollout.value, "spec", "workloadRef")
    return (
        _made(rollout, manifests, findings)
        if not reference
        else _named(rollout, reference, manifests, findings)
    )


def _named(
    rollout: Manifest, reference: dict[str, Any], manifests: Sequence[Manifest], findings: list[Finding]
) -> dict[str, Any]:
    place = ("spec", "workloadRef")
    for key in reference.keys() - {"apiVersion", "kind", "name", "scaleDown"}:
        findings.append(loss(f"{NAME}-field", rollout, (*place, key), f"{key} is left out"))
    found = [
        known
        for known in of_kind(manifests, *DEPLOYMENT)
        if name_of(known) == reference.get("name") and namespace_of(known) == namespace_of(rollout)
    ]
    if reference.get("kind") != "Deployment" or not found or not isinstance(found[0].value.get("spec"), dict):
        message = f"{reference.get('kind')} {reference.get('name')} is no Deployment among the manifests"
        hint = "name a folder with it too, or pipe it from the cluster as well"
        findings.append(refusal(f"{NAME}-workload", rollout, place, message, hint))
        return {}
    value = snapshot.written(found[0].value)
    spec = {key: child for key, child in value["spec"].items() if key != "replicas"}
    _tell_selector(rollout, spec, findings)
    own = {key: at(rollout.value, "spec", key) for key in OF_DEPLOYMENT}
    value["spec"] = {
        **_replicas(rollout),
        **spec,
        **{key: child for key, child in own.items() if child is not None},
        **_strategy(rollout),
    }
    return value


def _tell_selector(rollout: Manifest, spec: dict[str, Any], findings: list[Finding]) -> None:
    selector = at(rollout.value, "spec", "selector")
    if selector and selector != spec.get("selector"):
        message = "the Deployment keeps its own selector"
        findings.append(loss(f"{NAME}-spec-field", rollout, ("spec", "selector"), message))


def _made(rollout: Manifest, manifests: Sequence[Manifest], findings: list[Finding]) -> dict[str, Any]:
    spec = at(rollout.value, "spec") or {}
    template: dict[str, Any] = copy.deepcopy(spec.get("template") or {})
    selector = spec.get("selector")
    labels = at(template, "metadata", "labels") or {}
    if not labels or not at(template, "spec", "containers") or not selector_selects(selector or {}, labels):
        message = "its template has no containers, or its selector does not select them"
        findings.append(refusal(f"{NAME}-workload", rollout, ("spec",), message))
        return {}
    findings += [*_beside(rollout, manifests)]
    template["metadata"].pop("creationTimestamp", None)
    metadata = at(rollout.value, "metadata") or {}
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not str(key).startswith(OF_CONTROLLER)
    }
    return {
        "apiVersion": DEPLOYMENT[0],
        "kind": DEPLOYMENT[1],
        "metadata": {
            "name": name_of(rollout),
            **({"namespace": namespace_of(rollout)} if namespace_of(rollout) else {}),
            **({"labels": metadata["labels"]} if metadata.get("labels") else {}),
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": {
            **_replicas(rollout),
            "selector": selector,
            **{key: spec[key] for key in OF_DEPLOYMENT if spec.get(key) is not None},
            **_strategy(rollout),
            "template": template,
        },
    }


def _beside(rollout: Manifest, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    for known in of_kind(manifests, *DEPLOYMENT):
        if name_of(known) == name_of(rollout) and namespace_of(known) == namespace_of(rollout):
            message = "a Rollout of this name has pods of its own, and the Deployment in its place would be this one"
            yield refusal(
                f"{NAME}-workload", known, ("metadata", "name"), message, "give one of them another name"
            )


def _replicas(rollout: Manifest) -> dict[str, Any]:
    replicas = at(rollout.value, "spec", "replicas")
    return {} if replicas is None else {"replicas": replicas}


def _strategy(rollout: Manifest) -> dict[str, Any]:
    canary = at(rollout.value, *CANARY) or {}
    update = {key: canary[key] for key in ("maxSurge", "maxUnavailable") if canary.get(key) is not None}
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": update}} if update else {}


# --- the Services -----------------------------------------------------------


def _pair(rollout: Manifest) -> tuple[Any, Any]:
    """The names of the stable and the canary Service."""
    canary: Any = at(rollout.value, *CANARY) or {}
    ping, pong = at(canary, "pingPong", "pingService"), at(canary, "pingPong", "pongService")
    if not ping:
        return canary.get("stableService"), canary.get("canaryService")
    is_pong = at(rollout.value, "status", "canary", "stablePingPong") == "pong"
    return (pong, ping) if is_pong else (ping, pong)


def _canary_name(rollout: Manifest) -> str:
    name = _pair(rollout)[1]
    return name if isinstance(name, str) else ""


def _without_hash(service: Manifest) -> dict[str, Any]:
    """A Service without what the controller writes into it."""
    value = snapshot.written(service.value)
    for path, key in ((("spec", "selector"), HASH), (("metadata", "annotations"), MANAGED)):
        holder = at(value, *path)
        if isinstance(holder, dict) and key in holder:
            del holder[key]
            if not holder:
                del value[path[0]][path[1]]
    return value


def _is_injected(service: Manifest) -> bool:
    return bool(
        at(service.value, "spec", "selector", HASH) or at(service.value, "metadata", "annotations", MANAGED)
    )


def _services(
    rollout: Manifest, deployment: dict[str, Any], manifests: Sequence[Manifest], findings: list[Finding]
) -> tuple[Manifest, Manifest | None]:
    """The stable and the canary Service. Raises Refused where there is no stable one."""
    stable, canary = _pair(rollout)
    labels = at(deployment, "spec", "template", "metadata", "labels") or {}
    around = [known for known in of_kind(manifests, *SERVICE) if namespace_of(known) == namespace_of(rollout)]
    around = [known for known in around if isinstance(at(known.value, "spec", "selector"), dict)]
    fitting = [known for known in around if selects(_without_hash(known), labels)]
    named = [known for known in around if name_of(known) == stable]
    found = named if stable else [known for known in fitting if name_of(known) != canary]
    if len(found) != 1 or found[0] not in fitting:
        names = ", ".join(map(name_of, found)) or "none"
        message = (
            f"which Service is in front of its pods? Stable is {stable or 'not named'}; there are: {names}"
        )
        hint = "name it by stableService, and a folder with its manifest too, or pipe it from the cluster as well"
        findings.append(refusal(f"{NAME}-services", rollout, CANARY, message, hint))
        refuse(findings)
    return found[0], next((known for known in around if canary and name_of(known) == canary), None)


def _others_to(canary: str, rollout: Manifest, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """Ingresses that send to the canary Service, without those that the controller makes."""
    for known, place in senders(canary, namespace_of(rollout), manifests) if canary else ():
        if known.text("kind") not in ROUTE_KINDS and not why_not_written(known):
            message = f"it sends to Service {canary}, which the release does not have"
            yield refusal(f"{NAME}-canary-used", known, place, message, "let it send to the stable one")
    if has_another_router(rollout):
        return  # its router's objects name both, and go with it
    for known, place in mentions(canary, namespace_of(rollout), manifests) if canary else ():
        if not _is_rollout(known) and not known.text("apiVersion").startswith(GROUP):
            message = f"it names Service {canary}, which the release does not have"
            yield refusal(f"{NAME}-canary-used", known, place, message, "let it name the stable one")


# --- the routes, and what is changed ----------------------------------------


def _routes(
    rollout: Manifest,
    found: tuple[Sequence[Manifest], Manifest, tuple[str, str]],
    wish: Wish,
    findings: list[Finding],
) -> tuple[list[dict[str, Any]], Governed]:
    """The routes of the release, and which of their rules it splits, where that is not every one."""
    chosen, stable, names = found
    pairs = [routing.carried(route, rollout, names, findings) for route in chosen]
    if pairs:
        split = {
            (value["kind"], value["metadata"]["name"]): rules for value, rules in pairs if rules is not None
        }
        is_led = any(split.values()) or len(split) < len(pairs)
        return [value for value, _ in pairs], split if is_led else {}
    made = routing.made(stable, wish.gateway) if wish.gateway else None
    if made is None:
        message = f"no HTTPRoute to Service {name_of(stable)} is among the manifests"
        hint = "name a folder with it too, or give --gateway NAME: then one is made"
        findings.append(refusal(f"{NAME}-route", rollout, CANARY, message, hint))
        return [], {}
    message = f"HTTPRoute {name_of(stable)} is made, for every path and hostname"
    findings.append(loss(f"{NAME}-route-made", rollout, CANARY, message, "write `hostnames` into it"))
    return [made], {}


def _changed(
    rollout: Manifest, deployment: dict[str, Any], left: Sequence[Manifest], findings: list[Finding]
) -> Iterator[tuple[Manifest, dict[str, Any] | None]]:
    """What goes on beside the routes, each with what it becomes; None where it stays as it is."""
    name = deployment["metadata"]["name"]
    for known in left:
        if (known.text("apiVersion"), known.text("kind")) == SERVICE and _is_injected(known):
            yield known, _without_hash(known)
        elif _is_workload(known, rollout, name):
            yield known, deployment if deployment != known.value else None
        elif key := _target(known, rollout):
            message = f"its {key} is the Rollout, and becomes Deployment {name}"
            findings.append(loss(f"{NAME}-target", known, ("spec", key), message))
            yield known, _retargeted(known, key, name)
        else:
            yield known, None


def _is_workload(known: Manifest, rollout: Manifest, name: str) -> bool:
    is_named = (known.text("apiVersion"), known.text("kind"), name_of(known)) == (*DEPLOYMENT, name)
    return is_named and namespace_of(known) == namespace_of(rollout)


def _target(known: Manifest, rollout: Manifest) -> str:
    """Where an object names the Rollout as what it scales; empty where it does not."""
    if namespace_of(known) != namespace_of(rollout):
        return ""
    return next(
        (
            key
            for key in TARGETS
            if (at(known.value, "spec", key, "kind"), at(known.value, "spec", key, "name"))
            == (SOURCE, name_of(rollout))
        ),
        "",
    )


def _retargeted(known: Manifest, key: str, name: str) -> dict[str, Any]:
    value = snapshot.written(known.value)
    value["spec"][key] = {
        **value["spec"][key],
        "apiVersion": DEPLOYMENT[0],
        "kind": DEPLOYMENT[1],
        "name": name,
    }
    return value


def _not_written(left: Sequence[Manifest]) -> Iterator[Finding]:
    for known in left:
        if why := why_not_written(known):
            yield loss(f"{NAME}-not-written", known, ("kind",), f"it is not among the files: {why}")


ARGO_ROLLOUTS = Neighbour(NAME, SOURCE, RESOURCE, FIELDS, LOSSES | OF_ALL, is_here, imported)
