"""Examples that several rules show: a shop, its route and its Gateway, and a split between its two versions."""

SPLIT = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: gw}]
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
  template:
    metadata: {labels: {app: shop, version: stable}}
    spec: {containers: [{name: a, image: "a:1", readinessProbe: {httpGet: {port: 80}}}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop-canary}
spec:
  selector: {matchLabels: {app: shop, version: canary}}
  template:
    metadata: {labels: {app: shop, version: canary}}
    spec: {containers: [{name: a, image: "a:1", readinessProbe: {httpGet: {port: 80}}}]}
"""

# a NetworkPolicy for each side of the split
POLICIES = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shop}
spec: {podSelector: {matchLabels: {version: stable}}, ingress: [{ports: [{port: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shop-canary}
spec: {podSelector: {matchLabels: {version: canary}}, ingress: [{ports: [{port: 8080}]}]}
"""

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: web}
spec:
  parentRefs: [{name: gw, namespace: infra}]
  rules:
    - backendRefs: [{name: shop, port: 80}]
"""

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: istio
  listeners:
    - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
"""

APP = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: web}
spec:
  parentRefs: [{name: gw}]
  rules:
    - backendRefs: [{name: shop, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: web}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: web}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - name: shop
          image: "registry.example.com/shop:1.0"
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /health, port: http}}
"""
