"""A container that needs a ConfigMap which is not there does not start: its pods never become ready.

Looked at only where the set has ConfigMaps of that namespace: else they are somewhere else. What is `optional` may be
missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.findings import Path
from kubectl_canary.judging.lint.examples import APP
from kubectl_canary.judging.lint.objects import Objects, Pods, Violation

OF_THE_CLUSTER = "kube-root-ca.crt"

SEVERITY = "warning"
SOURCE = "https://kubernetes.io/docs/concepts/configuration/configmap/#using-configmaps"
_MAP = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shop, namespace: web}
data: {greeting: hello}
"""
_ENV = "          envFrom: [{configMapRef: {name: shop}}]\n"
_VOLUMES = "      volumes: [{name: settings, configMap: {name: shop}}]\n"
PASSING = (APP + _ENV + _VOLUMES + _MAP, APP + _ENV.replace("shop}", "other, optional: true}") + _MAP)
FAILING = (
    APP + _ENV.replace("shop", "shop-settings") + _MAP,
    APP
    + _VOLUMES.replace("configMap: {name: shop}", "projected: {sources: [{configMap: {name: other}}]}")
    + _MAP,
    APP + "          env: [{name: A, valueFrom: {configMapKeyRef: {name: other, key: a}}}]\n" + _MAP,
)


def check(objects: Objects) -> Iterator[Violation]:
    """ConfigMaps that pods need and that the set lacks."""
    for pods in objects.pods:
        namespace = pods.owner.namespace
        for path, ref in _references(pods) if objects.in_namespace(namespace, "ConfigMap") else ():
            name = ref.get("name")
            is_needed = name not in (None, OF_THE_CLUSTER) and not ref.get("optional")
            if is_needed and objects.find("ConfigMap", namespace, str(name)) is None:
                message = f"no ConfigMap `{name}` here: the containers that need it do not start"
                yield pods.owner.violation(
                    (*path, "name"), message, "correct the name, or set `optional: true`"
                )


def _references(pods: Pods) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path, container in pods.containers("containers", "initContainers"):
        for index, variable in enumerate(container.get("env") or []):
            yield from _at((*path, "env", index), variable, "valueFrom", "configMapKeyRef")
        for index, source in enumerate(container.get("envFrom") or []):
            yield from _at((*path, "envFrom", index), source, "configMapRef")
    for index, volume in enumerate(pods.spec.get("volumes") or []):
        path = (*pods.path, "spec", "volumes", index)
        yield from _at(path, volume, "configMap")
        for number, source in enumerate((volume.get("projected") or {}).get("sources") or []):
            yield from _at((*path, "projected", "sources", number), source, "configMap")


def _at(path: Path, value: dict[str, Any], *keys: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The reference below some keys, with its place, where it is there."""
    reference: Any = value
    for key in keys:
        reference = (reference or {}).get(key)
    if reference:
        yield (*path, *keys), reference
