"""NetworkPolicies and EndpointSlices (pkg/apis/networking and pkg/apis/discovery, validation)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin.checks import (
    PROTOCOLS,
    at_most,
    forbidden,
    invalid,
    is_address,
    matches,
    one_of,
    port_or_name,
    reachable_address,
    required,
    selector,
    unique,
)
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.findings import Path

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SPEC: Path = ("spec",)
MOST_ADDRESSES = 100
MOST_ENDPOINTS = 1000
MOST_PORTS = 20_000
MOST_HINTS = 8
FAMILIES = ("FQDN", "IPv4", "IPv6")


def _policy(document: dict[str, Any]) -> Iterator[FieldError]:
    spec = document.get("spec", {})
    yield from selector((*SPEC, "podSelector"), spec.get("podSelector", {}))
    for key, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(key, [])):
            at = (*SPEC, key, index)
            for number, policy_port in enumerate(rule.get("ports", [])):
                yield from _port(policy_port, (*at, "ports", number))
            for number, peer in enumerate(rule.get(peers, [])):
                yield from _peer(peer, (*at, peers, number))
    types = spec.get("policyTypes", [])
    if len(types) > 2:
        yield invalid((*SPEC, "policyTypes"), types, "may not specify more than two policyTypes")
    else:
        for index, kind in enumerate(types):
            yield from one_of((*SPEC, "policyTypes", index), kind, ("Ingress", "Egress"))


def _port(policy_port: dict[str, Any], path: Path) -> Iterator[FieldError]:
    port, last = policy_port.get("port"), policy_port.get("endPort")
    yield from one_of((*path, "protocol"), policy_port.get("protocol") or "TCP", PROTOCOLS)
    if port is None:
        if last is not None:
            text = "may not be specified when `port` is not specified"
            yield invalid((*path, "endPort"), last, text)
        return
    yield from port_or_name((*path, "port"), port)
    if last is not None and isinstance(port, str):
        yield invalid((*path, "endPort"), last, "may not be specified when `port` is non-numeric")
    elif last is not None and not isinstance(port, str):
        if last < port:
            yield invalid((*path, "endPort"), last, "must be greater than or equal to `port`")
        yield from port_or_name((*path, "endPort"), last)


def _peer(peer: dict[str, Any], path: Path) -> Iterator[FieldError]:
    for key in ("podSelector", "namespaceSelector"):
        yield from selector((*path, key), peer.get(key, {}))
    if not peer:
        yield required(path, "must specify a peer")
    elif "ipBlock" in peer:
        if len(peer) > 1:
            text = "may not specify both ipBlock and another peer"
            yield forbidden(path, text)
        yield from _block(peer["ipBlock"], (*path, "ipBlock"))


def _block(block: dict[str, Any], path: Path) -> Iterator[FieldError]:
    whole = _network(block.get("cidr", ""))
    if not block.get("cidr"):
        yield required((*path, "cidr"))
    elif whole is None:
        yield _no_network((*path, "cidr"), block["cidr"])
    for index, text in enumerate(block.get("except", [])):
        part = _network(text)
        if part is None:
            yield _no_network((*path, "except", index), text)
        elif not _is_strictly_in(part, whole):
            yield invalid((*path, "except", index), text, f"must be a strict subset of `cidr` (`{whole}`)")


def _is_strictly_in(part: Network, whole: Network | None) -> bool:
    """Whether a network is a smaller part of another; of an unreadable one nothing is said."""
    if whole is None:
        return True
    if isinstance(part, ipaddress.IPv4Network) and isinstance(whole, ipaddress.IPv4Network):
        return part != whole and part.subnet_of(whole)
    if isinstance(part, ipaddress.IPv6Network) and isinstance(whole, ipaddress.IPv6Network):
        return part != whole and part.subnet_of(whole)
    return False


def _network(text: str) -> Network | None:
    host, slash, bits = text.partition("/")
    try:
        return ipaddress.ip_network(text, strict=False) if slash and bits.isdigit() and host else None
    except ValueError:
        return None


def _no_network(path: Path, text: str) -> FieldError:
    return invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")


def _slice(document: dict[str, Any]) -> Iterator[FieldError]:
    family = document.get("addressType", "")
    yield from one_of(("addressType",), family, FAMILIES)
    yield from at_most(("endpoints",), document.get("endpoints", []), MOST_ENDPOINTS)
    yield from at_most(("ports",), document.get("ports", []), MOST_PORTS)
    for index, endpoint in enumerate(document.get("endpoints", [])):
        path = ("endpoints", index, "addresses")
        if not endpoint.get("addresses"):
            yield required(path, "must contain at least 1 address")
        yield from at_most(path, endpoint.get("addresses", []), MOST_ADDRESSES)
        for number, text in enumerate(endpoint.get("addresses", [])):
            yield from _address(text, family, (*path, number))
        yield from _endpoint(endpoint, ("endpoints", index))
    names = set()
    for index, port in enumerate(document.get("ports", [])):
        yield from one_of(("ports", index, "protocol"), port.get("protocol") or "TCP", PROTOCOLS)
        if port.get("name"):
            yield from matches(("ports", index, "name"), port["name"], metadata.label)
        if "appProtocol" in port:
            yield from matches(("ports", index, "appProtocol"), port["appProtocol"], metadata.qualified_name)
        if port.get("name", "") in names:
            yield ("ports", index, "name"), f'Duplicate value: "{port.get("name", "")}"'
        names.add(port.get("name", ""))


def _endpoint(endpoint: dict[str, Any], path: Path) -> Iterator[FieldError]:
    for key, check in (("nodeName", metadata.subdomain), ("hostname", metadata.label)):
        if key in endpoint:
            yield from matches((*path, key), endpoint[key], check)
    for key in ("forZones", "forNodes"):
        hints, at = endpoint.get("hints", {}).get(key, []), (*path, "hints", key)
        yield from at_most(at, hints, MOST_HINTS)
        yield from unique(at, hints)
        for number, hint in enumerate(hints):
            yield from matches((*at, number, "name"), hint.get("name", ""), metadata.label_value)


def _address(text: str, family: str, path: Path) -> Iterator[FieldError]:
    if family in ("IPv4", "IPv6"):
        yield from reachable_address(path, text)
        if is_address(text) and (":" in text) is (family == "IPv4"):
            yield invalid(path, text, f"must be an {family} address")


CHECKS = {"NetworkPolicy": _policy, "EndpointSlice": _slice}
