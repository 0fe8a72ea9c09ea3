"""A listener takes routes of its own Gateway's namespace only, unless `allowedRoutes` says more.

A route from another namespace, or of a kind that the listener does not take, is not attached: the Gateway answers 404
to its requests, or another route takes them. Nothing is said where the set does not show a namespace's labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.judging.lint.examples import GATEWAY, ROUTE
from kubectl_canary.judging.lint.objects import GATEWAY as GROUP
from kubectl_canary.judging.lint.objects import Object, Objects, Violation, listeners, parents

NAME_LABEL = "kubernetes.io/metadata.name"
KINDS = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute", "TCPRoute"),
    "TCP": ("TCPRoute",),
    "UDP": ("UDPRoute",),
}

SEVERITY = "error"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#allowedroutes"
_NAMESPACE = """\
---
apiVersion: v1
kind: Namespace
metadata: {name: web, labels: {team: shop}}
"""
_SELECTED = GATEWAY.replace("from: All", "from: Selector, selector: {matchLabels: {team: shop}}")
PASSING = (
    ROUTE + "---\n" + GATEWAY,
    ROUTE + _NAMESPACE + "---\n" + _SELECTED,
)
FAILING = (
    ROUTE + "---\n" + GATEWAY.replace(", allowedRoutes: {namespaces: {from: All}}", ""),
    ROUTE + _NAMESPACE.replace("team: shop", "team: blog") + "---\n" + _SELECTED,
    ROUTE + "---\n" + GATEWAY.replace("from: All}", "from: All}, kinds: [{kind: GRPCRoute}]"),
)


def check(objects: Objects) -> Iterator[Violation]:
    """Parents all of whose listeners keep the route out."""
    for route in objects.attached:
        for index, parent in enumerate(parents(route)):
            gateway = objects.gateway(parent)
            named = listeners(gateway, parent) if gateway is not None else []
            refusals = [
                _refusal(objects, route, gateway, listener) for listener in named if gateway is not None
            ]
            reasons = [refusal for refusal in refusals if refusal is not None]
            if refusals and len(reasons) == len(refusals):
                name, (why, hint) = named[0]["name"], reasons[0]
                message = f"listener `{name}` of Gateway {parent.name} {why}: no request comes here"
                yield route.violation(("spec", "parentRefs", index), message, hint)


def _refusal(
    objects: Objects, route: Object, gateway: Object, listener: dict[str, Any]
) -> tuple[str, str] | None:
    """Why a listener keeps a route out, and what to do; None where it does not, or where that is not known."""
    allowed = listener.get("allowedRoutes") or {}
    kinds = _kinds(listener["protocol"], allowed.get("kinds") or [])
    if kinds is not None and route.kind not in kinds:
        return (
            f"takes {', '.join(kinds) or 'other kinds'} only",
            f"add {route.kind} to its allowedRoutes.kinds",
        )
    return _of_namespace(objects, route, gateway, allowed.get("namespaces") or {})


def _kinds(protocol: str, allowed: list[dict[str, Any]]) -> Sequence[str] | None:
    """The kinds of routes that a listener takes; None where its protocol is an implementation's."""
    named = [kind["kind"] for kind in allowed if kind.get("group", GROUP) == GROUP]
    return named if allowed else KINDS.get(protocol)


def _of_namespace(
    objects: Objects, route: Object, gateway: Object, allowed: dict[str, Any]
) -> tuple[str, str] | None:
    source = allowed.get("from", "Same")
    if source == "None":
        return "takes no routes", "set its allowedRoutes.namespaces.from"
    if source == "Same" and route.namespace and route.namespace != gateway.namespace:
        why = f"takes routes of its own namespace {gateway.namespace} only, and this is {route.namespace}"
        return why, "set its allowedRoutes.namespaces: `from: All`, or `from: Selector` with a selector"
    if source == "Selector" and not _may_select(objects, allowed.get("selector") or {}, route.namespace):
        why = f"selects namespaces by labels that {route.namespace} does not have"
        return why, f"label the namespace {route.namespace}, or change allowedRoutes.namespaces.selector"
    return None


def _may_select(objects: Objects, selector: dict[str, Any], namespace: str) -> bool:
    """Whether a label selector takes a namespace, as far as the set shows its labels."""
    if not namespace:
        return True
    known = objects.find("Namespace", "", namespace)
    labels = {NAME_LABEL: namespace}
    if known is not None:
        labels = {**(known.value["metadata"].get("labels") or {}), **labels}
    equal: dict[str, str] = selector.get("matchLabels") or {}
    requirements = [{"key": key, "operator": "In", "values": [value]} for key, value in equal.items()]
    requirements += selector.get("matchExpressions") or []
    return all(
        _holds(requirement, labels)
        for requirement in requirements
        if known is not None or requirement["key"] == NAME_LABEL
    )


def _holds(requirement: dict[str, Any], labels: dict[str, str]) -> bool:
    value, values = labels.get(requirement["key"]), requirement.get("values") or []
    if requirement["operator"] in ("In", "Exists"):
        return value is not None and (requirement["operator"] == "Exists" or value in values)
    return value is None or (requirement["operator"] == "NotIn" and value not in values)
