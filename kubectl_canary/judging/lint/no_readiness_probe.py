"""Without a readiness probe a pod counts as ready as soon as it runs: requests reach it before it can answer them.

A rollout then goes on over pods that do not work, and a canary's first errors are those of its start. Containers that
the Service behind a route does not lead to are not meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.findings import Path
from kubectl_canary.judging.lint.examples import APP
from kubectl_canary.judging.lint.objects import Object, Objects, Pods, Violation

SEVERITY = "warning"
SOURCE = (
    "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/#readiness-probe"
)
_PROBE = "          readinessProbe: {httpGet: {path: /health, port: http}}\n"
_SIDECAR = '        - {name: logs, image: "registry.example.com/logs:1.0"}\n'
PASSING = (APP + _SIDECAR, APP.replace("readinessProbe", "startupProbe"))
FAILING = (
    APP.replace(_PROBE, ""),
    APP.replace(_PROBE, "          livenessProbe: {httpGet: {path: /health, port: http}}\n") + _SIDECAR,
)


def check(objects: Objects) -> Iterator[Violation]:
    """Containers that a route's requests reach and that have no probe which holds requests back."""
    seen = set()
    for service, pods in objects.served:
        for path, container in _reached(service, pods):
            key = (pods.owner.number, path)
            is_held = container.get("readinessProbe") or container.get("startupProbe")
            if key not in seen and not is_held and not pods.spec.get("readinessGates"):
                message = f"requests of a route reach `{container['name']}` as soon as it runs, ready or not"
                yield pods.owner.violation(path, message, "add a readinessProbe")
            seen.add(key)


def _reached(service: Object, pods: Pods) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The containers that a Service's ports lead to; a pod's only container, whatever its ports."""
    targets = {port.get("targetPort") or port["port"] for port in service.spec.get("ports") or []}
    containers = list(pods.containers())
    for path, container in containers:
        ports = container.get("ports") or []
        known = {value for port in ports for value in (port.get("name"), port["containerPort"])}
        if known & targets or len(containers) == 1:
            yield path, container
