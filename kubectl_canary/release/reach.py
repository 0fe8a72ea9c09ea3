"""Who else sends requests to stable's pods, past the rules that a release governs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.release import routes
from kubectl_canary.release.application import (
    GATEWAY_GROUP,
    IMPORT_API,
    SERVICE_API,
    Adopted,
    Application,
    Located,
    Side,
)
from kubectl_canary.routing.backends import BackendRef

EXPORT = "ServiceExport"
OUTSIDE = ("LoadBalancer", "NodePort")  # types of Services that are reached from outside by themselves


def other_senders(application: Application) -> list[str]:
    """`Ingress shop`, `rule 2 of HTTPRoute shop`: what in the user's manifests sends to stable, whatever the phase."""
    adopted = application.adopted
    if adopted is None:
        return []
    names = _services(application, adopted)
    listed = (_senders(application, given.value, names) for given in adopted.stable)
    return list(dict.fromkeys(sender for senders in listed for sender in senders))


def _services(application: Application, adopted: Adopted) -> set[str]:
    """The Services that catch stable's pods, the release's own among them."""
    pods = [workload.old.pod_labels for workload in application.workloads]
    return {
        str(value["metadata"]["name"])
        for value in (given.value for given in adopted.stable)
        if value.get("kind") == "Service" and any(_catches(value, labels) for labels in pods)
    }


def _catches(service: dict[str, Any], labels: dict[str, str]) -> bool:
    selector = (service.get("spec") or {}).get("selector") or {}
    return bool(selector) and selector.items() <= labels.items()


def _senders(application: Application, value: dict[str, Any], names: set[str]) -> Iterator[str]:
    group, kind = str(value.get("apiVersion")).partition("/")[0], str(value.get("kind"))
    namespace = application.namespace_of(value)
    title, spec = f"{kind} {value['metadata']['name']}", value.get("spec")
    is_near = namespace == application.namespace
    if kind == EXPORT and is_near and value["metadata"]["name"] in names:
        yield title  # other clusters import the Service of its name
    if not isinstance(spec, dict) or kind == EXPORT:
        return
    if group == GATEWAY_GROUP and kind.endswith("Route"):
        yield from (f"rule {index} of {title}" for index in _rules(application, value, names))
    elif is_near and names & set(_named(kind, value)):
        yield title if kind != "Service" else f"{title} ({spec['type']})"


def _rules(application: Application, route: dict[str, Any], names: set[str]) -> Iterator[int]:
    """The rules of a route that send to one of the Services, and are not governed."""
    namespace = application.namespace_of(route)
    for index, rule in enumerate(route["spec"].get("rules") or ()):
        refs = [ref for ref in routes.all_backends(rule) if ref.namespace(namespace) == application.namespace]
        if any(_is_sent(application, ref, names) for ref in refs) and not _is_governed(
            application, route, rule
        ):
            yield index


def _is_sent(application: Application, ref: BackendRef, names: set[str]) -> bool:
    """Whether a backendRef is one of the Services, under the name of several clusters too, or the release's pool."""
    api = (ref.kind, ref.group)
    is_pool = any(service.is_named(api, ref.name, Side.STABLE) for service in application.services)
    return is_pool or (api in (SERVICE_API, IMPORT_API) and ref.name in names)


def _is_governed(application: Application, value: dict[str, Any], rule: dict[str, Any]) -> bool:
    own = Located(str(value.get("kind")), application.namespace_of(value), value["metadata"]["name"])
    numbers = (number for number, known in enumerate(routes.users_rules(value)) if known is rule)
    named = (*numbers, rule.get("name"))
    return any(application.route_of(known) == own and known.rule in named for known in application.governed)


def _named(kind: str, value: dict[str, Any]) -> Iterator[str]:
    """The names of the Services that an object brings requests to."""
    spec = value["spec"]
    if kind == "Ingress":
        yield from _of_ingress(spec)
    elif kind == "VirtualService":
        yield from (host.partition(".")[0] for host in _hosts(spec))
    elif kind == "Service" and spec.get("type") in OUTSIDE:
        yield str(value["metadata"]["name"])


def _of_ingress(spec: dict[str, Any]) -> Iterator[str]:
    paths = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        yield str(((backend or {}).get("service") or {}).get("name"))


def _hosts(value: Any) -> Iterator[str]:
    """Every `host` below: of Istio's destinations."""
    if isinstance(value, dict):
        if isinstance(value.get("host"), str):
            yield value["host"]
        value = list(value.values())
    for child in value if isinstance(value, list) else ():
        yield from _hosts(child)
