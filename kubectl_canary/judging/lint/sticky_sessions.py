"""A session stays on its backend, whatever the weights say, even at weight 0.

With session persistence on a rule that splits, the share counts for new sessions alone, and a rollback that only
sets the weight to 0 leaves the sessions on the canary: the backendRef has to go.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.judging.lint.objects import Objects, Violation

SEVERITY = "warning"
SOURCE = "https://gateway-api.sigs.k8s.io/geps/gep-1619/"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{name: shop, port: 80, weight: 90}, {name: shop-canary, port: 80, weight: 10}]
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
  rules:
    - sessionPersistence: {type: Header, header: {name: x-session}}
      backendRefs: [{name: shop, port: 80, weight: 90}, {name: shop-canary, port: 80, weight: 10}]
"""


def check(objects: Objects) -> Iterator[Violation]:
    """Rules with session persistence and more than one backend."""
    for rule in objects.route_rules:
        if len(rule.backends) > 1 and rule.value.get("sessionPersistence"):
            message = "sessions stay on their backend, whatever the weights say; at weight 0 too"
            hint = "roll back by removing the backendRef"
            yield rule.route.violation((*rule.path, "sessionPersistence"), message, hint)
