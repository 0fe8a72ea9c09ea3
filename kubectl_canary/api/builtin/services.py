"""Services (validateService in pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin.checks import (
    PROTOCOLS,
    address,
    duplicate,
    forbidden,
    invalid,
    labels,
    matches,
    one_of,
    port,
    port_or_name,
    reachable_address,
    required,
)
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.findings import Path

Spec = dict[str, Any]

SPEC: Path = ("spec",)
PORTS: Path = ("spec", "ports")
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
LONGEST_AFFINITY = 86400


def _service(document: dict[str, Any]) -> Iterator[FieldError]:
    spec = document.get("spec", {})
    kind = spec.get("type") or "ClusterIP"
    yield from one_of((*SPEC, "type"), kind, TYPES)
    if not spec.get("ports") and not _headless(spec) and kind != "ExternalName":
        yield required(PORTS)
    if kind == "ExternalName":
        yield from _external_name(spec)
    else:
        yield from _cluster_addresses(spec, kind)
    yield from _ports(spec.get("ports", []), kind)
    yield from labels((*SPEC, "selector"), spec.get("selector", {}))
    yield from _affinity(spec)
    for index, ip in enumerate(spec.get("externalIPs", [])):
        yield from reachable_address((*SPEC, "externalIPs", index), ip)
    yield from _traffic(spec, kind)
    yield from _load_balancer(spec, kind)


def _headless(spec: Spec) -> bool:
    return spec.get("clusterIP") == "None" or spec.get("clusterIPs") == ["None"]


def _external_name(spec: Spec) -> Iterator[FieldError]:
    for key in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(key) or (key == "clusterIPs" and spec.get("clusterIP")):
            yield forbidden((*SPEC, key), "may not be set for ExternalName services")
    name = spec.get("externalName", "").removesuffix(".")
    if name:
        yield from matches((*SPEC, "externalName"), name, metadata.subdomain)
    else:
        yield required((*SPEC, "externalName"))


def _cluster_addresses(spec: Spec, kind: str) -> Iterator[FieldError]:
    path = (*SPEC, "clusterIPs")
    first = spec.get("clusterIP", "")
    addresses = spec.get("clusterIPs", [first] if first else [])
    if _headless(spec) and kind in ("LoadBalancer", "NodePort"):
        yield invalid((*path, 0), "None", f"may not be set to 'None' for {kind} services")
    if first and addresses[:1] != [first]:
        yield invalid(path, addresses, "first value must match `clusterIP`")
    if addresses and not first:
        yield invalid(path, addresses, "must be empty when `clusterIP` is not specified")
    if addresses[:1] == ["None"] and len(addresses) > 1:
        yield invalid(path, addresses, "'None' must be the first and only value")
    if len(addresses) > 2:
        yield invalid(path, addresses, "may only hold up to 2 values")
    for index, ip in enumerate(addresses):
        if (index, ip) != (0, "None"):
            yield from address((*path, index), ip)
    for index, family in enumerate(spec.get("ipFamilies", [])):
        yield from one_of((*SPEC, "ipFamilies", index), family, ("IPv4", "IPv6"))
        if family in spec["ipFamilies"][:index]:
            yield duplicate((*SPEC, "ipFamilies", index), family)
    if "ipFamilyPolicy" in spec:
        policies = ("PreferDualStack", "RequireDualStack", "SingleStack")
        yield from one_of((*SPEC, "ipFamilyPolicy"), spec["ipFamilyPolicy"], policies)


def _ports(ports: list[dict[str, Any]], kind: str) -> Iterator[FieldError]:
    names, node_ports, numbers = set(), set(), set()
    for index, service_port in enumerate(ports):
        path = (*PORTS, index)
        protocol = service_port.get("protocol") or "TCP"
        name = service_port.get("name", "")
        if name:
            yield from matches((*path, "name"), name, metadata.label)
            if name in names:
                yield duplicate((*path, "name"), name)
        elif len(ports) > 1:
            yield required((*path, "name"))
        yield from port((*path, "port"), service_port["port"])
        yield from one_of((*path, "protocol"), protocol, PROTOCOLS)
        yield from port_or_name((*path, "targetPort"), service_port.get("targetPort") or service_port["port"])
        if "appProtocol" in service_port:
            yield from matches((*path, "appProtocol"), service_port["appProtocol"], metadata.qualified_name)
        yield from _node_port(path, service_port, kind)
        if service_port.get("nodePort") and (protocol, service_port["nodePort"]) in node_ports:
            yield duplicate((*path, "nodePort"), service_port["nodePort"])
        if (protocol, service_port["port"]) in numbers:
            yield duplicate(path, {"protocol": protocol, "port": service_port["port"]})
        names.add(name)
        node_ports.add((protocol, service_port.get("nodePort")))
        numbers.add((protocol, service_port["port"]))


def _node_port(path: Path, service_port: dict[str, Any], kind: str) -> Iterator[FieldError]:
    if service_port.get("nodePort") and kind == "ClusterIP":
        yield forbidden((*path, "nodePort"), "may not be used when `type` is 'ClusterIP'")


def _affinity(spec: Spec) -> Iterator[FieldError]:
    kind, config = spec.get("sessionAffinity") or "None", spec.get("sessionAffinityConfig")
    path = (*SPEC, "sessionAffinityConfig")
    yield from one_of((*SPEC, "sessionAffinity"), kind, ("ClientIP", "None"))
    seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
    if kind == "ClientIP" and seconds is not None and not 0 < seconds <= LONGEST_AFFINITY:
        text = f"must be greater than 0 and less than {LONGEST_AFFINITY}"
        yield invalid((*path, "clientIP", "timeoutSeconds"), seconds, text)


def _traffic(spec: Spec, kind: str) -> Iterator[FieldError]:
    path = (*SPEC, "externalTrafficPolicy")
    policy = spec.get("externalTrafficPolicy")
    outside = kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and spec.get("externalIPs"))
    if policy and not outside:
        yield invalid(path, policy, "may only be set for externally-accessible services")
    elif policy:
        yield from one_of(path, policy, ("Cluster", "Local"))
    if spec.get("healthCheckNodePort") and not (kind == "LoadBalancer" and policy == "Local"):
        text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield invalid((*SPEC, "healthCheckNodePort"), spec["healthCheckNodePort"], text)
    if "internalTrafficPolicy" in spec:
        yield from one_of(
            (*SPEC, "internalTrafficPolicy"), spec["internalTrafficPolicy"], ("Cluster", "Local")
        )


def _load_balancer(spec: Spec, kind: str) -> Iterator[FieldError]:
    if kind == "LoadBalancer":
        return
    for key in ("allocateLoadBalancerNodePorts", "loadBalancerSourceRanges"):
        if spec.get(key) not in (None, []):
            yield forbidden((*SPEC, key), "may only be used when `type` is 'LoadBalancer'")
    if "loadBalancerClass" in spec:
        yield forbidden((*SPEC, "loadBalancerClass"), "may only be used when `type` is 'LoadBalancer'")


CHECKS = {"Service": _service}
