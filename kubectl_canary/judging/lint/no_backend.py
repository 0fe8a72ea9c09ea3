"""A rule that sends its requests nowhere, and has no filter that answers them, answers 500.

A GRPCRoute answers UNAVAILABLE, a route of connections closes them. Where this is meant, to close a path, ignore the
rule there.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, RouteRule, Violation

ANSWERING = ("RequestRedirect", "ExtensionRef")

ANSWERS = {
    "HTTPRoute": "every request to this rule gets 500",
    "GRPCRoute": "every request to this rule gets UNAVAILABLE",
}

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule"
_ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{path: {value: /shop}}]
      backendRefs: [{name: shop, port: 80}]
    - matches: [{path: {value: /old}}]
"""
PASSING = (
    _ROUTE + "      filters: [{type: RequestRedirect, requestRedirect: {hostname: shop.example.com}}]\n",
    _ROUTE
    + "      filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: Answer, name: gone}}]\n",
)
FAILING = (
    _ROUTE,
    _ROUTE + "      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x-old]}}]\n",
)


def check(objects: Objects) -> Iterator[Violation]:
    """Rules without backends and without a filter that answers."""
    for rule in objects.route_rules:
        if not rule.backends and not _answers(rule):
            what = ANSWERS.get(rule.route.kind, "every connection to this rule is closed")
            message = f"no backend and no filter that answers: {what}"
            yield rule.route.violation(rule.path, message, "add backendRefs or a redirect")


def _answers(rule: RouteRule) -> bool:
    return any(route_filter["type"] in ANSWERING for _, route_filter in rule.filters)
