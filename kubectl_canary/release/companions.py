"""The canary's copies of the user's objects: its Service, its Deployment, and what looks after its pods.

A copy has the name `<name>-canary`, and selects by the canary's labels. What only one object can have stays with the
original: addresses, node ports, names in DNS.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubectl_canary.release import engines, grants
from kubectl_canary.release.application import GATEWAY_GROUP, SERVICE_API, Adopted, Side, Workload
from kubectl_canary.release.plan import Pods
from kubectl_canary.release.selectors import (
    Tracks,
    following,
    naming,
    of_both,
    of_canaries,
    selects,
    selects_stable_alone,
)

ENDING = "-canary"
SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
# where in its spec a kind says which pods it is about
SELECTORS = {"PodDisruptionBudget": "selector", "NetworkPolicy": "podSelector", "PodMonitor": "selector"}
# groups whose objects let requests in or keep them out: without one of its own, the canary would be open or cut off
GUARDING = (
    "cilium.io",
    "crd.projectcalico.org",
    "policy.linkerd.io",
    "policy.networking.k8s.io",
    "projectcalico.org",
    "security.istio.io",
)
# what a Service has from its cluster or its load balancer, and no other Service can have too
SERVICES_OWN = (
    "clusterIPs",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "allocateLoadBalancerNodePorts",
)
FOREIGN_ANNOTATIONS = (
    "external-dns.alpha.kubernetes.io/",
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "meta.helm.sh/",
)


# what the server and controllers write into metadata: a copy is another object, with nobody's claims on it
SERVERS_OWN = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)


def tracks(workload: Workload) -> Tracks:
    """The labels of the pods that the new version has, and the canary's."""
    return Tracks((workload.new or workload.old).pod_labels, workload.track)


def is_scaler_of(value: dict[str, Any], name: str) -> bool:
    """Whether an object scales the Deployment of a name."""
    if value.get("kind") not in SCALERS:
        return False
    target = _map_of(_map_of(value, "spec"), "scaleTargetRef")
    return (target.get("kind") or "Deployment") == "Deployment" and target.get("name") == name


def counts_pods(value: dict[str, Any]) -> bool:
    """Whether an object says how many pods there are: it comes after them and goes before; policies are there first."""
    return value.get("kind") in (*SCALERS, "PodDisruptionBudget")


def looks_after(value: dict[str, Any], workload: Workload) -> bool:
    """Whether an object is about stable's pods, of either version, or its Service: it selects, scales, guards them."""
    if is_scaler_of(value, workload.names.stable) or _guards(value, workload):
        return True
    selector = selector_of(value)
    versions = (workload.old, *(() if workload.new is None else (workload.new,)))
    return any(selects(selector, version.pod_labels) for version in versions)


def _guards(value: dict[str, Any], workload: Workload) -> bool:
    """Whether an object changes what happens to requests for stable: by its Service, its labels, or the namespace."""
    spec = value.get("spec")
    if not isinstance(spec, dict):
        return False
    is_host = workload.service.is_named(SERVICE_API, str(spec.get("host")).partition(".")[0], Side.STABLE)
    if is_host or any(_targets(ref, workload) for ref in target_refs(spec)):
        return True
    group = str(value.get("apiVersion")).partition("/")[0]
    is_for_all = not any(key in spec for key in ("selector", "targetRef", "targetRefs", "endpointSelector"))
    stable, canary = workload.selectors.both()
    labels = {key: text for key, text in stable.items() if canary[key] != text}
    return group in GUARDING and (is_for_all or any(naming(spec, labels)))


def brings_requests(value: dict[str, Any]) -> bool:
    """Whether an object sends requests from outside to Services."""
    group, kind = str(value.get("apiVersion")).partition("/")[0], str(value.get("kind"))
    is_route = group == GATEWAY_GROUP and kind.endswith("Route")
    return is_route or kind in ("Ingress", "VirtualService")


def selector_of(value: dict[str, Any]) -> Any:
    """The selector by which an object of a kind that we know says which pods it is about."""
    return _map_of(value, "spec").get(SELECTORS.get(str(value.get("kind")), ""))


def _map_of(value: dict[str, Any], key: str) -> dict[str, Any]:
    """The map of a key; an empty one where something else stands there, as kinds of others may have it."""
    child = value.get(key)
    return child if isinstance(child, dict) else {}


def held(scaler: dict[str, Any]) -> dict[str, Any]:
    """The scaler without the right to take pods away, which a way back needs.

    Source: KEDA, ScaledObject: it alone scales to 0, where `minReplicaCount` or `idleReplicaCount` is 0.
    """
    spec = scaler["spec"]
    if scaler["kind"] == "HorizontalPodAutoscaler":
        return {**scaler, "spec": _without_scale_down(spec)}
    kept = {key: child for key, child in spec.items() if key != "idleReplicaCount"}
    advanced = dict(spec.get("advanced") or {})
    advanced["horizontalPodAutoscalerConfig"] = _without_scale_down(
        advanced.get("horizontalPodAutoscalerConfig") or {}
    )
    least = max(1, int(spec.get("minReplicaCount") or 0))
    return {**scaler, "spec": {**kept, "minReplicaCount": least, "advanced": advanced}}


def _without_scale_down(holder: dict[str, Any]) -> dict[str, Any]:
    behavior = dict(holder.get("behavior") or {})
    behavior["scaleDown"] = {**(behavior.get("scaleDown") or {}), "selectPolicy": "Disabled"}
    return {**holder, "behavior": behavior}


# --- copies -----------------------------------------------------------------------


def copy_of(value: dict[str, Any]) -> dict[str, Any]:
    """A copy with a name of its own, without status and without what belongs to the original alone."""
    copied = copy.deepcopy({key: child for key, child in value.items() if key != "status"})
    metadata = {key: child for key, child in copied["metadata"].items() if key not in SERVERS_OWN}
    metadata["name"] += ENDING
    annotations = metadata.pop("annotations", None) or {}
    own = {key: text for key, text in annotations.items() if not key.startswith(FOREIGN_ANNOTATIONS)}
    kept = engines.prunable(own)
    return {**copied, "metadata": {**metadata, **({"annotations": kept} if kept else {})}}


def service(value: dict[str, Any], track: dict[str, str]) -> dict[str, Any]:
    """The canary's Service."""
    copied = copy_of(value)
    spec = {key: child for key, child in copied["spec"].items() if key not in SERVICES_OWN}
    if spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        del spec["type"]
    spec["ports"] = [
        {key: child for key, child in port.items() if key != "nodePort"} for port in spec["ports"]
    ]
    spec["selector"] = _replaced(spec["selector"], track)
    return {**copied, "spec": spec}


def exporting(value: dict[str, Any]) -> dict[str, Any]:
    """The canary's ServiceExport or ServiceImport, without the addresses that a controller gives.

    Source: KEP-1645, ServiceImport: `ips`.
    """
    copied = copy_of(value)
    _map_of(copied, "spec").pop("ips", None)
    return copied


def _replaced(labels: dict[str, str], track: dict[str, str]) -> dict[str, str]:
    return {key: track.get(key, text) for key, text in labels.items()}


def deployment(value: dict[str, Any], workload: Workload, pods: Pods, adopted: Adopted) -> dict[str, Any]:
    """The canary's Deployment; without `replicas` where a scaler of its own decides."""
    copied = copy_of(value)
    spec = copied["spec"]
    spec["selector"] = following(spec["selector"], tracks(workload))
    metadata = spec["template"]["metadata"]
    metadata["labels"] = _replaced(metadata["labels"], workload.track)
    pod = spec["template"]["spec"]
    for holder in _label_selectors(pod):
        if selects_stable_alone(holder.get("labelSelector"), tracks(workload)):
            holder["labelSelector"] = following(holder["labelSelector"], tracks(workload))
    for reference in _config_references(pod):
        if reference.get("name") in adopted.per_track:
            reference["name"] += ENDING
    if any(_scales_canary(given.value, workload) for given in adopted.new):
        spec.pop("replicas", None)
    else:
        spec["replicas"] = pods.canary
    return copied


def _label_selectors(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What has a `labelSelector` by which a pod says where it wants to be: by topology, near pods or away from pods."""
    yield from pod.get("topologySpreadConstraints") or ()
    affinity = pod.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        yield from rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        preferred = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        yield from (item.get("podAffinityTerm") or {} for item in preferred)


def _config_references(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every place of a pod that names a ConfigMap."""
    for container in (*(pod.get("initContainers") or ()), *(pod.get("containers") or ())):
        for source in container.get("envFrom") or ():
            yield source.get("configMapRef") or {}
        for variable in container.get("env") or ():
            yield (variable.get("valueFrom") or {}).get("configMapKeyRef") or {}
    for volume in pod.get("volumes") or ():
        yield volume.get("configMap") or {}
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield source.get("configMap") or {}


def config_names(pod: dict[str, Any]) -> set[str]:
    """The names of the ConfigMaps that a pod uses."""
    return {str(reference["name"]) for reference in _config_references(pod) if reference.get("name")}


Released = Sequence[tuple[Workload, Pods]]  # the workloads that have a canary, with their pods
# by the kind and name of a route, and the name of a rule or nothing: what a copy of a policy on that is attached to
Clones = Mapping[tuple[str, str, str], Sequence[dict[str, str]]]


def companion(value: dict[str, Any], released: Released, clones: Clones) -> dict[str, Any] | None:
    """The canary's copy of a scaler, a budget, a policy, a grant or a monitor; None where it needs none.

    `clones` are the rules that the phase adds, by the rule that each is cloned from.
    """
    for workload, pods in released:
        if _scales_canary(value, workload):
            return _scaler(value, workload, pods)
    workloads = [workload for workload, _ in released]
    if value.get("kind") == "NetworkPolicy":
        return companion_policy(value, [tracks(workload) for workload in workloads])
    if grants.is_grant(value):
        return _grant(value, workloads)
    if value.get("kind") in SELECTORS:
        return _selecting(value, released)
    return _policy(value, workloads, clones)


def _grant(value: dict[str, Any], workloads: Sequence[Workload]) -> dict[str, Any] | None:
    """A copy of what lets routes of other namespaces send to stable's Service, where it names that."""
    targets = grants.followed(value, [workload.service for workload in workloads])
    if not targets:
        return None
    copied = copy_of(value)
    return {**copied, "spec": {**copied["spec"], "to": targets}}


def _selecting(value: dict[str, Any], released: Released) -> dict[str, Any] | None:
    """A copy of what selects pods of stable alone."""
    caught = [(tracks(workload), pods.canary) for workload, pods in released]
    caught = [(known, pods) for known, pods in caught if selects_stable_alone(selector_of(value), known)]
    if not caught:
        return None
    copied = copy_of(value)
    copied["spec"]["selector"] = of_canaries(copied["spec"]["selector"], [known for known, _ in caught])
    least = copied["spec"].get("minAvailable")
    if value["kind"] == "PodDisruptionBudget" and isinstance(least, int):
        copied["spec"]["minAvailable"] = min(least, sum(pods for _, pods in caught) - 1)
    return copied


def _scales_canary(value: dict[str, Any], workload: Workload) -> bool:
    """Whether it scales what an autoscaler scales already: one that comes with the new set waits for its promotion."""
    return workload.autoscaling is not None and is_scaler_of(value, workload.names.stable)


def _scaler(value: dict[str, Any], workload: Workload, pods: Pods) -> dict[str, Any]:
    copied = copy_of(value)
    spec = copied["spec"]
    spec["scaleTargetRef"]["name"] = workload.names.canary
    is_built_in = value["kind"] == "HorizontalPodAutoscaler"
    least, most = ("minReplicas", "maxReplicas") if is_built_in else ("minReplicaCount", "maxReplicaCount")
    spec[least] = pods.canary
    spec.pop("idleReplicaCount", None)
    if spec.get(most):
        spec[most] = max(pods.canary, spec[most])
    named = (spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}
    if "name" in named:
        named["name"] += ENDING
    return copied


def companion_policy(value: dict[str, Any], released: Sequence[Tracks]) -> dict[str, Any] | None:
    """The policy for the canary's pods, and with the canary's pods as peers where stable's are.

    Policies add up, so that the copy opens what the original opens, and closes nothing else.
    Source: networking.k8s.io, NetworkPolicy.
    """
    copied = copy_of(value)
    spec = copied["spec"]
    caught = [known for known in released if selects_stable_alone(spec.get("podSelector"), known)]
    has_peers = sum(_follow_peers(peers, released) for peers in _peers(spec)) > 0
    if not caught and not has_peers:
        return None
    if caught:
        follow = of_both if has_peers else of_canaries
        spec["podSelector"] = follow(spec["podSelector"], caught)
    return copied


def _peers(spec: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    for direction, key in (("ingress", "from"), ("egress", "to")):
        for rule in spec.get(direction) or ():
            if rule.get(key):
                yield rule[key]


def _follow_peers(peers: list[dict[str, Any]], released: Sequence[Tracks]) -> int:
    """Put the canary's pods beside stable's; how often there were any."""
    followed = [
        {**peer, "podSelector": of_canaries(peer["podSelector"], [known])}
        for known in released
        for peer in peers
        if selects_stable_alone(peer.get("podSelector"), known)
    ]
    peers += followed
    return len(followed)


def _policy(value: dict[str, Any], workloads: Sequence[Workload], clones: Clones) -> dict[str, Any] | None:
    """A policy that is attached to stable's Service, or to a rule, attached to the canary's, or to the rule's clones.

    Source: GEP-713, policy attachment by `targetRefs`, or by the older `targetRef`.
    """
    spec = value.get("spec")
    if not isinstance(spec, dict):
        return None
    refs = [followed for ref in target_refs(spec) for followed in _followed(ref, workloads, clones)]
    is_list = isinstance(spec.get("targetRefs"), list)
    if not refs or (len(refs) > 1 and not is_list):
        return None
    copied = copy_of(value)
    key = "targetRefs" if is_list else "targetRef"
    return {**copied, "spec": {**copied["spec"], key: refs if is_list else refs[0]}}


def _followed(ref: dict[str, Any], workloads: Sequence[Workload], clones: Clones) -> Iterator[dict[str, Any]]:
    """What a copy of a policy is attached to, for one reference of the original."""
    yield from (
        {**ref, "name": workload.service.names.canary} for workload in workloads if _targets(ref, workload)
    )
    if ref.get("group") == GATEWAY_GROUP:
        kind, route, rule = (str(ref.get(key) or "") for key in ("kind", "name", "sectionName"))
        yield from ({**ref, **clone} for clone in clones.get((kind, route, rule), ()))


def target_refs(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """What a policy is attached to."""
    listed = spec.get("targetRefs")
    refs = listed if isinstance(listed, list) else [spec.get("targetRef")]
    return [ref for ref in refs if isinstance(ref, dict)]


def _targets(ref: dict[str, Any], workload: Workload) -> bool:
    api = (str(ref.get("kind")), str(ref.get("group", "")))
    is_ours = not workload.service.is_pool  # what is attached to the user's pools is the user's
    return is_ours and workload.service.is_named(api, str(ref.get("name")), Side.STABLE)
