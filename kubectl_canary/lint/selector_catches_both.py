"""A Service that selects the pods of both versions sends requests to either, past the weights of the route."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.lint.world import Complaint, World, pod_labels, selects

SEVERITY = "error"
SOURCE = "https://kubernetes.io/docs/concepts/services-networking/service/"
PASSING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  rules:
    - backendRefs: [{name: shop, port: 80}, {name: shop-canary, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop, version: stable}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-canary}
spec: {selector: {app: shop, version: canary}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop, version: stable}}
  template: {metadata: {labels: {app: shop, version: stable}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop-canary}
spec:
  selector: {matchLabels: {app: shop, version: canary}}
  template: {metadata: {labels: {app: shop, version: canary}}, spec: {containers: [{name: a, image: a}]}}
"""
FAILING = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  rules:
    - backendRefs: [{name: shop, port: 80}, {name: shop-canary, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-canary}
spec: {selector: {app: shop, version: canary}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop, version: stable}}
  template: {metadata: {labels: {app: shop, version: stable}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop-canary}
spec:
  selector: {matchLabels: {app: shop, version: canary}}
  template: {metadata: {labels: {app: shop, version: canary}}, spec: {containers: [{name: a, image: a}]}}
"""


def check(world: World) -> Iterator[Complaint]:
    """Services behind a split that select the pods of both of its sides."""
    for service in world.of("Service"):
        for first, second in world.tracks.get(service.namespace, ()):
            selector = service.spec.get("selector")
            both = selects(selector, pod_labels(first)) and selects(selector, pod_labels(second))
            if both:
                message = (
                    f"selects the pods of {first.name} and of {second.name}: requests get past the split"
                )
                hint = "add a label to the selector that only one of them has"
                yield service.complaint(("spec", "selector"), message, hint)
                break
