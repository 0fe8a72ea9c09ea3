"""Most implementations match with RE2, which has no look-around and no references to groups.

The API server does not look at regular expressions; a data plane that refuses one answers errors, or worse.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.api import re2
from kubectl_canary.judging.lint.objects import Objects, Violation, regular_expressions

SEVERITY = "warning"
SOURCE = "https://github.com/google/re2/wiki/Syntax"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{path: {type: RegularExpression, value: "/v[0-9]+/.*"}}]
      backendRefs: [{name: shop, port: 80}]
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{path: {type: RegularExpression, value: "/(?!admin).*"}}]
      backendRefs: [{name: shop, port: 80}]
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Regular expressions that RE2 refuses."""
    for route in objects.routes:
        for path, text in regular_expressions(route):
            problem = re2.problem(text)
            if problem:
                yield route.violation(path, f"`{text}` is not RE2: {problem}")
