"""Application and phase → the objects of that phase, as values for the templates.

Each object carries the facts that its rendered document must show, whatever template made it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api.catalog import Target
from kubectl_canary.api.prepare import with_defaults
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release import engines, overlay, routes, workloads
from kubectl_canary.release.application import (
    GATEWAY_API,
    GATEWAY_GROUP,
    HTTP,
    HTTPS,
    OWN_LABEL,
    OWN_PREFIX,
    OWNER,
    Application,
    Configuration,
    Engine,
    Route,
    Service,
    Side,
    Workload,
)
from kubectl_canary.release.documents import Document, Part, in_removal_order, is_kept
from kubectl_canary.release.plan import Phase, Pods

GOVERNED_ANNOTATION = f"{OWN_PREFIX}governs"
GOVERNED_RULE = "default"
REDIRECT_RULE = "redirect"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Planned:
    """An object to be rendered: what it is to the release, its template and the template's names, and its facts.

    A route names the release's Services and receivers, which only its planned rules may send to.
    """

    part: Part
    template: str
    names: dict[str, Any]
    facts: dict[str, Any]
    services: tuple[str, ...] = ()


@dataclass(frozen=True)
class Running:
    """A side of a workload in a phase: what it runs, and how many pods the workload has."""

    workload: Workload
    side: Side
    configuration: Configuration
    pods: Pods


def _running(application: Application, phase: Phase) -> Iterator[Running]:
    """The sides of each workload that are there in a phase, stable first."""
    for workload, pods in zip(application.workloads, phase.pods, strict=True):
        yield Running(workload, Side.STABLE, workload.runs(phase.stable_version), pods)
        if pods.canary and workload.new is not None:
            yield Running(workload, Side.CANARY, workload.new, pods)


def planned(application: Application, phase: Phase) -> Sequence[Planned | Document]:
    """The objects of a phase in apply order: Services and pods before the route that sends to them.

    On the ways back the route comes first. What is adopted from the user's manifests is a document already.
    """
    if application.adopted is not None:
        from kubectl_canary.release import adoption

        return adoption.documents(application, phase)
    items = _rendered(application, phase)
    return [_for_argo_cd(item) for item in items] if application.gitops.engine is Engine.ARGOCD else items


def _for_argo_cd(item: Planned) -> Planned:
    """The object with what Argo CD needs on what only the canary has."""
    if item.part.side is not Side.CANARY:
        return item
    names = engines.pruned_last(item.names)
    shown = {engines.OPTIONS: names["annotations"][engines.OPTIONS]}
    metadata = {**item.facts["metadata"], "annotations": shown}
    return replace(item, names=names, facts={**item.facts, "metadata": metadata})


def _rendered(application: Application, phase: Phase) -> list[Planned]:
    sides = list(_running(application, phase))
    objects = [_service(application, running) for running in sides]
    objects += [_deployment(application, running) for running in sides]
    objects += [scaler for running in sides for scaler in _scaler(application, phase, running)]
    objects += [budget for running in sides for budget in _budget(application, running)]
    objects += _gateway(application)
    objects += _redirect(application)
    route = _route(application, phase)
    return [route, *objects] if phase.is_way_back else [*objects, route]


def removed(application: Application, start: Phase | None, phase: Phase) -> list[Planned | Document]:
    """What `start` has and `phase` has not, in the order to delete it."""
    if start is None:
        return []
    kept = {item.part.key for item in planned(application, phase)}
    items = {
        item.part.key: item
        for item in planned(application, start)
        if item.part.key not in kept and not (isinstance(item, Document) and is_kept(item))
    }
    return [items[part.key] for part in in_removal_order(item.part for item in items.values())]


def _metadata(
    application: Application, name: str, labels: dict[str, str], special: Service | Route | None = None
) -> dict[str, Any]:
    """Metadata for the templates; `own` has the labels and annotations of this kind of object alone."""
    more = special.labels if special else {}
    return {
        "name": name,
        "namespace": application.namespace,
        "labels": {**labels, OWN_LABEL: OWNER, **application.labels, **more},
        "annotations": {**application.annotations, **(special.annotations if special else {})},
    }


def _identity(api_version: str, kind: str, names: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": names["name"], "labels": {OWN_LABEL: OWNER}}
    if names["namespace"] is not None:
        metadata["namespace"] = names["namespace"]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _planned(
    group: str, api: tuple[str, str], names: dict[str, Any], spec: dict[str, Any], **more: Any
) -> Planned:
    """An object of a kind, with the template of that kind; `more` is what it is to the release."""
    part = Part(group, *api, names["namespace"], names["name"], **more)
    return Planned(part, f"{api[1].lower()}.yaml.j2", names, {**_identity(*api, names), "spec": spec})


def _service(application: Application, running: Running) -> Planned:
    workload, side = running.workload, running.side
    service, selector = workload.service, workload.selectors.of(side)
    ports = workloads.service_ports(service, running.configuration)
    metadata = _metadata(application, service.names.of(side), selector, service)
    names = {**metadata, "selector": selector, "ports": ports}
    return _planned("services", ("v1", "Service"), names, {"selector": selector, "ports": ports}, side=side)


def _deployment(application: Application, running: Running) -> Planned:
    workload, side, pods = running.workload, running.side, running.pods
    selector, replicas = workload.selectors.of(side), workloads.replicas(workload, pods, side)
    template = workloads.pod_template(workload, side, running.configuration)
    containers = template["spec"]["containers"]
    names = {
        **_metadata(application, workload.names.of(side), selector),
        "replicas": replicas,
        "selector": selector,
        "pod_labels": template["metadata"]["labels"],
        "pod_annotations": template["metadata"]["annotations"],
        "containers": containers,
        "pod": {key: value for key, value in template["spec"].items() if key != "containers"},
        "deployment": workload.deployment,
    }
    main = {key: containers[0][key] for key in ("name", "image", "ports") if key in containers[0]}
    spec = {
        **workload.deployment,
        **({"replicas": replicas} if replicas is not None else {}),
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": selector}, "spec": {"containers": [main]}},
    }
    ready, is_new = workloads.ready(workload, pods, side), running.configuration is workload.new
    api = ("apps/v1", "Deployment")
    return _planned("workloads", api, names, spec, side=side, ready=ready, is_new=is_new)


def _scaler(application: Application, phase: Phase, running: Running) -> Iterator[Planned]:
    spec = workloads.scaler_spec(running.workload, running.pods, running.side, phase.holds_stable)
    if spec is not None:
        yield _of_side(application, running, ("autoscaling/v2", "HorizontalPodAutoscaler"), spec)


def _budget(application: Application, running: Running) -> Iterator[Planned]:
    spec = workloads.budget_spec(running.workload, running.pods, running.side)
    if spec is not None:
        yield _of_side(application, running, ("policy/v1", "PodDisruptionBudget"), spec)


def _of_side(
    application: Application, running: Running, api: tuple[str, str], spec: dict[str, Any]
) -> Planned:
    """An object that belongs to a side's Deployment and is its spec alone."""
    workload, side = running.workload, running.side
    metadata = _metadata(application, workload.names.of(side), workload.selectors.of(side))
    return _planned("workloads", api, {**metadata, "spec": spec}, spec, side=side)


def _gateway(application: Application) -> Iterator[Planned]:
    gateway = application.route.gateway
    if gateway.class_name is None:
        return
    names = {
        **_metadata(application, gateway.name, {"app": application.name}),
        "namespace": gateway.namespace or application.namespace,
        "class_name": gateway.class_name,
        "listeners": _listeners(application),
    }
    spec = {"gatewayClassName": gateway.class_name, "listeners": names["listeners"]}
    yield _planned("gateway", (GATEWAY_API, "Gateway"), names, spec)


def _listeners(application: Application) -> list[dict[str, Any]]:
    gateway = application.route.gateway
    tls = {"mode": "Terminate", "certificateRefs": [{"name": gateway.tls}]}
    known: dict[str, dict[str, Any]] = {
        HTTP: {"name": HTTP, "protocol": "HTTP", "port": 80},
        HTTPS: {"name": HTTPS, "protocol": "HTTPS", "port": 443, "tls": tls},
    }
    listeners = [known[name] for name in gateway.listeners]
    if gateway.namespace not in (None, application.namespace):
        selector = {"matchLabels": {NAMESPACE_LABEL: application.namespace}}
        allowed = {"namespaces": {"from": "Selector", "selector": selector}}
        listeners = [{**listener, "allowedRoutes": allowed} for listener in listeners]
    spec: list[dict[str, Any]] = _defaulted(application.target, "Gateway", {"listeners": listeners})[
        "listeners"
    ]
    return spec


def _redirect(application: Application) -> Iterator[Planned]:
    """The route that leads from http to https: of the Gateway's group, the same in every phase, without backends."""
    gateway = application.route.gateway
    if gateway.redirect is None:
        return
    parent = {"name": gateway.name, "namespace": gateway.namespace, "sectionName": HTTP}
    to_https = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    named = {"name": REDIRECT_RULE} if application.names_rules else {}
    rule = {**named, "matches": [routes.ANY_PATH], "filters": [to_https]}
    hostnames = {"hostnames": list(application.route.hostnames)} if application.route.hostnames else {}
    spec = {"parentRefs": [_parent(application, parent)], **hostnames, "rules": [rule]}
    names = _metadata(application, gateway.redirect, {"app": application.name})
    yield _http_route("gateway", application, names, _defaulted(application.target, "HTTPRoute", spec))


def _http_route(group: str, application: Application, names: dict[str, Any], spec: dict[str, Any]) -> Planned:
    names |= {"hostnames": spec.get("hostnames"), "parents": spec["parentRefs"], "rules": spec["rules"]}
    item = _planned(group, (GATEWAY_API, "HTTPRoute"), names, spec)
    services = [name for service in application.services for name in service.names.both()]
    services += [receiver.name for receiver in application.receivers]
    return Planned(item.part, item.template, names, item.facts, tuple(services))


def _route(application: Application, phase: Phase) -> Planned:
    names = _metadata(application, application.route.name, {"app": application.name}, application.route)
    # in every phase, so that a patch that adds the phase finds a map to add it to
    names["annotations"][GOVERNED_ANNOTATION] = GOVERNED_RULE
    before = {
        "metadata": {"name": application.route.name, "annotations": names["annotations"]},
        "spec": _defaulted(application.target, "HTTPRoute", _route_spec(application)),
    }
    route, _ = overlay.route(before, application, phase)
    names["annotations"] = route["metadata"]["annotations"]
    return _http_route("route", application, names, route["spec"])


def _route_spec(application: Application) -> dict[str, Any]:
    """The route as it is before the release."""
    spec: dict[str, Any] = {"parentRefs": _parents(application)}
    if application.route.hostnames:
        spec["hostnames"] = list(application.route.hostnames)
    return {**spec, "rules": [_governed_rule(application)]}


def _parents(application: Application) -> list[dict[str, Any]]:
    gateway = application.route.gateway
    gateway_parent = {"name": gateway.name, "namespace": gateway.namespace, "sectionName": gateway.listener}
    return [_parent(application, parent) for parent in (gateway_parent, *application.route.parents)]


def _parent(application: Application, fields: dict[str, Any]) -> dict[str, Any]:
    parent = {"group": GATEWAY_GROUP, "kind": "Gateway", **fields}
    if parent.get("namespace") == application.namespace:
        parent["namespace"] = None
    order = ("group", "kind", "name", "namespace", "sectionName", "port")
    return {key: parent[key] for key in order if parent.get(key) is not None}


def _governed_rule(application: Application) -> routes.Rule:
    """The one rule of the route that we render."""
    (service,) = application.services
    backend = {
        "group": "",
        "kind": "Service",
        "name": service.names.stable,
        "port": service.port,
        "weight": routes.ALONE,
    }
    fields = application.route.rule
    matches = [
        match if "path" in match else {**routes.ANY_PATH, **match} for match in fields.get("matches", [])
    ]
    rest: dict[str, Any] = {key: field for key, field in fields.items() if key != "matches"}
    name = {"name": GOVERNED_RULE} if application.names_rules else {}
    return {**name, "matches": matches or [routes.ANY_PATH], **rest, "backendRefs": [backend]}


def _defaulted(target: Target, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The spec of a kind of the Gateway API with the API's defaults, so that GitOps tools see no drift.

    Raises KeyError for a kind that the target has not.
    """
    known = target.find(GATEWAY_API, kind)
    if known is None:
        raise KeyError(kind)
    whole: dict[str, Any] = with_defaults(spec, known.schema["properties"]["spec"])
    return whole
