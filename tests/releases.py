"""A small release to write tests with, and what of it a test wants otherwise."""

from __future__ import annotations

import copy
from typing import Any

from test_plan import GENERATOR, planned

from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering import objects

FILE: dict[str, Any] = {
    "apiVersion": "kubectl-canary/v1alpha1",
    "kind": "Canary",
    "metadata": {"name": "shop", "namespace": "web"},
    "spec": {
        "image": "registry.example.com/shop",
        "stable": {"tag": "v1", "replicas": 10},
        "canary": {"tag": "v2"},
        "container": {"port": 8080},
        "route": {"gateway": {"name": "gw"}},
        "phases": ["header-only", "5%", "50%", "100%"],
    },
}


def a_file(**spec: Any) -> dict[str, Any]:
    """The canary file with these fields of its spec."""
    made = copy.deepcopy(FILE)
    made["spec"] |= spec
    return made


def a_release(**spec: Any) -> Plan:
    """The plan of the canary file with these fields of its spec."""
    return planned(a_file(**spec))


def route_of(plan: Plan, phase: str) -> dict[str, Any]:
    """The rendered route of a phase."""
    rendered = GENERATOR.render(objects.planned(plan.application, plan.find(phase)))
    route: dict[str, Any] = next(one.value for one in rendered if one.part.is_route)
    return route
