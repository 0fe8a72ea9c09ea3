"""Plan and phase → the objects of that phase, as values for the templates.

Each object carries the facts that its rendered document must show, whatever template made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_canary.api.catalog import Target
from kubectl_canary.api.prepare import with_defaults
from kubectl_canary.reading.canaryfile import (
    GATEWAY_GROUP,
    HTTP,
    HTTPS,
    OWN_LABEL,
    OWN_PREFIX,
    Canary,
    Route,
    Service,
    Track,
)
from kubectl_canary.release import overlay, routes
from kubectl_canary.release.plan import Phase, Version
from kubectl_canary.rendering.groups import GROUPS

GATEWAY_API = "gateway.networking.k8s.io/v1"
GOVERNED_ANNOTATION = f"{OWN_PREFIX}governs"
GOVERNED_RULE = "default"
REDIRECT_RULE = "redirect"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


Key = tuple[str, str, str | None, str]


@dataclass(frozen=True)
class Planned:
    """An object to be rendered: its group (`--only`), its template and the template's names, and its facts.

    A route names the release's two Services, which only its planned rules may send to. A Deployment has at least
    `ready` pods. `is_new` says that it is of the new version.
    """

    group: str
    template: str
    api_version: str
    kind: str
    names: dict[str, Any]
    facts: dict[str, Any]
    services: tuple[str, ...] = ()
    ready: int = 0
    is_new: bool = False

    @property
    def slot(self) -> str:
        """Where the object stands in apply order: two digits that are the same in every phase."""
        return f"{GROUPS.index(self.group) + 1}{int(self.names['labels'].get('version') == 'canary')}"

    @property
    def key(self) -> Key:
        """What tells this object from all others in the cluster."""
        return self.api_version, self.kind, self.names["namespace"], self.names["name"]


def planned(canary: Canary, phase: Phase) -> list[Planned]:
    """The objects of a phase in apply order: Services and pods before the route that sends to them.

    On the ways back the route comes first.
    """
    new = canary.canary
    runs = new if phase.stable_version is Version.NEW and new is not None else canary.stable
    tracks = [("stable", runs, phase.stable_replicas)]
    if phase.canary_replicas and new is not None:
        tracks.append(("canary", new, phase.canary_replicas))
    found = [_service(canary, name, track) for name, track, _ in tracks]
    found += [_deployment(canary, *track) for track in tracks]
    found += [scaler for name, _, replicas in tracks for scaler in _scaler(canary, phase, name, replicas)]
    found += [budget for name, _, replicas in tracks for budget in _budget(canary, name, replicas)]
    found += _gateway(canary)
    found += _redirect(canary)
    route = _route(canary, phase)
    return [route, *found] if phase.route_first else [*found, route]


def removed(canary: Canary, start: Phase | None, phase: Phase) -> list[Planned]:
    """What `start` has and `phase` has not, in the order to delete it."""
    if start is None:
        return []
    kept = {one.key for one in planned(canary, phase)}
    return [one for one in reversed(planned(canary, start)) if one.key not in kept]


def _metadata(
    canary: Canary, name: str, labels: dict[str, str], own: Service | Route | None = None
) -> dict[str, Any]:
    """Metadata for the templates; `own` has the labels and annotations of this kind of object alone."""
    return {
        "name": name,
        "namespace": canary.namespace,
        "labels": {**labels, OWN_LABEL: "kubectl-canary", **canary.labels, **(own.labels if own else {})},
        "annotations": {**canary.annotations, **(own.annotations if own else {})},
    }


def _identity(api_version: str, kind: str, names: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": names["name"], "labels": {OWN_LABEL: "kubectl-canary"}}
    if names["namespace"] is not None:
        metadata["namespace"] = names["namespace"]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _service(canary: Canary, name: str, track: Track) -> Planned:
    selector = {"app": canary.name, "version": name}
    ports = _ports(canary.service, track)
    metadata = _metadata(canary, f"{canary.name}-{name}", selector, canary.service)
    names = {**metadata, "selector": selector, "ports": ports}
    facts = {**_identity("v1", "Service", names), "spec": {"selector": selector, "ports": ports}}
    return Planned("services", "service.yaml.j2", "v1", "Service", names, facts)


def _ports(service: Service, track: Track) -> list[dict[str, Any]]:
    main: dict[str, Any] = {
        "name": service.port_name,
        "protocol": "TCP",
        "appProtocol": service.app_protocol,
        "port": service.port,
        "targetPort": service.target_port or track.port,
    }
    more = [
        {key: {"protocol": "TCP", "targetPort": port["port"], **port}.get(key) for key in main}
        for port in service.more
    ]
    return [{key: value for key, value in port.items() if value is not None} for port in (main, *more)]


def _deployment(canary: Canary, name: str, track: Track, replicas: int) -> Planned:
    selector = {"app": canary.name, "version": name}
    container = _container(track)
    is_external = canary.is_scaled_by_others and name == "stable"
    printed = None if canary.autoscaling is not None or is_external else replicas
    names = {
        **_metadata(canary, f"{canary.name}-{name}", selector),
        "replicas": printed,
        "selector": selector,
        "pod_labels": {**selector, **track.pod_labels},
        "pod_annotations": dict(track.pod_annotations),
        "containers": [container, *track.pod.get("containers", [])],
        "pod": {key: value for key, value in track.pod.items() if key != "containers"},
        "deployment": canary.deployment,
    }
    main = {key: container[key] for key in ("name", "image", "ports") if key in container}
    facts = {
        **_identity("apps/v1", "Deployment", names),
        "spec": {
            **canary.deployment,
            **({"replicas": printed} if printed is not None else {}),
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": selector}, "spec": {"containers": [main]}},
        },
    }
    ready = 1 if is_external else _minimum(canary, name, replicas)
    is_new = track is canary.canary
    return Planned(
        "workloads", "deployment.yaml.j2", "apps/v1", "Deployment", names, facts, ready=ready, is_new=is_new
    )


def _minimum(canary: Canary, name: str, replicas: int) -> int:
    """The fewest pods that a track has: of stable what its autoscaler keeps, of the canary what the phase needs."""
    if canary.autoscaling is None or name == "canary":
        return replicas
    return int(canary.autoscaling.get("minReplicas", 1))


def _scaler(canary: Canary, phase: Phase, name: str, replicas: int) -> Iterator[Planned]:
    """The track's own autoscaler; stable's takes no pods away while a way back needs them."""
    own = canary.autoscaling
    if own is None:
        return
    least = _minimum(canary, name, replicas)
    behavior = dict(own.get("behavior") or {})
    if name == "stable" and phase.holds_stable:
        behavior["scaleDown"] = {**(behavior.get("scaleDown") or {}), "selectPolicy": "Disabled"}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{canary.name}-{name}"}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": max(least, own["maxReplicas"])}
    spec |= {"metrics": own["metrics"]} if "metrics" in own else {}
    spec |= {"behavior": behavior} if behavior else {}
    yield _of_track(
        canary, name, "horizontalpodautoscaler", ("autoscaling/v2", "HorizontalPodAutoscaler"), spec
    )


def _budget(canary: Canary, name: str, replicas: int) -> Iterator[Planned]:
    """The track's own disruption budget; the canary's is one that its pods can keep."""
    own = canary.disruption_budget
    if own is None:
        return
    least = own.get("minAvailable")
    kept = {"minAvailable": min(least, replicas - 1)} if name == "canary" and isinstance(least, int) else {}
    selector = {"matchLabels": {"app": canary.name, "version": name}}
    spec = {**own, **kept, "selector": selector}
    yield _of_track(canary, name, "poddisruptionbudget", ("policy/v1", "PodDisruptionBudget"), spec)


def _of_track(
    canary: Canary, name: str, template: str, api: tuple[str, str], spec: dict[str, Any]
) -> Planned:
    """An object that belongs to a track's Deployment and is its spec alone."""
    labels = {"app": canary.name, "version": name}
    names = {**_metadata(canary, f"{canary.name}-{name}", labels), "spec": spec}
    facts = {**_identity(*api, names), "spec": spec}
    return Planned("workloads", f"{template}.yaml.j2", *api, names, facts)


def pod_template(canary: Canary, track: Track) -> dict[str, Any]:
    """The template of stable's pods where they run a version."""
    names = _deployment(canary, "stable", track, 1).names
    metadata = {"labels": names["pod_labels"], "annotations": names["pod_annotations"]}
    return {"metadata": metadata, "spec": {"containers": names["containers"], **names["pod"]}}


def port_is_added(container: dict[str, Any]) -> bool:
    """Whether the short form `port` becomes the first of the container's ports: it may be among them already."""
    port = container.get("port")
    return port is not None and all(one.get("containerPort") != port for one in container.get("ports", []))


def _container(track: Track) -> dict[str, Any]:
    """The application's container: the user's fields, and `port` as the first of `ports`."""
    own = dict(track.container)
    port = own.pop("port", None)
    ports = own.pop("ports", [])
    if port_is_added(track.container):
        ports = [{"containerPort": port, "protocol": "TCP"}, *ports]
    container = {"name": own.pop("name", "app"), "image": track.image, **({"ports": ports} if ports else {})}
    return {**container, **own}


def _gateway(canary: Canary) -> Iterator[Planned]:
    gateway = canary.route.gateway
    if gateway.class_name is None:
        return
    namespace = gateway.namespace or canary.namespace
    names = {**_metadata(canary, gateway.name, {"app": canary.name}), "namespace": namespace}
    names["class_name"] = gateway.class_name
    names["listeners"] = _listeners(canary)
    facts = {
        **_identity(GATEWAY_API, "Gateway", names),
        "spec": {"gatewayClassName": gateway.class_name, "listeners": names["listeners"]},
    }
    yield Planned("gateway", "gateway.yaml.j2", GATEWAY_API, "Gateway", names, facts)


def _listeners(canary: Canary) -> list[dict[str, Any]]:
    gateway = canary.route.gateway
    tls = {"mode": "Terminate", "certificateRefs": [{"name": gateway.tls}]}
    known: dict[str, dict[str, Any]] = {
        HTTP: {"name": HTTP, "protocol": "HTTP", "port": 80},
        HTTPS: {"name": HTTPS, "protocol": "HTTPS", "port": 443, "tls": tls},
    }
    listeners = [known[name] for name in gateway.listeners]
    if gateway.namespace not in (None, canary.namespace):
        selector = {"matchLabels": {NAMESPACE_LABEL: canary.namespace}}
        listeners = [
            {**one, "allowedRoutes": {"namespaces": {"from": "Selector", "selector": selector}}}
            for one in listeners
        ]
    spec: list[dict[str, Any]] = _defaulted(canary.target, "Gateway", {"listeners": listeners})["listeners"]
    return spec


def _redirect(canary: Canary) -> Iterator[Planned]:
    """The route that leads from http to https: of the Gateway's group, the same in every phase, without backends."""
    gateway = canary.route.gateway
    if not gateway.redirect:
        return
    parent = {"name": gateway.name, "namespace": gateway.namespace, "sectionName": HTTP}
    to_https = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    rule = {"name": REDIRECT_RULE, "matches": [routes.ANY_PATH], "filters": [to_https]}
    if not canary.target.has(GATEWAY_API, "HTTPRoute", "spec", "rules", "name"):
        del rule["name"]
    hostnames = {"hostnames": list(canary.route.hostnames)} if canary.route.hostnames else {}
    spec = _defaulted(
        canary.target, "HTTPRoute", {"parentRefs": [_parent(canary, parent)], **hostnames, "rules": [rule]}
    )
    names = _metadata(canary, f"{canary.route.name}-redirect", {"app": canary.name})
    yield _http_route("gateway", canary, names, spec)


def _http_route(group: str, canary: Canary, names: dict[str, Any], spec: dict[str, Any]) -> Planned:
    names |= {"hostnames": spec.get("hostnames"), "parents": spec["parentRefs"], "rules": spec["rules"]}
    facts = {**_identity(GATEWAY_API, "HTTPRoute", names), "spec": spec}
    services = (canary.stable_name, canary.canary_name)
    return Planned(group, "httproute.yaml.j2", GATEWAY_API, "HTTPRoute", names, facts, services)


def _route(canary: Canary, phase: Phase) -> Planned:
    names = _metadata(canary, canary.route.name, {"app": canary.name}, canary.route)
    # in every phase, so that a patch that adds the phase finds a map to add it to
    names["annotations"][GOVERNED_ANNOTATION] = GOVERNED_RULE
    defaulted = _defaulted(canary.target, "HTTPRoute", _route_spec(canary))
    metadata = {"name": canary.route.name, "annotations": names["annotations"]}
    made, _ = overlay.route({"metadata": metadata, "spec": defaulted}, canary, phase)
    names["annotations"] = made["metadata"]["annotations"]
    return _http_route("route", canary, names, made["spec"])


def _route_spec(canary: Canary) -> dict[str, Any]:
    """The route as it is before the release."""
    spec: dict[str, Any] = {"parentRefs": _parents(canary)}
    if canary.route.hostnames:
        spec["hostnames"] = list(canary.route.hostnames)
    return {**spec, "rules": [_governed_rule(canary)]}


def _parents(canary: Canary) -> list[dict[str, Any]]:
    gateway = canary.route.gateway
    own = {"name": gateway.name, "namespace": gateway.namespace, "sectionName": gateway.listener}
    return [_parent(canary, parent) for parent in (own, *canary.route.parents)]


def _parent(canary: Canary, given: dict[str, Any]) -> dict[str, Any]:
    parent = {"group": GATEWAY_GROUP, "kind": "Gateway", **given}
    if parent.get("namespace") == canary.namespace:
        parent["namespace"] = None
    order = ("group", "kind", "name", "namespace", "sectionName", "port")
    return {key: parent[key] for key in order if parent.get(key) is not None}


def _governed_rule(canary: Canary) -> routes.Rule:
    backend = {
        "group": "",
        "kind": "Service",
        "name": canary.stable_name,
        "port": canary.service.port,
        "weight": routes.ALONE,
    }
    own = canary.route.rule
    matches = [match if "path" in match else {**routes.ANY_PATH, **match} for match in own.get("matches", [])]
    rest: dict[str, Any] = {key: field for key, field in own.items() if key != "matches"}
    named = canary.target.has(GATEWAY_API, "HTTPRoute", "spec", "rules", "name")
    name = {"name": GOVERNED_RULE} if named else {}
    return {**name, "matches": matches or [routes.ANY_PATH], **rest, "backendRefs": [backend]}


def _defaulted(target: Target, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A Gateway API spec with the API's defaults written out, so that GitOps tools see no drift."""
    found = target.find(GATEWAY_API, kind)
    if found is None:
        raise KeyError(kind)
    defaulted: dict[str, Any] = with_defaults(spec, found.schema["properties"]["spec"])
    return defaulted
