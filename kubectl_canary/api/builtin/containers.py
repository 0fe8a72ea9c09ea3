"""A pod's containers (validateContainerCommon and its neighbours in pkg/apis/core/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from fractions import Fraction
from typing import Any

from kubectl_canary.api import metadata
from kubectl_canary.api.builtin import quantity
from kubectl_canary.api.builtin.checks import (
    PROTOCOLS,
    duplicate,
    forbidden,
    invalid,
    matches,
    named,
    not_negative,
    one_of,
    port,
    port_name,
    port_or_name,
    required,
)
from kubectl_canary.api.builtin.data import key_problem
from kubectl_canary.api.metadata import FieldError
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Path

Container = dict[str, Any]

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
STANDARD_RESOURCES = ("cpu", "memory", "ephemeral-storage")
FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
    "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
RESOURCE_FIELDS = tuple(f"{kind}.{name}" for kind in ("limits", "requests") for name in STANDARD_RESOURCES)
KEYED_FIELD = regex(r"metadata\.(?:annotations|labels)\['.*'\]\Z", re.DOTALL)
HEADER = regex(r"[-A-Za-z0-9]+\Z")
HEADER_WORDS = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name')"
VARIABLE = regex(r"[ -<>-~]+\Z")
VARIABLE_WORDS = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
SOURCES = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"


def ordinary(container: Container, path: Path, volumes: Set[str], grace: int) -> Iterator[FieldError]:
    """Everything against a container that keeps running; `grace` in seconds."""
    yield from _common(container, path, volumes)
    yield from _lifecycle(container, path, grace)


def initial(container: Container, path: Path, volumes: Set[str], grace: int) -> Iterator[FieldError]:
    """Everything against a container that runs before the others, or beside them (`restartPolicy: Always`)."""
    yield from _common(container, path, volumes)
    yield from host_ports([container], path[:-1], False)
    if container.get("restartPolicy") == "Always":
        yield from _lifecycle(container, path, grace)
        return
    for key in ("lifecycle", *PROBES):
        if key in container:
            yield forbidden((*path, key), "may not be set for init containers without restartPolicy=Always")


def host_ports(containers: Sequence[Container], path: Path, on_host: bool) -> Iterator[FieldError]:
    """Ports of the node that two of them want, or that differ from the container's in the node's network."""
    seen = set()
    for number, container in enumerate(containers):
        for index, container_port in enumerate(container.get("ports", [])):
            host_port, at = container_port.get("hostPort", 0), (*path, number, "ports", index, "hostPort")
            key = f"{container_port.get('protocol') or 'TCP'}/{container_port.get('hostIP', '')}/{host_port}"
            if host_port and key in seen:
                yield duplicate(at, key)
            if host_port and on_host and host_port != container_port["containerPort"]:
                yield invalid(at, host_port, "must match `containerPort` when `hostNetwork` is true")
            seen.add(key)


def seccomp(context: dict[str, Any], path: Path) -> Iterator[FieldError]:
    """A seccomp profile of a security context."""
    profile = context.get("seccompProfile")
    if profile is None:
        return
    at = (*path, "seccompProfile")
    yield from one_of((*at, "type"), profile.get("type", ""), ("Localhost", "RuntimeDefault", "Unconfined"))
    if profile.get("type") == "Localhost" and not profile.get("localhostProfile"):
        yield required((*at, "localhostProfile"), "must be set when seccomp type is Localhost")
    elif profile.get("type") != "Localhost" and "localhostProfile" in profile:
        yield invalid(
            (*at, "localhostProfile"),
            profile["localhostProfile"],
            "can only be set when seccomp type is Localhost",
        )


def _common(container: Container, path: Path, volumes: Set[str]) -> Iterator[FieldError]:
    yield from named(path, container, "name", metadata.label)
    yield from named(path, container, "image")
    pull, message = container.get("imagePullPolicy"), container.get("terminationMessagePolicy")
    if pull:
        yield from one_of((*path, "imagePullPolicy"), pull, ("Always", "IfNotPresent", "Never"))
    if message:
        supported = ("File", "FallbackToLogsOnError")
        yield from one_of((*path, "terminationMessagePolicy"), message, supported)
    yield from _ports(container.get("ports", []), (*path, "ports"))
    for index, variable in enumerate(container.get("env", [])):
        yield from _variable(variable, (*path, "env", index))
    for index, source in enumerate(container.get("envFrom", [])):
        yield from _variables(source, (*path, "envFrom"), index)
    yield from _mounts(container.get("volumeMounts", []), (*path, "volumeMounts"), volumes)
    yield from _resources(container.get("resources", {}), (*path, "resources"))
    yield from _security(container.get("securityContext", {}), (*path, "securityContext"))


def _ports(ports: Sequence[dict[str, Any]], path: Path) -> Iterator[FieldError]:
    names = set()
    for index, container_port in enumerate(ports):
        at, name = (*path, index), container_port.get("name", "")
        if name and port_name(name):
            yield invalid((*at, "name"), name, str(port_name(name)))
        elif name in names:
            yield duplicate((*at, "name"), name)
        elif name:
            names.add(name)
        if not container_port.get("containerPort"):
            yield required((*at, "containerPort"))
        else:
            yield from port((*at, "containerPort"), container_port["containerPort"])
        if container_port.get("hostPort"):
            yield from port((*at, "hostPort"), container_port["hostPort"])
        yield from one_of((*at, "protocol"), container_port.get("protocol") or "TCP", PROTOCOLS)


def _variable(variable: dict[str, Any], path: Path) -> Iterator[FieldError]:
    if not variable.get("name"):
        yield required((*path, "name"))
    elif not VARIABLE.match(variable["name"]):
        yield invalid((*path, "name"), variable["name"], VARIABLE_WORDS)
    if "valueFrom" not in variable:
        return
    source, at = variable["valueFrom"], (*path, "valueFrom")
    if not source:
        yield invalid(at, "", SOURCES)
    elif variable.get("value"):
        yield invalid(at, "", "may not be specified when `value` is not empty")
    elif len(source) > 1:
        yield invalid(at, "", "may not have more than one field specified at a time")
    for key in ("configMapKeyRef", "secretKeyRef"):
        if key in source:
            yield from _key(source[key], (*at, key))
    if "fieldRef" in source:
        yield from _field(source["fieldRef"], (*at, "fieldRef"))
    if "resourceFieldRef" in source:
        yield from _resource_field(source["resourceFieldRef"], (*at, "resourceFieldRef"))


def _key(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    yield from matches((*path, "name"), source.get("name", ""), metadata.subdomain)
    yield from named(path, source, "key", key_problem)


def _field(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    name, at = source.get("fieldPath", ""), (*path, "fieldPath")
    if not name:
        yield required(at)
    elif not KEYED_FIELD.match(name):
        yield from one_of(at, name, FIELDS)


def _resource_field(source: dict[str, Any], path: Path) -> Iterator[FieldError]:
    name = source.get("resource", "")
    if not name:
        yield required((*path, "resource"))
    elif not name.startswith(("limits.hugepages-", "requests.hugepages-")):
        yield from one_of((*path, "resource"), name, RESOURCE_FIELDS)


def _variables(source: dict[str, Any], path: Path, index: int) -> Iterator[FieldError]:
    at = (*path, index)
    if source.get("prefix") and not VARIABLE.match(source["prefix"]):
        yield invalid((*at, "prefix"), source["prefix"], VARIABLE_WORDS)
    kinds = [key for key in ("configMapRef", "secretRef") if key in source]
    for key in kinds:
        yield from named((*at, key), source[key], "name", metadata.prefix_of(metadata.subdomain))
    if not kinds:
        yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
    elif len(kinds) > 1:
        yield invalid(path, "", "may not have more than one field specified at a time")


def _mounts(mounts: Sequence[dict[str, Any]], path: Path, volumes: Set[str]) -> Iterator[FieldError]:
    places = set()
    for index, mount in enumerate(mounts):
        at, name, place = (*path, index), mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            yield required((*at, "name"))
        if name not in volumes:
            yield (*at, "name"), f"Not found: {metadata.shown(name)}"
        if not place:
            yield required((*at, "mountPath"))
        if place in places:
            yield invalid((*at, "mountPath"), place, "must be unique")
        places.add(place)
        for key in ("subPath", "subPathExpr"):
            yield from descending((*path, key), mount.get(key, ""))
        if mount.get("subPath") and mount.get("subPathExpr"):
            text = "subPathExpr and subPath are mutually exclusive"
            yield invalid((*at, "subPathExpr"), mount["subPathExpr"], text)


def descending(path: Path, text: str) -> Iterator[FieldError]:
    """A path inside a volume: relative, and never up."""
    if text.startswith("/"):
        yield invalid(path, text, "must be a relative path")
    if ".." in text.split("/"):
        yield invalid(path, text, "must not contain '..'")


def _resources(resources: dict[str, Any], path: Path) -> Iterator[FieldError]:
    limits = resources.get("limits", {})
    for kind in ("limits", "requests"):
        for name, value in resources.get(kind, {}).items():
            yield from _resource((*path, kind, name), name, quantity.parsed(value), value)
    for name, value in resources.get("requests", {}).items():
        request, limit = quantity.parsed(value), quantity.parsed(limits.get(name, value))
        if name in STANDARD_RESOURCES and request > limit:
            text = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid((*path, "requests"), str(value), text)
        elif name not in STANDARD_RESOURCES and name not in limits:
            yield required((*path, "limits"), "Limit must be set for non overcommitable resources")
        elif name not in STANDARD_RESOURCES and request != limit:
            text = f"must be equal to {name} limit of {limits[name]}"
            yield invalid((*path, "requests"), str(value), text)


def _resource(path: Path, name: str, amount: Fraction, value: Any) -> Iterator[FieldError]:
    problem = metadata.qualified_name(name)
    if problem:
        yield invalid(path, name, problem)
    elif "/" not in name and name not in STANDARD_RESOURCES and not name.startswith("hugepages-"):
        yield invalid(path, name, "must be a standard resource for containers")
    if amount < 0:
        yield invalid(path, str(value), "must be greater than or equal to 0")


def _security(context: dict[str, Any], path: Path) -> Iterator[FieldError]:
    for key in ("runAsUser", "runAsGroup"):
        if not 0 <= context.get(key, 0) < 2**31:
            yield invalid((*path, key), context[key], "must be between 0 and 2147483647, inclusive")
    yield from seccomp(context, path)
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield invalid(path, context, text)
        if "CAP_SYS_ADMIN" in context.get("capabilities", {}).get("add", []):
            text = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            yield invalid(path, context, text)


def _lifecycle(container: Container, path: Path, grace: int) -> Iterator[FieldError]:
    for key in ("postStart", "preStop"):
        if key in container.get("lifecycle", {}):
            yield from _handler(container["lifecycle"][key], (*path, "lifecycle", key), grace)
    for key in PROBES:
        if key in container:
            yield from _probe(container[key], (*path, key), grace)


def _probe(probe: dict[str, Any], path: Path, grace: int) -> Iterator[FieldError]:
    yield from _handler(probe, path, grace)
    yield from not_negative(
        path, probe, "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"
    )  # fmt: skip
    if path[-1] != "readinessProbe" and (probe.get("successThreshold") or 1) != 1:
        yield invalid((*path, "successThreshold"), probe["successThreshold"], "must be 1")
    seconds, at = probe.get("terminationGracePeriodSeconds"), (*path, "terminationGracePeriodSeconds")
    if seconds is not None and path[-1] == "readinessProbe":
        yield invalid(at, seconds, "must not be set for readinessProbes")
    elif seconds is not None and seconds <= 0:
        yield invalid(at, seconds, "must be greater than 0")


def _handler(handler: dict[str, Any], path: Path, grace: int) -> Iterator[FieldError]:
    kinds = [key for key in HANDLERS if key in handler]
    if not kinds:
        yield required(path, "must specify a handler type")
    for key in kinds[1:]:
        yield forbidden((*path, key), "may not specify more than 1 handler type")
    for key in kinds[:1]:
        yield from _action(key, handler[key], (*path, key), grace)


def _action(key: str, action: dict[str, Any], path: Path, grace: int) -> Iterator[FieldError]:
    if key == "exec" and not action.get("command"):
        yield required((*path, "command"))
    elif key == "sleep" and not 0 <= action.get("seconds", 0) <= grace:
        text = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        yield invalid(path, action.get("seconds", 0), text)
    elif key in ("tcpSocket", "grpc", "httpGet"):
        yield from port_or_name((*path, "port"), action.get("port", 0))
    if key == "httpGet":
        yield from one_of((*path, "scheme"), action.get("scheme") or "HTTP", ("HTTP", "HTTPS"))
        for header in action.get("httpHeaders", []):
            if not HEADER.match(header.get("name", "")):
                yield invalid((*path, "httpHeaders"), header.get("name", ""), HEADER_WORDS)
