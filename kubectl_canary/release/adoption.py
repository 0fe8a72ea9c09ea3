"""The user's own manifests in a phase: what runs stays as it is, the canary's are copies of the new."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from kubectl_canary.api.equality import same
from kubectl_canary.release import overlay, workloads
from kubectl_canary.release.application import Adopted, Application, Given, Side, Version, Workload
from kubectl_canary.release.documents import Document, Key, Part, Written
from kubectl_canary.release.groups import OTHERS
from kubectl_canary.release.plan import AS_BEFORE, PROMOTION, Phase, PhaseKind, Plan, Pods

ENDING = "-canary"
DEPLOYMENT = ("apps/v1", "Deployment")
SERVICE = ("v1", "Service")
CONFIG_MAP = ("v1", "ConfigMap")
SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
# where a kind says which pods it is about: copies for the canary select by its labels
SELECTORS = {
    "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
    "NetworkPolicy": ("spec", "podSelector", "matchLabels"),
    "PodMonitor": ("spec", "selector", "matchLabels"),
}
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
)


def key_of(value: dict[str, Any], namespace: str | None) -> Key:
    """What tells a document from all others; without a namespace it is in the release's."""
    metadata = value.get("metadata") or {}
    return (
        str(value.get("apiVersion")),
        str(value.get("kind")),
        metadata.get("namespace", namespace),
        str(metadata.get("name")),
    )


def documents(application: Application, phase: Phase) -> list[Document]:
    """Every object of a phase: the user's, and what the canary needs.

    Before and after the release they stand as the user has them, else in apply order, on ways back the route first.
    """
    adopted = application.adopted
    if adopted is None:
        return []
    given = adopted.new if phase.kind is PhaseKind.PROMOTED else adopted.stable
    listed = [_in_phase(application, adopted, document, phase) for document in given]
    if phase.canary_replicas:
        listed += _of_new_pods(application, adopted)
        listed += _of_canary(application, adopted, phase)
    if phase.kind in (PhaseKind.BEFORE, PhaseKind.PROMOTED):
        return listed
    listed.sort(key=lambda document: document.part.slot)
    return sorted(listed, key=lambda document: not document.part.is_route) if phase.is_way_back else listed


def touched(plan: Plan) -> set[Key]:
    """The objects that a release makes, or changes in any phase; all others of the user's stay as they are."""
    application, adopted = plan.application, plan.application.adopted
    if adopted is None or not application.has_release:
        return set()
    old, new = (_by_key(application, given) for given in (adopted.stable, adopted.new))
    changing = {key for key in (*old, *new) if not same(old.get(key), new.get(key))}
    full = documents(application, plan.full)
    return changing | {document.part.key for document in full if _is_touched(document)}


def printed(plan: Plan, phase: Phase) -> set[Key] | None:
    """The objects that a stream of a phase has: what changes and what is new; None where it is all of them.

    Up to promotion what is as the user wrote it stays out of it, but for the route and scalers, which a step back
    finds changed.
    """
    application = plan.application
    if application.adopted is None or phase.kind in (PhaseKind.BEFORE, PhaseKind.PROMOTED):
        return None
    if phase.is_way_back or phase.kind in PROMOTION:
        return touched(plan)
    untouched = {
        document.part.key
        for document in documents(application, phase)
        if _is_as_given(document) and _is_stables(application, document)
    }
    return touched(plan) - untouched


def _is_stables(application: Application, document: Document) -> bool:
    """Whether it is stable's alone, and as it is in every phase up to promotion."""
    given = application.adopted.stable if application.adopted else ()
    is_old = any(document.value is known.value for known in given)
    return is_old and not document.part.is_route and not _scales(application, document.value)


def _is_as_given(document: Document) -> bool:
    return isinstance(document, Written) and document.value is document.origin


def _is_touched(document: Document) -> bool:
    return document.part.group != OTHERS or not _is_as_given(document)


def _by_key(application: Application, given: Iterable[Given]) -> dict[Key, dict[str, Any]]:
    return {key_of(document.value, application.namespace): document.value for document in given}


def _group(application: Application, key: Key) -> str:
    """The group that a document of the user's belongs to, by what the release does with it."""
    api, name = key[:2], key[3]
    if api == SERVICE and name in {service.names.stable for service in application.services}:
        return "services"
    if api == DEPLOYMENT and name in {workload.names.stable for workload in application.workloads}:
        return "workloads"
    is_route = key[1] == "HTTPRoute" and name in {governed.route for governed in application.governed}
    return "route" if is_route else OTHERS


def _named(given: tuple[Given, ...], api_version: str, kind: str, name: str) -> Given:
    """The document of a kind and a name."""
    for document in given:
        value = document.value
        if (value["apiVersion"], value["kind"], value["metadata"]["name"]) == (api_version, kind, name):
            return document
    raise KeyError(f"{kind} {name}")


# --- the user's own ---------------------------------------------------------------


def _in_phase(application: Application, adopted: Adopted, given: Given, phase: Phase) -> Document:
    """A document of the user's as it is in a phase: the same text wherever nothing is laid over it."""
    key = key_of(given.value, application.namespace)
    group = _group(application, key)
    if group == "route" and phase.traffic != AS_BEFORE:
        value, _ = overlay.route(given.value, application, phase)
        return _written(application, value, given, group)
    if group == "workloads":
        return _stable(application, adopted, given, phase)
    if key[1:2] == CONFIG_MAP[1:] and key[3] in adopted.per_track and phase.stable_version is Version.NEW:
        given = _named(adopted.new, *CONFIG_MAP, key[3])
    if phase.holds_stable and _scales(application, given.value):
        return _written(application, _holding(given.value), given, group)
    return _written(application, given.value, given, group, side=Side.STABLE if group == "services" else None)


def _stable(application: Application, adopted: Adopted, given: Given, phase: Phase) -> Document:
    number, workload = next(
        (number, workload)
        for number, workload in enumerate(application.workloads)
        if workload.names.stable == given.value["metadata"]["name"]
    )
    is_new = phase.stable_version is Version.NEW and workload.new is not None
    if is_new:
        given = _named(adopted.new, *DEPLOYMENT, workload.names.stable)
    ready = workloads.ready(workload, phase.pods[number], Side.STABLE)
    part = _part(application, given.value, "workloads", Side.STABLE, ready=ready, is_new=is_new)
    return Written(part, given.value, given.text, given.value)


def _written(
    application: Application, value: dict[str, Any], given: Given, group: str, side: Side | None = None
) -> Document:
    text = given.text if value is given.value else ""
    return Written(_part(application, value, group, side), value, text, given.value)


def _part(
    application: Application,
    value: dict[str, Any],
    group: str,
    side: Side | None = None,
    *,
    ready: int = 0,
    is_new: bool = False,
) -> Part:
    return Part(group, *key_of(value, application.namespace), side=side, ready=ready, is_new=is_new)


def _scales(application: Application, value: dict[str, Any]) -> bool:
    return any(_is_scaler_of(value, workload) for workload in application.workloads)


def _holding(scaler: dict[str, Any]) -> dict[str, Any]:
    """The scaler without the right to take pods away, which a way back needs."""
    if scaler["kind"] != "HorizontalPodAutoscaler":
        return scaler
    behavior = dict(scaler["spec"].get("behavior") or {})
    behavior["scaleDown"] = {**(behavior.get("scaleDown") or {}), "selectPolicy": "Disabled"}
    return {**scaler, "spec": {**scaler["spec"], "behavior": behavior}}


# --- the canary's -----------------------------------------------------------------


def _of_new_pods(application: Application, adopted: Adopted) -> Iterator[Document]:
    """What is there in the new set alone: the new pods need it, and it stays."""
    old = _by_key(application, adopted.stable)
    for given in adopted.new:
        if key_of(given.value, application.namespace) not in old:
            yield _written(application, given.value, given, "workloads")


def _of_canary(application: Application, adopted: Adopted, phase: Phase) -> Iterator[Document]:
    """The canary's objects: Services, configuration, Deployments, and copies of what looks after stable's pods."""
    for workload, pods in zip(application.workloads, phase.pods, strict=True):
        if workload.new is None or not pods.canary:
            continue
        service = _named(adopted.new, *SERVICE, workload.service.names.stable)
        value = _service(service.value, workload, adopted.track)
        yield _copied(application, value, service, "services")
        for name in adopted.per_track:
            config = _named(adopted.new, *CONFIG_MAP, name)
            yield _copied(application, _renamed(config.value, name + ENDING), config, "workloads")
        deployment = _named(adopted.new, *DEPLOYMENT, workload.names.stable)
        value = _deployment(deployment.value, workload, pods, adopted)
        ready = workloads.ready(workload, pods, Side.CANARY)
        yield _copied(application, value, deployment, "workloads", ready=ready)
    for workload, role, given in _companions(application, adopted):
        pods = phase.pods[application.workloads.index(workload)]
        if workload.new is not None and pods.canary:
            yield _copied(application, _companion(given, workload, role, pods, adopted), given, "workloads")


def _copied(
    application: Application, value: dict[str, Any], given: Given, group: str, ready: int = 0
) -> Document:
    part = _part(application, value, group, Side.CANARY, ready=ready, is_new=True)
    return Written(part, value, "", given.value)


def _companions(application: Application, adopted: Adopted) -> Iterator[tuple[Workload, str, Given]]:
    """What looks after a workload's pods by its name or its labels, and would not look after the canary's."""
    for given in adopted.new:
        for workload in application.workloads:
            if _is_scaler_of(given.value, workload):
                yield workload, "scaler", given
            elif _selects_stable_alone(given.value, workload, adopted.track):
                yield workload, "selector", given


def _is_scaler_of(value: dict[str, Any], workload: Workload) -> bool:
    target = (value.get("spec") or {}).get("scaleTargetRef") or {}
    return (
        value.get("kind") in SCALERS
        and target.get("kind", "Deployment") == "Deployment"
        and target.get("name") == workload.names.stable
    )


def _selects_stable_alone(value: dict[str, Any], workload: Workload, track: dict[str, str]) -> bool:
    labels = _at(value, SELECTORS.get(str(value.get("kind")), ()))
    pods = workload.old.pod_labels
    return (
        bool(labels)
        and all(pods.get(key) == text for key, text in labels.items())
        and bool(track.keys() & labels.keys())
    )


def _at(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if not path:
        return {}
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _canary_name(given: Given) -> str:
    return f"{given.value['metadata']['name']}{ENDING}"


def _companion(given: Given, workload: Workload, role: str, pods: Pods, adopted: Adopted) -> dict[str, Any]:
    """The canary's copy of a scaler, a disruption budget, a network policy or a monitor."""
    value = _renamed(given.value, _canary_name(given))
    if role == "scaler":
        return _scaler(value, workload, pods)
    path = SELECTORS[value["kind"]]
    _replace(_at(value, path), adopted.track)
    least = value["spec"].get("minAvailable")
    if value["kind"] == "PodDisruptionBudget" and isinstance(least, int):
        value["spec"]["minAvailable"] = min(least, pods.canary - 1)
    return value


def _scaler(value: dict[str, Any], workload: Workload, pods: Pods) -> dict[str, Any]:
    least, most = (
        ("minReplicas", "maxReplicas")
        if value["kind"] == "HorizontalPodAutoscaler"
        else ("minReplicaCount", "maxReplicaCount")
    )
    spec = value["spec"]
    spec["scaleTargetRef"]["name"] = workload.names.canary
    spec[least] = pods.canary
    if most in spec:
        spec[most] = max(pods.canary, spec[most])
    return value


def _renamed(value: dict[str, Any], name: str) -> dict[str, Any]:
    """A copy under another name, without status and without what belongs to the original alone."""
    renamed = copy.deepcopy({key: child for key, child in value.items() if key != "status"})
    metadata = renamed["metadata"]
    metadata["name"] = name
    annotations = {
        key: text
        for key, text in (metadata.pop("annotations", None) or {}).items()
        if not key.startswith(FOREIGN_ANNOTATIONS)
    }
    return {**renamed, "metadata": {**metadata, **({"annotations": annotations} if annotations else {})}}


def _replace(labels: dict[str, Any], track: dict[str, str]) -> None:
    labels.update({key: text for key, text in track.items() if key in labels})


def _service(value: dict[str, Any], workload: Workload, track: dict[str, str]) -> dict[str, Any]:
    service = _renamed(value, workload.service.names.canary)
    spec = {key: child for key, child in service["spec"].items() if key not in SERVICES_OWN}
    if spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        del spec["type"]
    spec["ports"] = [
        {key: child for key, child in port.items() if key != "nodePort"} for port in spec["ports"]
    ]
    _replace(spec["selector"], track)
    return {**service, "spec": spec}


def _deployment(value: dict[str, Any], workload: Workload, pods: Pods, adopted: Adopted) -> dict[str, Any]:
    deployment = _renamed(value, workload.names.canary)
    spec = deployment["spec"]
    _replace(spec["selector"]["matchLabels"], adopted.track)
    _replace(spec["template"]["metadata"]["labels"], adopted.track)
    pod = spec["template"]["spec"]
    stable_labels = value["spec"]["template"]["metadata"]["labels"]
    for selector in _pod_selectors(pod):
        labels = selector.get("matchLabels") or {}
        for key, text in adopted.track.items():
            if labels.get(key) == stable_labels.get(key) is not None:
                labels[key] = text
    for reference in _config_references(pod):
        if reference.get("name") in adopted.per_track:
            reference["name"] += ENDING
    if workload.autoscaling is None:
        spec["replicas"] = pods.canary
    else:
        spec.pop("replicas", None)
    return deployment


def _pod_selectors(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Selectors by which a pod says where it wants to be: by topology, near pods or away from pods."""
    yield from (spread.get("labelSelector") or {} for spread in pod.get("topologySpreadConstraints") or ())
    affinity = pod.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        preferred = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [item.get("podAffinityTerm") or {} for item in preferred]
        yield from (term.get("labelSelector") or {} for term in terms)


def _config_references(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every place of a pod that names a ConfigMap."""
    for container in (*(pod.get("initContainers") or ()), *(pod.get("containers") or ())):
        yield from (
            source["configMapRef"] for source in container.get("envFrom") or () if "configMapRef" in source
        )
        for variable in container.get("env") or ():
            reference = (variable.get("valueFrom") or {}).get("configMapKeyRef")
            if reference is not None:
                yield reference
    for volume in pod.get("volumes") or ():
        if "configMap" in volume:
            yield volume["configMap"]
        for source in (volume.get("projected") or {}).get("sources") or ():
            if "configMap" in source:
                yield source["configMap"]


def config_names(pod: dict[str, Any]) -> set[str]:
    """The names of the ConfigMaps that a pod uses."""
    return {str(reference.get("name")) for reference in _config_references(pod)}
