"""What a regular expression means, and which of two wins, differs between implementations.

The dialect, whether it must match the whole value, and its precedence beside other paths are left to each of them, and
some do not take any: the route then does elsewhere what it does not do here. Said once a route.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation, regular_expressions

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/reference/spec/#pathmatchtype"
_ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [MATCH]
      backendRefs: [{name: shop, port: 80}]
"""
PASSING = (
    _ROUTE.replace("MATCH", "{path: {type: PathPrefix, value: /v1}}"),
    _ROUTE.replace("MATCH", '{headers: [{name: x-user, value: "1"}], path: {type: Exact, value: /v1}}'),
)
FAILING = (
    _ROUTE.replace("MATCH", '{path: {type: RegularExpression, value: "/v[0-9]+/.*"}}'),
    _ROUTE.replace("MATCH", '{headers: [{type: RegularExpression, name: x-user, value: "[0-9]+"}]}'),
)


def check(objects: Objects) -> Iterator[Violation]:
    """The first regular expression of each route."""
    for route in objects.routes:
        for path, text in regular_expressions(route):
            message = f"what `{text}` matches, and what it wins over, depends on the implementation"
            hint = "use Exact or PathPrefix, or try it in the implementation that you have"
            yield route.violation(path, message, hint)
            break
