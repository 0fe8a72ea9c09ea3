"""A port's name that no container has leads nowhere.

A Service that sends to it has no endpoints, so that requests get 503. A probe that asks it fails: the pods never become
ready, or are restarted for ever. A probe looks at its own container's ports only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.judging.lint.examples import APP
from kubectl_canary.judging.lint.objects import Object, Objects, Pods, Violation

EFFECTS = {
    "readinessProbe": "the pods never become ready",
    "livenessProbe": "the container is restarted for ever",
    "startupProbe": "the container is restarted for ever",
}

SEVERITY = "error"
SOURCE = "https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports"
PASSING = (APP, APP.replace("targetPort: http", "targetPort: 8080").replace("port: http", "port: 8080"))
FAILING = (
    APP.replace("targetPort: http", "targetPort: web"),
    APP.replace("path: /health, port: http", "path: /health, port: web"),
    APP.replace(
        "          readinessProbe",
        "          livenessProbe: {tcpSocket: {port: web}}\n          readinessProbe",
    ),
)


def check(objects: Objects) -> Iterator[Violation]:
    """Ports of Services and of probes by a name that no container has."""
    for service in objects.of_kind("Service"):
        if service.spec.get("type") != "ExternalName" and not objects.is_foreign(service):
            yield from _of_service(service, objects.selected(service))
    for pods in objects.pods:
        yield from _of_probes(pods)


def _of_service(service: Object, selected: list[Pods]) -> Iterator[Violation]:
    named = {(port.get("name"), port.get("protocol", "TCP")) for pods in selected for port in _ports(pods)}
    for index, port in enumerate(service.spec.get("ports") or []):
        target = port.get("targetPort")
        asked = target, port.get("protocol", "TCP")
        if isinstance(target, str) and selected and asked not in named:
            owner = selected[0].owner
            message = (
                f"no container of {owner.kind} {owner.name} has the port `{target}`: its requests get 503"
            )
            hint = f"name the container's port `{target}`, or write its number here"
            yield service.violation(("spec", "ports", index, "targetPort"), message, hint)


def _ports(pods: Pods) -> Iterator[dict[str, Any]]:
    for _, container in pods.containers("containers", "initContainers"):
        yield from container.get("ports") or []


def _of_probes(pods: Pods) -> Iterator[Violation]:
    for path, container in pods.containers("containers", "initContainers"):
        names = [port.get("name") for port in container.get("ports") or []]
        for probe, effect in EFFECTS.items():
            for way in ("httpGet", "tcpSocket"):
                port = ((container.get(probe) or {}).get(way) or {}).get("port")
                if isinstance(port, str) and port not in names:
                    message = f"container `{container['name']}` has no port `{port}`: {effect}"
                    hint = f"name one of its ports `{port}`, or write the number here"
                    yield pods.owner.violation((*path, probe, way, "port"), message, hint)
