"""`init --from cluster`: what runs in a real API server, taken as manifests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Cluster

from kubectl_canary.api.defaults import BUILT_IN
from kubectl_canary.api.prepare import with_defaults
from kubectl_canary.reading import snapshot

KINDS = (
    "services,configmaps,deployments.apps,horizontalpodautoscalers.autoscaling,poddisruptionbudgets.policy,"
    "networkpolicies.networking.k8s.io,httproutes.gateway.networking.k8s.io"
)
COMMAND = [sys.executable, "-m", "kubectl_canary"]


def ours(cluster: Cluster, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**cluster.environment(), "KUBECTL_PATH": str(cluster.kubectl_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


MORE = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, minReplicas: 2, maxReplicas: 9}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shop}
spec: {podSelector: {matchLabels: {app: shop}}, ingress: [{ports: [{port: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-peers}
spec: {clusterIP: None, selector: {app: shop}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Secret
metadata: {name: shop-key}
stringData: {key: very-secret}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unrelated}
data: {a: b}
"""


def differences(cluster: Cluster, documents: str, *flags: str) -> list[str]:
    """The lines that `kubectl diff` prints, without what apply remembers of the last file.

    That is an annotation, and a Deployment's generation grows with its annotations.
    """
    printed = cluster.kubectl("diff", *flags, "-f", "-", stdin=documents, check=False).stdout
    lines = [line for line in printed.splitlines() if re.match(r"[-+](?![-+]{2} |  generation:)", line)]
    return [line for line in lines if not re.match(r'[-+]\s+\{"apiVersion":', line)]


def live(cluster: Cluster, namespace: str) -> dict[tuple[str, str], Any]:
    """What a user means by an object."""
    items = json.loads(cluster.kubectl("get", KINDS, "-n", namespace, "-o", "json").stdout)["items"]
    return {
        (item["kind"], item["metadata"]["name"]): (
            item.get("spec", item.get("data")),
            item["metadata"].get("labels"),
        )
        for item in items
    }


@pytest.mark.cluster
def test_what_runs_is_taken_as_manifests_that_change_nothing(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", str(ROOT / "examples/shop/k8s"))
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=MORE)
    use = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "shop-key", "key": "key"}}}
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [use]}]}}}}
    cluster.kubectl("patch", "deployment", "shop", "-n", namespace, "-p", json.dumps(patch))
    flags = ("--from", "cluster", "-n", namespace, "--service", "shop", "--canary-tag", "v2")
    said = ours(cluster, tmp_path, "init", *flags).stderr
    assert "Secrets that the pods use: shop-key\n" in said
    texts = {file.name: file.read_text() for file in (tmp_path / "k8s").iterdir()}
    assert sorted(texts) == [
        "configmap-shop-config.yaml",
        "deployment-shop.yaml",
        "horizontalpodautoscaler-shop.yaml",
        "httproute-storefront.yaml",
        "networkpolicy-shop.yaml",
        "poddisruptionbudget-shop.yaml",
        "service-shop-peers.yaml",
        "service-shop.yaml",
    ]
    for word in (
        "status",
        "uid",
        "Timestamp",
        "last-applied",
        "clusterIPs",
        "terminationMessage",
        "very-secret",
    ):
        assert not [name for name, text in texts.items() if word in text], word
    assert "clusterIP: None\n" in texts["service-shop-peers.yaml"]
    assert "clusterIP" not in texts["service-shop.yaml"]
    (written,) = [
        value
        for file in (ROOT / "examples/shop/k8s").iterdir()
        for value in yaml.safe_load_all(file.read_text())
        if value["kind"] == "Deployment"
    ]
    written["spec"]["template"]["spec"]["containers"][0] |= {"env": [use], "imagePullPolicy": "IfNotPresent"}
    assert written["spec"] == yaml.safe_load(texts["deployment-shop.yaml"])["spec"]
    before = ours(cluster, tmp_path, "render", "--phase", "before", "--everything").stdout
    assert [] == differences(cluster, before)
    assert [] == differences(cluster, before, "--server-side", "--force-conflicts")
    there = live(cluster, namespace)
    cluster.kubectl("apply", "-f", "-", stdin=before)
    assert there == live(cluster, namespace)
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")
    fresh = f"{namespace}-fresh"
    cluster.kubectl("create", "namespace", fresh)
    cluster.kubectl("apply", "-f", "-", stdin=before.replace(namespace, fresh))


EVERYTHING = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: wide}
spec:
  replicas: 0
  selector: {matchLabels: {app: wide}}
  template:
    metadata: {labels: {app: wide}}
    spec:
      initContainers:
        - {name: first, image: "a:1", imagePullPolicy: Never}
      containers:
        - name: web
          image: a:1
          imagePullPolicy: Never
          ports: [{containerPort: 80}]
          env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
          startupProbe: {tcpSocket: {port: 80}}
          livenessProbe: {grpc: {port: 80}}
          readinessProbe: {httpGet: {path: /, port: 80}}
      volumes:
        - {name: config, configMap: {name: a}}
        - {name: secret, secret: {secretName: a}}
        - {name: down, downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}
        - {name: all, projected: {sources: [{configMap: {name: a}}, {serviceAccountToken: {path: t}}]}}
        - {name: host, hostPath: {path: /}}
---
apiVersion: v1
kind: Service
metadata: {name: wide}
spec: {selector: {app: wide}, ports: [{port: 80, targetPort: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wide}
spec:
  podSelector: {matchLabels: {app: wide}}
  policyTypes: [Ingress, Egress]
  ingress: [{ports: [{port: 80}]}]
  egress: [{ports: [{port: 53}, {port: 53, protocol: UDP}]}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: wide}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: wide}
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: wide}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: wide, port: 80}]}]}
"""


@pytest.mark.cluster
def test_defaults_are_those_of_the_server(cluster: Cluster, namespace: str) -> None:
    """It fills in every default that we know, and no other: what is left is what was written."""
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=EVERYTHING)
    for written in yaml.safe_load_all(EVERYTHING):
        found = cluster.kubectl("get", written["kind"], "wide", "-n", namespace, "-o", "json").stdout
        there = json.loads(found)
        schema = BUILT_IN.get((there["apiVersion"], there["kind"]), {})
        assert with_defaults(there, schema) == there
        assert snapshot.cleaned(there)["spec"] == written["spec"]
