"""What implementations of the Gateway API claim to support, by the conformance reports that they have handed in.

A feature is claimed, not claimed, or unknown: where the tests of that release did not ask for it.
https://gateway-api.sigs.k8s.io/concepts/conformance/
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from kubectl_canary import resources
from kubectl_canary.findings import Finding, Path
from kubectl_canary.judging.lint.objects import Object, Objects, RouteRule, parents, route_rules
from kubectl_canary.records import dataclass

ALIASES = {
    "envoy": "envoy-gateway",
    "gke": "gke-gateway",
    "gloo": "gloo-gateway",
    "kong": "kong-operator",
    "kumahq": "kuma",
    "nginx": "nginx-gateway-fabric",
}
# the classes that the implementations' documentation makes, by how they begin
CLASSES = {
    "cilium": "cilium",
    "contour": "contour",
    "eg": "envoy-gateway",
    "envoy-gateway": "envoy-gateway",
    "gke-l7": "gke-gateway",
    "istio": "istio",
    "kgateway": "kgateway",
    "kong": "kong-operator",
    "nginx": "nginx-gateway-fabric",
    "traefik": "traefik",
}
COLUMNS = {
    "mirror": "HTTPRouteRequestMirror",
    "mirror %": "HTTPRouteRequestPercentageMirror",
    "method": "HTTPRouteMethodMatching",
    "query": "HTTPRouteQueryParamMatching",
    "response headers": "HTTPRouteResponseHeaderModification",
    "backend headers": "HTTPRouteBackendRequestHeaderModification",
    "timeout": "HTTPRouteRequestTimeout",
    "rule names": "HTTPRouteNamedRouteRule",
}
Answer = Literal["claimed", "not claimed", "unknown"]
SIGNS: dict[Answer, str] = {"claimed": "yes", "not claimed": "no", "unknown": "?"}


@dataclass(frozen=True)
class Claims:
    """One report: whose, of which release of the Gateway API, and the HTTPRoute features that it claims."""

    implementation: str
    version: str
    gateway_api: str
    channel: str
    mode: str
    date: str
    core: str
    supported: frozenset[str]

    def answer(self, feature: str) -> Answer:
        """Whether the feature is claimed; unknown where nobody's report of that release mentions it."""
        if feature in self.supported:
            return "claimed"
        asked = _data()["features"].get(self.gateway_api.rpartition(".")[0], ())
        return "not claimed" if feature in asked else "unknown"

    def __str__(self) -> str:
        return (
            f"{self.implementation} {self.version} (report of {self.date} for Gateway API {self.gateway_api})"
        )


@functools.cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(resources.read("schemas", "implementations.json"))
    return data


@functools.cache
def reports() -> tuple[Claims, ...]:
    """Every report."""
    return tuple(
        Claims(
            report["implementation"],
            report["version"],
            report["gatewayAPI"],
            report["channel"],
            report["mode"],
            report["date"],
            report["core"],
            frozenset(report["supported"]),
        )
        for report in _data()["reports"]
    )


def names() -> list[str]:
    """Everybody with a report."""
    return sorted({claims.implementation for claims in reports()} | set(ALIASES))


def versions(name: str) -> list[str]:
    """The versions that an implementation has reports of."""
    return sorted(
        {claims.version for claims in reports() if claims.implementation == ALIASES.get(name, name)}
    )


def find(name: str, version: str = "") -> Claims | None:
    """The newest report of an implementation, or of a version of it (`1.9` is 1.9.0 too); None where there is none."""
    name, version = ALIASES.get(name, name), version.removeprefix("v")
    matching = [
        claims
        for claims in reports()
        if claims.implementation == name and (not version or f"{claims.version}.".startswith(f"{version}."))
    ]
    return max(matching, key=_newest, default=None)


def _newest(claims: Claims) -> tuple[tuple[int, ...], str, bool, int]:
    release = tuple(int(part) for part in claims.gateway_api.removeprefix("v").split("."))
    return release, claims.date, claims.mode == "default", len(claims.supported)


def of_class(name: str) -> Claims | None:
    """The implementation that a GatewayClass' name speaks of."""
    for start, implementation in CLASSES.items():
        if name == start or name.startswith(f"{start}-"):
            return find(implementation)
    return None


def findings(
    documents: Sequence[dict[str, Any]], claims: Claims | None = None
) -> Iterator[tuple[int, Finding]]:
    """What HTTPRoutes need and the implementation does not claim: the document's number, and the finding.

    Without `claims`, the class of the route's Gateway in the set decides; where it says nothing, nothing is said.
    """
    objects = Objects(documents)
    for route in objects.of_kind("HTTPRoute"):
        applicable = claims or _of_parents(objects, route)
        for feature, path, words in _needs(route) if applicable else ():
            answer = applicable.answer(feature) if applicable else "unknown"
            if answer != "claimed":
                message = f"{words}: {answer} by {applicable}"
                hint = (
                    "" if answer == "not claimed" else f"the tests of that release do not ask for {feature}"
                )
                yield route.number, Finding("implementation", "warning", path, message, hint=hint)


def _of_parents(objects: Objects, route: Object) -> Claims | None:
    for parent in parents(route):
        gateway = objects.gateway(parent)
        if gateway is not None:
            return of_class(str(gateway.spec.get("gatewayClassName")))
    return None


def needs(route: dict[str, Any]) -> dict[str, str]:
    """The extended features that an HTTPRoute uses, each in words."""
    found = Objects([route]).of_kind("HTTPRoute")
    return {feature: words for known in found for feature, _, words in _needs(known)}


def _needs(route: Object) -> Iterator[tuple[str, Path, str]]:
    """The extended features that a route uses, each where it does."""
    for rule in route_rules(route):
        if rule.name:
            yield "HTTPRouteNamedRouteRule", (*rule.path, "name"), "rule names"
        for path, match in rule.matches:
            if match.get("method"):
                yield "HTTPRouteMethodMatching", (*path, "method"), "matching methods"
            if match.get("queryParams"):
                yield "HTTPRouteQueryParamMatching", (*path, "queryParams"), "matching queries"
        for key, feature in (
            ("request", "HTTPRouteRequestTimeout"),
            ("backendRequest", "HTTPRouteBackendTimeout"),
        ):
            if (rule.value.get("timeouts") or {}).get(key):
                yield feature, (*rule.path, "timeouts", key), "timeouts"
        if rule.value.get("retry"):
            yield "HTTPRouteRetry", (*rule.path, "retry"), "retries"
        yield from _of_filters(rule)
        for backend in rule.backends:
            if backend.value.get("filters"):
                path = (*backend.path, "filters")
                yield "HTTPRouteBackendRequestHeaderModification", path, "filters of a backend"


def _of_filters(rule: RouteRule) -> Iterator[tuple[str, Path, str]]:
    mirrors = 0
    for path, route_filter in rule.filters:
        if route_filter["type"] == "RequestMirror":
            mirrors += 1
            yield "HTTPRouteRequestMirror", path, "mirrors"
            if {"percent", "fraction"} & set(route_filter.get("requestMirror") or ()):
                yield "HTTPRouteRequestPercentageMirror", path, "mirroring a part"
            if mirrors == 2:
                yield "HTTPRouteRequestMultipleMirrors", path, "several mirrors"
        elif route_filter["type"] == "ResponseHeaderModifier":
            yield "HTTPRouteResponseHeaderModification", path, "changing response headers"
        elif route_filter["type"] == "CORS":
            yield "HTTPRouteCORS", path, "CORS"


def table() -> str:
    """The newest report of everybody, as a table."""
    newest = {claims.implementation: claims for claims in sorted(reports(), key=_newest)}
    rows = [["IMPLEMENTATION", "VERSION", "GATEWAY API", "CHANNEL", "DATE", "CORE", *map(str.upper, COLUMNS)]]
    for name in sorted(newest):
        claims = newest[name]
        facts = [
            claims.implementation,
            claims.version,
            claims.gateway_api,
            claims.channel,
            claims.date,
            claims.core,
        ]
        rows.append([*facts, *(SIGNS[claims.answer(feature)] for feature in COLUMNS.values())])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
    return "\n".join(
        [
            *lines,
            "",
            "yes: claimed; no: tested for and not claimed; ?: not asked for by that release's tests",
            "",
        ]
    )
