"""Plan and phase → the objects of that phase, as values for the templates.

Each object carries the facts that its rendered document must show, whatever template made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_canary import overlay, routes
from kubectl_canary.admission.catalog import Target
from kubectl_canary.admission.prepare import with_defaults
from kubectl_canary.canaryfile import OWN_LABEL, OWN_PREFIX, Canary, Track
from kubectl_canary.groups import GROUPS
from kubectl_canary.plan import Phase, Version

GATEWAY_API = "gateway.networking.k8s.io/v1"
GATEWAY_GROUP = "gateway.networking.k8s.io"
GOVERNED_ANNOTATION = f"{OWN_PREFIX}governs"
GOVERNED_RULE = "default"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


Key = tuple[str, str, str | None, str]


@dataclass(frozen=True)
class Planned:
    """An object to be rendered: its group (`--only`), its template and the template's names, and its facts.

    A route names the release's two Services, which only its planned rules may send to.
    """

    group: str
    template: str
    api_version: str
    kind: str
    names: dict[str, Any]
    facts: dict[str, Any]
    services: tuple[str, ...] = ()

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
    found += _gateway(canary)
    route = _route(canary, phase)
    return [route, *found] if phase.route_first else [*found, route]


def removed(canary: Canary, start: Phase | None, phase: Phase) -> list[Planned]:
    """What `start` has and `phase` has not, in the order to delete it."""
    if start is None:
        return []
    kept = {one.key for one in planned(canary, phase)}
    return [one for one in reversed(planned(canary, start)) if one.key not in kept]


def _metadata(canary: Canary, name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": canary.namespace,
        "labels": {**labels, OWN_LABEL: "kubectl-canary", **canary.labels},
        "annotations": dict(canary.annotations),
    }


def _identity(api_version: str, kind: str, names: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": names["name"], "labels": {OWN_LABEL: "kubectl-canary"}}
    if names["namespace"] is not None:
        metadata["namespace"] = names["namespace"]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _service(canary: Canary, name: str, track: Track) -> Planned:
    selector = {"app": canary.name, "version": name}
    port: dict[str, Any] = {
        "name": canary.service.port_name,
        "protocol": "TCP",
        "appProtocol": canary.service.app_protocol,
        "port": canary.service.port,
        "targetPort": canary.service.target_port or track.port,
    }
    ports = [{key: value for key, value in port.items() if value is not None}]
    names = {**_metadata(canary, f"{canary.name}-{name}", selector), "selector": selector, "ports": ports}
    facts = {**_identity("v1", "Service", names), "spec": {"selector": selector, "ports": ports}}
    return Planned("services", "service.yaml.j2", "v1", "Service", names, facts)


def _deployment(canary: Canary, name: str, track: Track, replicas: int) -> Planned:
    selector = {"app": canary.name, "version": name}
    container = _container(track)
    names = {
        **_metadata(canary, f"{canary.name}-{name}", selector),
        "replicas": replicas,
        "selector": selector,
        "pod_labels": {**selector, **track.pod_labels},
        "pod_annotations": dict(track.pod_annotations),
        "containers": [container, *track.pod.get("containers", [])],
        "pod": {key: value for key, value in track.pod.items() if key != "containers"},
    }
    main = {key: container[key] for key in ("name", "image", "ports") if key in container}
    facts = {
        **_identity("apps/v1", "Deployment", names),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": selector}, "spec": {"containers": [main]}},
        },
    }
    return Planned("workloads", "deployment.yaml.j2", "apps/v1", "Deployment", names, facts)


def _container(track: Track) -> dict[str, Any]:
    """The application's container: the user's fields, and `port` as the first of `ports`."""
    own = dict(track.container)
    port = own.pop("port", None)
    ports = own.pop("ports", [])
    if port is not None and all(one.get("containerPort") != port for one in ports):
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
    listeners: list[dict[str, Any]] = [{"name": "http", "protocol": "HTTP", "port": 80}]
    if gateway.tls:
        tls = {"mode": "Terminate", "certificateRefs": [{"name": gateway.tls}]}
        listeners.append({"name": "https", "protocol": "HTTPS", "port": 443, "tls": tls})
    if gateway.namespace not in (None, canary.namespace):
        selector = {"matchLabels": {NAMESPACE_LABEL: canary.namespace}}
        listeners = [
            {**one, "allowedRoutes": {"namespaces": {"from": "Selector", "selector": selector}}}
            for one in listeners
        ]
    spec: list[dict[str, Any]] = _defaulted(canary.target, "Gateway", {"listeners": listeners})["listeners"]
    return spec


def _route(canary: Canary, phase: Phase) -> Planned:
    names = _metadata(canary, canary.route.name, {"app": canary.name})
    # in every phase, so that a patch that adds the phase finds a map to add it to
    names["annotations"][GOVERNED_ANNOTATION] = GOVERNED_RULE
    defaulted = _defaulted(canary.target, "HTTPRoute", _route_spec(canary))
    metadata = {"name": canary.route.name, "annotations": names["annotations"]}
    made, _ = overlay.route({"metadata": metadata, "spec": defaulted}, canary, phase)
    spec = made["spec"]
    names |= {"annotations": made["metadata"]["annotations"], "hostnames": spec.get("hostnames")}
    names |= {"parents": spec["parentRefs"], "rules": spec["rules"]}
    facts = {**_identity(GATEWAY_API, "HTTPRoute", names), "spec": spec}
    services = (canary.stable_name, canary.canary_name)
    return Planned("route", "httproute.yaml.j2", GATEWAY_API, "HTTPRoute", names, facts, services)


def _route_spec(canary: Canary) -> dict[str, Any]:
    """The route as it is before the release."""
    gateway = canary.route.gateway
    parent = {"group": GATEWAY_GROUP, "kind": "Gateway", "name": gateway.name}
    if gateway.namespace not in (None, canary.namespace):
        parent["namespace"] = gateway.namespace
    if gateway.listener is not None:
        parent["sectionName"] = gateway.listener
    spec: dict[str, Any] = {"parentRefs": [parent]}
    if canary.route.hostnames:
        spec["hostnames"] = list(canary.route.hostnames)
    return {**spec, "rules": [_governed_rule(canary)]}


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
    rest: dict[str, Any] = {key: own[key] for key in ("filters", "timeouts") if key in own}
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
