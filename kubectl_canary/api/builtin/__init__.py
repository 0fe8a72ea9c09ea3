"""What the API server checks of built-in kinds in code, after their schema has accepted them.

Deployments, Services and the pods of every workload are checked as far as a canary sets them; docs/validation.md names
what is left to the server. The rules are those of k8s.io/kubernetes/pkg/apis/*/validation, the words too. Values have
been prepared: types are right, and a null counts as absent.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from kubectl_canary.api.metadata import FieldError

MODULES = {
    "v1 ConfigMap": "data",
    "v1 Namespace": "data",
    "v1 Secret": "data",
    "apps/v1 DaemonSet": "workloads",
    "apps/v1 Deployment": "workloads",
    "apps/v1 StatefulSet": "workloads",
    "discovery.k8s.io/v1 EndpointSlice": "network",
    "networking.k8s.io/v1 NetworkPolicy": "network",
    "v1 Service": "services",
    "autoscaling/v2 HorizontalPodAutoscaler": "scaling",
    "policy/v1 PodDisruptionBudget": "scaling",
    "rbac.authorization.k8s.io/v1 Role": "access",
    "rbac.authorization.k8s.io/v1 RoleBinding": "access",
}


def field_errors(document: dict[str, Any]) -> Iterator[FieldError]:
    """The path and the message of everything that the server's code holds against a document of a built-in kind."""
    kind = document["kind"]
    name = MODULES.get(f"{document['apiVersion']} {kind}")
    if name is not None:
        module = importlib.import_module(f"{__name__}.{name}")
        yield from module.CHECKS[kind](document)
