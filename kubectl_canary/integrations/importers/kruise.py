"""OpenKruise Rollouts: a Rollout of rollouts.kruise.io → phases and testers; the route is the user's own as before.

The shapes are those of its documentation and of its types (v1beta1 and v1alpha1); no controller was tried.
Source: https://openkruise.io/rollouts/user-manuals/api-specifications, and api/v1beta1/rollout_types.go,
api/v1alpha1/rollout_types.go, pkg/trafficrouting/ and pkg/controller/rollout/ of github.com/openkruise/rollouts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers import ingress_nginx
from kubectl_canary.integrations.importers.belongings import (
    deployments_of,
    namespace_of,
    senders,
    why_not_written,
)
from kubectl_canary.integrations.importers.imported import (
    BROUGHT,
    HOLD_BACK,
    OF_ALL,
    Imported,
    Neighbour,
    Wish,
    loss,
    refusal,
    refuse,
)
from kubectl_canary.integrations.importers.kruise_steps import NAME, STEPS, Released, course
from kubectl_canary.reading import snapshot
from kubectl_canary.reading.adopted.objects import at, name_of, of_kind
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.adoption import DEPLOYMENT, SERVICE
from kubectl_canary.release.application import ROUTE_KINDS
from kubectl_canary.release.companions import ENDING

GROUP = "rollouts.kruise.io/"
ROLLOUT, HTTP_ROUTE = "Rollout", "HTTPRoute"
RESOURCE = "rollouts.rollouts.kruise.io"  # Argo has rollouts, too
CANARY: Path = ("spec", "strategy", "canary")
STYLE, ROUTED = f"{GROUP}rolling-style", f"{GROUP}trafficrouting"
OWN_ANNOTATIONS = (STYLE, ROUTED, f"{GROUP}hash", "kubectl.kubernetes.io/", "meta.helm.sh/")
MADE_BY = f"{GROUP}canary-deployment"
HASH = "pod-template-hash"
# what a Deployment has while a release is under way alone: its template is the new version then
UNDER_WAY = (f"{GROUP}in-progressing", f"{GROUP}deployment-strategy", f"batchrelease.{GROUP}control-info")
QUIET = ("", "Initial", "Healthy", "Disabled")
GRACE = 3  # seconds, that the CRD fills in

TEXT, NUMBER, FLAG, EITHER = (str,), (int,), (bool,), (int, str)
REFERENCE = {"apiVersion": TEXT, "kind": TEXT, "name": TEXT}
MATCHER = [{"type": TEXT, "name": TEXT, "value": TEXT}]
STEP = {
    "replicas": EITHER,
    "pause": {"duration": NUMBER},
    "matches": [{"headers": MATCHER, "queryParams": MATCHER, "path": {"type": TEXT, "value": TEXT}}],
    "requestHeaderModifier": None,
}
ROUTING = {
    "service": TEXT,
    "gracePeriodSeconds": NUMBER,
    "ingress": {"classType": TEXT, "name": TEXT},
    "gateway": {"httpRouteName": TEXT},
    "customNetworkRefs": [REFERENCE],
    "additionalParams": None,
}
STRATEGY = {
    "steps": None,
    "trafficRoutings": [ROUTING],
    "failureThreshold": EITHER,
    "patchPodTemplateMetadata": None,
}
# what each version has; a tuple is of types, None is anything
SHAPES: dict[str, dict[str, Any]] = {
    "v1beta1": {
        "workloadRef": REFERENCE,
        "disabled": FLAG,
        "strategy": {
            "paused": FLAG,
            "blueGreen": None,
            "canary": {
                **STRATEGY,
                "steps": [{**STEP, "traffic": TEXT}],
                "enableExtraWorkloadForCanary": FLAG,
                "trafficRoutingRef": TEXT,
                "disableGenerateCanaryService": FLAG,
                "deploymentStrategy": None,
            },
        },
    },
    "v1alpha1": {
        "objectRef": {"type": TEXT, "workloadRef": REFERENCE},
        "rolloutID": TEXT,
        "disabled": FLAG,
        "strategy": {
            "paused": FLAG,
            "type": TEXT,
            "canary": {**STRATEGY, "steps": [{**STEP, "weight": NUMBER}]},
        },
    },
}
# what is left out of what is known, each with its reason
LEFT_OUT = {
    "additionalParams": "it names subsets of Istio's, and a release has none",
    "customNetworkRefs": "it stands beside the route, and no release changes these objects",
    "deploymentStrategy": "the release makes a second Deployment, and leaves the first one's strategy alone",
    "disableGenerateCanaryService": "Kruise does not tell the versions apart then; the release does, by the route",
    "failureThreshold": "a release goes on when all pods of the canary are ready",
    "patchPodTemplateMetadata": "write it into the pods of the new version's manifests",
    "rolloutID": "a release is known by its file",
}
KINDS = {
    "CloneSet": "it is Kruise's own, and a release has two Deployments",
    "DaemonSet": "it has one pod on each node, so that no share has pods of its own",
    "StatefulSet": "its pods have names and volumes that only one of them may have",
}

FIELDS = {
    "spec.workloadRef, spec.objectRef.workloadRef": "the Deployment that is released; its manifest goes on as it is",
    "spec.disabled": "nothing: files lead the release",
    "strategy.canary.steps[].traffic, weight": "a phase of that share; after the last one comes `100%`, as in Kruise",
    "strategy.canary.steps[].replicas": (
        "`replicas` of the phase before, since Kruise has them before it sends the share; a percentage is of the "
        "Deployment's, rounded up. Without it, the share is taken"
    ),
    "strategy.canary.steps[].pause.duration": "`pause` of the phase",
    "strategy.canary.steps[].pause without a duration": (
        "`gates: [{approval: true}]` of the phase, but for a last step of all pods, where Kruise does not wait either"
    ),
    "strategy.canary.steps[].matches": (
        "`testers`, by one header or one query parameter, and the phase `header-only`; testers stay from there on"
    ),
    "strategy.canary.trafficRoutings[].service": "the Service of the release",
    "strategy.canary.trafficRoutings[].gateway.httpRouteName": (
        "the HTTPRoute that is split, which goes on as it is; no other route is split"
    ),
    "strategy.canary.trafficRoutings[].ingress": "of nginx: an HTTPRoute, as without a Rollout; it needs `--gateway`",
    "strategy.canary.trafficRoutings[].gracePeriodSeconds": "nothing, where it is the 3 seconds that the API fills in",
    "strategy.canary.enableExtraWorkloadForCanary, rolling-style": (
        "nothing where it is true: the release makes a second Deployment, too"
    ),
    "metadata.labels, status, hash": "nothing",
}
LOSSES = {
    "annotation": "Any other annotation of the Rollout.",
    "blue-green": "Refused: `strategy.blueGreen`.",
    "by-pods": "A step of pods alone: the share that the Service's choice among them is about.",
    "falling": "A share below the one before: shares rise from phase to phase.",
    "field": "A field that a release has nothing for; each finding says why.",
    "grace-period": "`gracePeriodSeconds` other than 3.",
    "header-modifier": "`requestHeaderModifier`, which Kruise ignores of an HTTPRoute, too.",
    "leftovers": "What Kruise has written on the Deployment, the Service and the route: it is taken out.",
    "made": "What Kruise makes: the canary's Service and Deployment, BatchRelease, TrafficRouting, RolloutHistory.",
    "matches": "A match with a path, with several conditions, or other than that of the testers.",
    "mixed": "A rule with other backends: beside them Kruise's shares are others than the phases'.",
    "no-share": "A step with a weight of 0: no phase gives the canary pods and no request.",
    "not-written": "Pods, ReplicaSets, Endpoints, Secrets and what has an owner: no file of yours has them.",
    "order": "A step for testers after a share: they come first.",
    "partition": "Kruise replaces the Deployment's own pods; the release has a second Deployment beside it meanwhile.",
    "pause": "Refused: a pause below 0.",
    "paused": "`strategy.paused`: a release goes on when somebody applies the next phase.",
    "redirect": "Once it finalises, Kruise takes rules without a backend out of the route: they are applied again.",
    "repeated": "A share, or the testers, a second time: one phase has both pauses.",
    "replicas": "Numbers of pods beside a scaler; or, refused, one that Kruise's webhook refuses, too.",
    "routing": "Refused: a Rollout that splits no request, or by something else than one HTTPRoute or nginx's Ingress.",
    "services": "Refused: the Service, its route or the Deployment is not there, or does not belong to the others.",
    "several": "Refused: several Rollouts, or several `trafficRoutings`.",
    "share": "Refused: a share that Kruise's webhook refuses, too.",
    "traffic": "A share beside matches, which Kruise ignores of an HTTPRoute, too.",
    "type": "Refused: a value of another type than the API has.",
    "under-way": "Refused: a release is under way, so that nobody can tell the version that runs from the Deployment.",
    "unknown": "A field that is in neither version of the API.",
    "version": "Refused: another version of the API, or a Rollout without a canary's steps.",
    "workload": "Refused: another workload than a Deployment.",
}


def is_here(manifests: Sequence[Manifest]) -> bool:
    """Whether there is a Rollout of OpenKruise's; Argo's is of another group."""
    return bool(_rollouts(manifests))


def imported(manifests: Sequence[Manifest], wish: Wish) -> Imported:
    """The release that the Rollout among manifests leads.

    Raises Refused with everything that has no counterpart and cannot be left out; UsageError where an Ingress becomes a
    route, and no Gateway is named.
    """
    rollouts = _rollouts(manifests)
    findings = [*_unreadable(rollouts)]
    refuse(findings)
    rollout = rollouts[0]
    findings += [*_left_out(rollout)]
    objects = _objects(rollout, manifests, findings)
    canary = at(rollout.value, *map(str, CANARY))
    released = Released(
        rollout,
        _number(at(objects.deployment.value, "spec", "replicas")),
        snapshot.is_scaled(objects.deployment, manifests),
        _replaces_pods(rollout, canary),
        objects.route is None,
    )
    testers, phases = course(released, canary["steps"], findings)
    if released.replaces_pods:
        message = "Kruise replaces the Deployment's own pods: the release makes a second one, and needs room"
        findings.append(loss(f"{NAME}-partition", rollout, CANARY, message))
    refuse(findings)
    made = [known for known in manifests if known is not rollout and _is_made(known, objects)]
    findings += [*_dropped(made)]
    left = [known for known in manifests if known is not rollout and known not in made]
    if objects.route is None:
        return _by_nginx(rollout, objects, (left, wish), (testers, phases), findings)
    return _by_route(rollout, objects, left, (testers, phases), findings)


def _rollouts(manifests: Sequence[Manifest]) -> list[Manifest]:
    return [
        known
        for known in manifests
        if known.text("kind") == ROLLOUT and known.text("apiVersion").startswith(GROUP)
    ]


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 1


def _annotations(manifest: Manifest) -> dict[str, Any]:
    said = at(manifest.value, "metadata", "annotations")
    return said if isinstance(said, dict) else {}


def _replaces_pods(rollout: Manifest, canary: dict[str, Any]) -> bool:
    """Whether Kruise changes the Deployment's own pods: by a field of v1beta1, by an annotation before."""
    if rollout.text("apiVersion").endswith("/v1alpha1"):
        return str(_annotations(rollout).get(STYLE, "")).lower() == "partition"
    return not canary.get("enableExtraWorkloadForCanary")


# --- what nothing can be made of --------------------------------------------


def _unreadable(rollouts: Sequence[Manifest]) -> Iterator[Finding]:
    """That there are several, or one of another shape; and its fields that nobody knows."""
    for rollout in rollouts[1:]:
        message = f"{rollouts[0].title} is there, too, and a release is of one"
        yield refusal(f"{NAME}-several", rollout, ("metadata", "name"), message, "import one at a time")
    rollout = rollouts[0]
    version = rollout.text("apiVersion").removeprefix(GROUP)
    if version not in SHAPES:
        message = f"its version is `{version}`, and v1beta1 and v1alpha1 are known"
        yield refusal(f"{NAME}-version", rollout, ("apiVersion",), message)
        return
    if at(rollout.value, "spec", "strategy", "blueGreen") is not None:
        message = "blueGreen: all requests go over at once there, and a release of shares is another thing"
        hint = "write its phases by hand: kubectl canary init --from, with `header-only` and `100%`"
        yield refusal(f"{NAME}-blue-green", rollout, ("spec", "strategy", "blueGreen"), message, hint)
        return
    yield from _misshapen(rollout, rollout.value.get("spec"), SHAPES[version], ("spec",))
    if not at(rollout.value, *map(str, STEPS)):
        message = "it has no strategy.canary.steps, and they are what becomes phases"
        yield refusal(f"{NAME}-version", rollout, ("spec",), message)
    phase = rollout.text("status", "phase")
    if phase not in QUIET:
        message = f"a release is under way ({phase}): its Deployment has the new version already"
        hint = "let it come to its end first, or take the old version back"
        yield refusal(f"{NAME}-under-way", rollout, ("status", "phase"), message, hint)


def _misshapen(rollout: Manifest, value: Any, shape: Any, path: Path) -> Iterator[Finding]:
    """Values of other types, and keys that no version has."""
    if value is None or shape is None:
        return
    if isinstance(shape, tuple):
        if not isinstance(value, shape) or (isinstance(value, bool) and bool not in shape):
            message = f"{path[-1]}: `{value}` is of another type than the API has"
            yield refusal(f"{NAME}-type", rollout, path, message)
    elif isinstance(shape, list):
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            yield refusal(f"{NAME}-type", rollout, path, f"{path[-1]}: it is no list of maps")
            return
        for index, item in enumerate(value):
            yield from _misshapen(rollout, item, shape[0], (*path, index))
    elif not isinstance(value, dict):
        yield refusal(f"{NAME}-type", rollout, path, f"{path[-1]}: it is no map")
    else:
        for key, child in value.items():
            if key in shape:
                yield from _misshapen(rollout, child, shape[key], (*path, key))
            else:
                message = f"{key}: it is in no version of the API that is known"
                yield loss(f"{NAME}-unknown", rollout, (*path, str(key)), message)


def _left_out(rollout: Manifest) -> Iterator[Finding]:
    """What is known, and has nothing in a release."""
    canary = at(rollout.value, *map(str, CANARY))
    routings: list[tuple[dict[str, Any], Path]] = [
        (routing, (*CANARY, "trafficRoutings", index))
        for index, routing in enumerate(canary.get("trafficRoutings") or ())
    ]
    for value, path in ((rollout.value["spec"], ("spec",)), (canary, CANARY), *routings):
        for key, why in LEFT_OUT.items():
            if value.get(key):
                yield loss(f"{NAME}-field", rollout, (*path, key), f"{key}: {why}")
    for routing, path in routings:
        if routing.get("gracePeriodSeconds") not in (None, GRACE):
            message = "gracePeriodSeconds: a release goes on when the Gateway has taken the change"
            yield loss(f"{NAME}-grace-period", rollout, (*path, "gracePeriodSeconds"), message)
    if canary.get("trafficRoutings"):
        for value, where in (
            (canary.get("trafficRoutingRef"), (*CANARY, "trafficRoutingRef")),
            _routed(rollout),
        ):
            if value:
                message = f"TrafficRouting {value} splits at the first of several applications, and a release is of one"
                yield loss(f"{NAME}-field", rollout, where, message)
    if at(rollout.value, "spec", "strategy", "paused"):
        message = "paused: a release goes on when somebody applies the next phase"
        yield loss(f"{NAME}-paused", rollout, ("spec", "strategy", "paused"), message)
    for annotation in _annotations(rollout):
        if not str(annotation).startswith(OWN_ANNOTATIONS):
            message = f"the annotation {annotation} is not said by a release"
            yield loss(f"{NAME}-annotation", rollout, ("metadata", "annotations", str(annotation)), message)


def _routed(rollout: Manifest) -> tuple[Any, Path]:
    return _annotations(rollout).get(ROUTED), ("metadata", "annotations", ROUTED)


# --- the Deployment, its Service and its route ------------------------------


@dataclass(frozen=True)
class Objects:
    """What a Rollout names; `route` is None where an Ingress is split."""

    deployment: Manifest
    service: Manifest
    route: Manifest | None
    ingress: str


def _objects(rollout: Manifest, manifests: Sequence[Manifest], findings: list[Finding]) -> Objects:
    """Raises Refused where one of them is not there, or does not belong to the others."""
    is_first = rollout.text("apiVersion").endswith("/v1alpha1")
    where: Path = ("spec", "objectRef", "workloadRef") if is_first else ("spec", "workloadRef")
    workload = at(rollout.value, *map(str, where)) or {}
    kind = workload.get("kind")
    if (workload.get("apiVersion"), kind) != DEPLOYMENT:
        why = KINDS.get(str(kind), f"{kind or 'nothing'} is no Deployment of apps/v1")
        message, hint = f"it releases {kind or 'nothing'}: {why}", "a Deployment can be released by shares"
        findings.append(refusal(f"{NAME}-workload", rollout, where, message, hint))
    service, route, ingress = _routing(rollout, findings)
    refuse(findings)
    found = []
    for known, name in ((DEPLOYMENT, workload.get("name")), (SERVICE, service)):
        candidates = [
            one for one in of_kind(manifests, *known) if _is_near(rollout, one) and name_of(one) == name
        ]
        found += candidates[:1]
        if len(candidates) != 1:
            message = f"{known[1]} {name} is {'there twice' if candidates else 'not among the manifests'}"
            hint = "name a folder with it, too, or pipe all of them from the cluster"
            findings.append(refusal(f"{NAME}-services", rollout, ("spec",), message, hint))
    routes = [one for one in manifests if one.text("kind") == HTTP_ROUTE and _is_near(rollout, one)]
    named = [one for one in routes if name_of(one) == route]
    if route and len(named) != 1:
        message, hint = f"HTTPRoute {route} is not among the manifests", "name a folder with it, too"
        findings.append(refusal(f"{NAME}-services", rollout, CANARY, message, hint))
    refuse(findings)
    objects = Objects(found[0], found[1], named[0] if route else None, ingress)
    findings += [*_unfit(objects, manifests)]
    refuse(findings)
    return objects


def _is_near(rollout: Manifest, known: Manifest) -> bool:
    return namespace_of(known) in ("", namespace_of(rollout)) or not namespace_of(rollout)


def _routing(rollout: Manifest, findings: list[Finding]) -> tuple[str, str, str]:
    """The names of the Service, and of the HTTPRoute or the Ingress that is split."""
    path: Path = (*CANARY, "trafficRoutings")
    canary = at(rollout.value, *map(str, CANARY))
    routings = canary.get("trafficRoutings") or [{}]
    routing = routings[0]
    route = at(routing, "gateway", "httpRouteName") or ""
    ingress = at(routing, "ingress", "name") or ""
    if len(routings) > 1:
        message = "a Rollout has one of them: Kruise's webhook refuses several"
        findings.append(refusal(f"{NAME}-several", rollout, path, message, "leave the one that is split"))
    shared = canary.get("trafficRoutingRef") or _routed(rollout)[0]
    if not canary.get("trafficRoutings") and shared:
        message = (
            f"TrafficRouting {shared} splits at the first of several applications, and a release is of one"
        )
        hint = "import the application that the requests come to first"
        findings.append(refusal(f"{NAME}-routing", rollout, CANARY, message, hint))
    elif not (route or ingress) or not routing.get("service"):
        what = "objects of a mesh" if routing.get("customNetworkRefs") else "no requests"
        message = f"Kruise splits {what} here, and a release splits those of an HTTPRoute"
        hint = "write a route first, and the release by hand: kubectl canary init --from"
        findings.append(refusal(f"{NAME}-routing", rollout, CANARY, message, hint))
    elif not route and at(routing, "ingress", "classType") not in (None, "", "nginx"):
        message = (
            f"the Ingress is of {at(routing, 'ingress', 'classType')}, and nginx's alone becomes a route"
        )
        hint = "write its HTTPRoute, and name it by trafficRoutings[].gateway.httpRouteName"
        findings.append(refusal(f"{NAME}-routing", rollout, path, message, hint))
    elif route and ingress:
        message = (
            f"ingress: requests by Ingress {ingress} reach stable alone from now on, and the route is split"
        )
        findings.append(loss(f"{NAME}-field", rollout, (*path, 0, "ingress"), message))
    return str(routing.get("service") or ""), str(route), str(ingress)


def _unfit(objects: Objects, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """That a release is under way, or that the Service selects other pods."""
    deployment, service = objects.deployment, objects.service
    for annotation in UNDER_WAY:
        if annotation in _annotations(deployment):
            message = "a release is under way: its template is the new version already"
            hint = "let it come to its end first, or take the old version back"
            where = ("metadata", "annotations", annotation)
            yield refusal(f"{NAME}-under-way", deployment, where, message, hint)
    known = [one for one in deployments_of(_cleaned(service, _service), manifests) if not _is_canary(one)]
    others = [one for one in known if one is not deployment]
    if deployment not in known:
        message = f"it does not select the pods of {deployment.title}"
        yield refusal(
            f"{NAME}-services", service, ("spec", "selector"), message, "name the Service that does"
        )
    for other in others:
        message = f"it selects the pods of {other.title}, too"
        hint = "give these pods a Service of their own first"
        yield refusal(f"{NAME}-services", service, ("spec", "selector"), message, hint)
    route = objects.route
    if route is not None and not any(where is route for where, _ in _sending(objects, manifests)):
        message = f"none of its rules sends to Service {name_of(service)}"
        yield refusal(f"{NAME}-services", route, ("spec",), message, "name the route that does")


def _sending(objects: Objects, manifests: Sequence[Manifest]) -> list[tuple[Manifest, Path]]:
    service = objects.service
    return [
        (known, where)
        for known, where in senders(name_of(service), namespace_of(service), manifests)
        if known.text("kind") in ROUTE_KINDS and where[3:4] == ("backendRefs",)
    ]


# --- what Kruise has made, and written --------------------------------------


def _is_canary(known: Manifest) -> bool:
    return MADE_BY in (at(known.value, "metadata", "labels") or {})


def _is_made(known: Manifest, objects: Objects) -> bool:
    """Whether Kruise makes an object, or takes it for its own."""
    names = {"Service": name_of(objects.service), "Ingress": objects.ingress or None}
    base = names.get(known.text("kind"))
    return (
        known.text("apiVersion").startswith(GROUP)
        or (known.text("kind") == DEPLOYMENT[1] and _is_canary(known))
        or (
            base is not None
            and name_of(known) == f"{base}{ENDING}"
            and namespace_of(known) == namespace_of(objects.service)
        )
    )


def _dropped(made: Sequence[Manifest]) -> Iterator[Finding]:
    for known in made:
        message = "it is not among the files: Kruise makes it, or reads it alone"
        yield loss(f"{NAME}-made", known, ("kind",), message)


def _cleaned(known: Manifest, clean: Any) -> Manifest:
    """An object without what Kruise has written on it: itself, where that is nothing."""
    value = clean(known.value)
    return known if value == known.value else replace(known, value=value, source="")


def _service(value: dict[str, Any]) -> dict[str, Any]:
    """Without the label of one version's pods, which Kruise adds to the selector."""
    selector = at(value, "spec", "selector")
    if not isinstance(selector, dict):
        return value
    kept = {key: text for key, text in selector.items() if key != HASH}
    return {**value, "spec": {**value["spec"], "selector": kept}}


def _deployment(value: dict[str, Any]) -> dict[str, Any]:
    """Without `paused`, and without labels and annotations of Kruise's."""
    metadata = dict(value["metadata"])
    for key in ("labels", "annotations"):
        if isinstance(metadata.get(key), dict):
            metadata[key] = {name: text for name, text in metadata[key].items() if GROUP not in str(name)}
            if not metadata[key] and value["metadata"][key]:
                del metadata[key]
    spec = {key: child for key, child in value["spec"].items() if key != "paused"}
    return {**value, "metadata": metadata, "spec": spec}


def _route(value: dict[str, Any], canary: str) -> dict[str, Any]:
    """Without backends of the canary's Service, and without rules that send to it alone; as Finalise leaves it."""
    rules = [_rule(rule, canary) for rule in at(value, "spec", "rules") or () if isinstance(rule, dict)]
    return {**value, "spec": {**value["spec"], "rules": [rule for rule in rules if rule is not None]}}


def _rule(rule: dict[str, Any], canary: str) -> dict[str, Any] | None:
    refs = rule.get("backendRefs")
    if not isinstance(refs, list) or not any(at(ref, "name") == canary for ref in refs):
        return rule
    kept = [ref for ref in refs if at(ref, "name") != canary]
    if len(kept) == 1:
        kept = [{key: child for key, child in kept[0].items() if key != "weight"}]
    return {**rule, "backendRefs": kept} if kept else None


# --- the release ------------------------------------------------------------

Course = tuple["dict[str, str] | bool", "tuple[dict[str, Any], ...]"]


def _without_traces(objects: Objects, left: Sequence[Manifest], findings: list[Finding]) -> list[Manifest]:
    """The manifests without what Kruise has written on them."""
    canary = f"{name_of(objects.service)}{ENDING}"
    cleaners = [
        (objects.deployment, _deployment, "spec.paused, and labels and annotations of Kruise's"),
        (objects.service, _service, f"{HASH} in its selector"),
    ]
    if objects.route is not None:
        cleaners.append((objects.route, lambda value: _route(value, canary), f"what sends to {canary}"))
    kept = list(left)
    for known, clean, what in cleaners:
        changed = _cleaned(known, clean)
        if changed is not known:
            hint = "the steps say how the cluster follows"
            findings.append(loss(f"{NAME}-leftovers", known, ("spec",), f"{what}: it is taken out", hint))
        kept = [changed if one is known else one for one in kept]
    return kept


def _by_nginx(
    rollout: Manifest,
    objects: Objects,
    asked: tuple[Sequence[Manifest], Wish],
    course: Course,
    findings: list[Finding],
) -> Imported:
    """The Ingress becomes a route as it does without a Rollout; shares and testers are the Rollout's."""
    left, wish = asked
    taken = ingress_nginx.imported(_without_traces(objects, left, findings), wish)
    if taken.service != name_of(objects.service):
        message = (
            f"the Ingresses send to Service {taken.service}, and the Rollout names {name_of(objects.service)}"
        )
        findings.append(refusal(f"{NAME}-services", rollout, CANARY, message))
    refuse(findings)
    return replace(
        taken,
        source=(rollout.title, *taken.source),
        testers=course[0],
        phases=course[1],
        losses=(*findings, *taken.losses),
        steps=(*_steps(rollout, objects), *taken.steps),
    )


def _by_route(
    rollout: Manifest, objects: Objects, left: Sequence[Manifest], course: Course, findings: list[Finding]
) -> Imported:
    """The user's route goes on; where others send to the Service, too, it alone is split."""
    kept = _without_traces(objects, left, findings)
    route = next(one for one in kept if one.text("kind") == HTTP_ROUTE and _is_same(one, objects.route))
    others = [one for one, _ in _sending(objects, kept) if one is not route]
    rules = [where[2] for one, where in _sending(objects, kept) if one is route]
    numbers = sorted({number for number in rules if isinstance(number, int)})
    findings += [*_mixed(route, numbers), *_redirects(route)]
    for known in kept:
        if why := why_not_written(known):
            message = f"it is not among the files: {why}"
            findings.append(loss(f"{NAME}-not-written", known, ("kind",), message))
    is_own = bool(others) or any(True for _ in _redirects(route))
    written = [one for one in kept if not why_not_written(one) and not (is_own and one is route)]
    return Imported(
        (rollout.title, route.title),
        tuple(written),
        (snapshot.written(route.value),) if is_own else (),
        name_of(objects.service),
        (name_of(objects.deployment),),
        {(HTTP_ROUTE, name_of(route)): numbers} if others else {},
        None,
        course[0],
        course[1],
        tuple(findings),
        (*_steps(rollout, objects), *_reapplied(route), BROUGHT, "{start}"),
    )


def _is_same(known: Manifest, other: Manifest | None) -> bool:
    return other is not None and (namespace_of(known), name_of(known)) == (
        namespace_of(other),
        name_of(other),
    )


def _mixed(route: Manifest, numbers: Sequence[int]) -> Iterator[Finding]:
    for number in numbers:
        path: Path = ("spec", "rules", number, "backendRefs")
        if len(route.value["spec"]["rules"][number]["backendRefs"]) > 1:
            message = (
                "it has other backends: Kruise gives stable 100 parts less the canary's, whatever they have"
            )
            hint = "the phases split the Service's own share; see that this is what you want"
            yield loss(f"{NAME}-mixed", route, path, message, hint)


def _redirects(route: Manifest) -> Iterator[Finding]:
    for number, rule in enumerate(at(route.value, "spec", "rules") or ()):
        if not at(rule, "backendRefs"):
            message = "Kruise takes a rule without a backend out when it finalises: it is applied again"
            yield loss(f"{NAME}-redirect", route, ("spec", "rules", number), message)


# --- the way over -----------------------------------------------------------


def _steps(rollout: Manifest, objects: Objects) -> Iterator[str]:
    """The way from Kruise to files: nothing moves, since the Deployment, the Service and the route are the user's.

    Source: reconcileRolloutTerminating in rollout_status.go, FinalisingTrafficRouting in manager.go.
    """
    in_namespace = f" -n {namespace_of(rollout)}" if namespace_of(rollout) else ""
    name, service = f"{RESOURCE}/{name_of(rollout)}", name_of(objects.service)
    yield HOLD_BACK
    yield (
        "See that no release is under way, which prints Healthy, or Disabled: "
        f"kubectl get {name}{in_namespace} -o jsonpath='{{.status.phase}}'"
    )
    yield (
        "Delete the Rollout; Kruise gives the Service and the route back before it is gone, and no pod changes: "
        f"kubectl delete {name}{in_namespace}"
    )
    yield (
        f"See that the Service selects the pods of every version, without {HASH}: "
        f"kubectl get service/{service}{in_namespace} -o jsonpath='{{.spec.selector}}'"
    )
    yield (
        "See that nothing is printed, since the release makes objects of these names: "
        f"kubectl get service/{service}{ENDING} deployment/{name_of(objects.deployment)}{ENDING}{in_namespace} "
        "--ignore-not-found"
    )


def _reapplied(route: Manifest) -> Iterator[str]:
    if any(True for _ in _redirects(route)):
        yield "Apply the route again at once, since Kruise takes its rules without a backend out: {apply}"
    else:
        yield f"{route.title} is yours as before: there is nothing to apply"


KRUISE = Neighbour(NAME, ROLLOUT, RESOURCE, FIELDS, LOSSES | OF_ALL, is_here, imported)
