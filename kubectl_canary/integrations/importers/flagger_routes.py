"""What Flagger makes of a Canary's service → a Service, and an HTTPRoute with one rule to it.

Source: pkg/router/gateway_api.go, kubernetes_default.go and pkg/canary/util.go of Flagger 1.36.
"""

from __future__ import annotations

import re
from typing import Any

from kubectl_canary.findings import Finding
from kubectl_canary.integrations.importers.flagger_fields import NAME
from kubectl_canary.integrations.importers.imported import Gateway, refusal
from kubectl_canary.reading.adopted.objects import at
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release.application import GATEWAY_API

SELECTOR_LABELS = (
    "app",
    "name",
    "app.kubernetes.io/name",
)  # Flagger's -selector-labels, where nobody says others
SIDECARS = ("istio-proxy", "envoy")
EVERY_PATH = {"path": {"type": "PathPrefix", "value": "/"}}
PATHS = (("regex", "RegularExpression"), ("exact", "Exact"), ("prefix", "PathPrefix"))
Object = dict[str, Any]


def label_of(deployment: Manifest) -> tuple[str, str] | None:
    """The label by which Flagger tells pods, and its value; None where it knows none. Source: getSelectorLabel."""
    selector = at(deployment.value, "spec", "selector", "matchLabels") or {}
    return next(((label, str(selector[label])) for label in SELECTOR_LABELS if label in selector), None)


def service_name(canary: Manifest) -> str:
    """The name of the Service in front of both versions. Source: GetServiceNames."""
    return canary.text("spec", "service", "name") or canary.text("spec", "targetRef", "name")


def service(canary: Manifest, deployment: Manifest, label: tuple[str, str]) -> Object:
    """The Service as Flagger makes it, with the selector of the target's pods. Source: reconcileService."""
    said = canary.value["spec"]["service"]
    first = {
        "name": said.get("portName") or "http",
        "port": said.get("port"),
        "targetPort": said.get("targetPort") or said.get("port"),
        **({"appProtocol": said["appProtocol"]} if said.get("appProtocol") else {}),
    }
    ports = [first, *(_further_ports(said, deployment) if said.get("portDiscovery") else ())]
    metadata = _metadata(canary)
    metadata["labels"] = {**metadata.get("labels", {}), label[0]: service_name(canary)}
    spec = {"selector": dict([label]), "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _further_ports(said: Object, deployment: Manifest) -> list[Object]:
    """The containers' other ports. Source: getPorts."""
    main = said.get("targetPort") or said.get("port")
    containers = at(deployment.value, "spec", "template", "spec", "containers") or []
    return [
        {
            "name": port.get("name") or f"tcp-{container.get('name')}-{number}",
            "port": port.get("containerPort"),
            "targetPort": port.get("containerPort"),
        }
        for container in containers
        if container.get("name") not in SIDECARS
        for number, port in enumerate(container.get("ports") or [])
        if main not in (port.get("containerPort"), port.get("name"))
    ]


def _metadata(canary: Manifest) -> Object:
    """The name and what Flagger's `apex` says."""
    apex = at(canary.value, "spec", "service", "apex") or {}
    namespace = canary.text("metadata", "namespace")
    return {
        "name": service_name(canary),
        **({"namespace": namespace} if namespace else {}),
        **{key: dict(apex[key]) for key in ("labels", "annotations") if apex.get(key)},
    }


def route(canary: Manifest, gateway: Gateway | None, findings: list[Finding]) -> Object:
    """The HTTPRoute of Flagger's name. The Gateway that the user names comes before those of the Canary."""
    said = canary.value["spec"]["service"]
    parents = [dict(known) for known in said.get("gatewayRefs") or []]
    if gateway is not None:
        namespace = {"namespace": gateway.namespace} if gateway.namespace else {}
        parents = [{"name": gateway.name, **namespace}]
    matches = [
        known
        for number, match in enumerate(said.get("match") or [])
        for known in _match(canary, match, number, findings)
    ]
    rule: Object = {"matches": matches or [EVERY_PATH]}
    if filters := _filters(said):
        rule["filters"] = filters
    rule["backendRefs"] = [{"name": service_name(canary), "port": said.get("port")}]
    if said.get("timeout"):
        rule["timeouts"] = {"request": said["timeout"]}
    hosts = [host for host in said.get("hosts") or [] if host != "*"]
    if "*" in (said.get("hosts") or []):
        hosts = []
    spec = {"parentRefs": parents, **({"hostnames": hosts} if hosts else {}), "rules": [rule]}
    return {"apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": _metadata(canary), "spec": spec}


def _match(canary: Manifest, match: Object, number: int, findings: list[Finding]) -> list[Object]:
    """A match as Flagger maps it; none where it says nothing. Source: mapRouteMatches."""
    known: Object = {}
    place = ("spec", "service", "match", number)
    if match.get("uri"):
        found = next(((kind, match["uri"][key]) for key, kind in PATHS if match["uri"].get(key)), None)
        if found:
            known["path"] = {"type": found[0], "value": found[1]}
        else:
            findings.append(_unsaid(canary, (*place, "uri")))
    for key, to in (("headers", "headers"), ("queryParams", "queryParams")):
        values = [_value(name, said) for name, said in (match.get(key) or {}).items()]
        if None in values:
            findings.append(_unsaid(canary, (*place, key)))
        if values:
            known[to] = [value for value in values if value]
    if match.get("method"):
        if match["method"].get("exact"):
            known["method"] = match["method"]["exact"]
        else:
            findings.append(_unsaid(canary, (*place, "method")))
    return [known] if known else []


def _value(name: str, said: Object) -> Object | None:
    """What a header or a query parameter has to be; None where a route cannot say it."""
    if said.get("exact"):
        return {"name": name, "value": said["exact"]}
    pattern = said.get("regex") or (f"{re.escape(said['prefix'])}.*" if said.get("prefix") else "")
    return {"type": "RegularExpression", "name": name, "value": pattern} if pattern else None


def _unsaid(canary: Manifest, path: tuple[Any, ...]) -> Finding:
    message = "an HTTPRoute has no such condition, and without it other requests would be split"
    return refusal(f"{NAME}-condition", canary, path, message, "say exact or regex, or a prefix")


def _filters(said: Object) -> list[Object]:
    """The filters in Flagger's order. Source: makeFilters."""
    filters: list[Object] = []
    headers = said.get("headers") or {}
    for key, kind in (("request", "RequestHeaderModifier"), ("response", "ResponseHeaderModifier")):
        if headers.get(key):
            filters.append({"type": kind, f"{kind[0].lower()}{kind[1:]}": _changes(headers[key])})
    if rewrite := _rewrite(said.get("rewrite") or {}):
        filters.append({"type": "URLRewrite", "urlRewrite": rewrite})
    for mirror in said.get("mirror") or []:
        filters.append({"type": "RequestMirror", "requestMirror": {"backendRef": mirror.get("backendRef")}})
    return filters


def _changes(said: Object) -> Object:
    """What is done to headers."""
    changes: Object = {
        key: [{"name": name, "value": text} for name, text in said[key].items()]
        for key in ("set", "add")
        if said.get(key)
    }
    return {**changes, **({"remove": said["remove"]} if said.get("remove") else {})}


def _rewrite(said: Object) -> Object:
    """The path and the hostname that requests get."""
    rewrite: Object = {"hostname": said["authority"]} if said.get("authority") else {}
    if said.get("uri"):
        kind = "ReplacePrefixMatch" if said.get("type") == "ReplacePrefixMatch" else "ReplaceFullPath"
        rewrite["path"] = {"type": kind, f"{kind[0].lower()}{kind[1:]}": said["uri"]}
    return rewrite
