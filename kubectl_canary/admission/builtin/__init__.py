"""What the API server checks of built-in kinds in code, after their schema has accepted them.

Deployments, Services and the pods of every workload are checked as far as a canary sets them; docs/validation.md names
what is left to the server. The rules are those of k8s.io/kubernetes/pkg/apis/*/validation, the words too. Values have
been prepared: types are right, and a null counts as absent.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from kubectl_canary.admission.builtin.words import Complaint

MODULES = {
    "ConfigMap": "data",
    "Namespace": "data",
    "Secret": "data",
    "DaemonSet": "workloads",
    "Deployment": "workloads",
    "StatefulSet": "workloads",
    "EndpointSlice": "network",
    "NetworkPolicy": "network",
    "Service": "services",
    "HorizontalPodAutoscaler": "scaling",
    "PodDisruptionBudget": "scaling",
    "Role": "access",
    "RoleBinding": "access",
}


def complaints(document: dict[str, Any]) -> Iterator[Complaint]:
    """The path and the message of everything that the server's code holds against a document of a built-in kind."""
    kind = document["kind"]
    if kind in MODULES:
        module = importlib.import_module(f"{__name__}.{MODULES[kind]}")
        yield from module.CHECKS[kind](document)
