"""Who else sends requests to stable's Services, past the rules that a release governs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.release import routes
from kubectl_canary.release.application import GATEWAY_GROUP, Application, Governed


def other_senders(application: Application) -> list[str]:
    """`Ingress shop`, `rule 2 of HTTPRoute shop`: what in the user's manifests sends to stable, whatever the phase."""
    if application.adopted is None:
        return []
    names = {service.names.stable for service in application.services}
    documents = [given.value for given in (*application.adopted.stable, *application.adopted.new)]
    return list(
        dict.fromkeys(sender for value in documents for sender in _senders(application, value, names))
    )


def _senders(application: Application, value: dict[str, Any], names: set[str]) -> Iterator[str]:
    group, kind = str(value.get("apiVersion")).partition("/")[0], str(value.get("kind"))
    namespace = value["metadata"].get("namespace", application.namespace)
    title = f"{kind} {value['metadata']['name']}"
    spec = value.get("spec")
    if not isinstance(spec, dict):
        return
    if group == GATEWAY_GROUP and kind.endswith("Route"):
        for index, rule in enumerate(spec.get("rules") or ()):
            refs = [
                ref for ref in routes.all_backends(rule) if ref.namespace(namespace) == application.namespace
            ]
            is_sent = any(ref.is_service and ref.name in names for ref in refs)
            if is_sent and not _is_governed(application, value, index, rule):
                yield f"rule {index} of {title}"
    elif kind == "Ingress" and namespace == application.namespace and names & set(_of_ingress(spec)):
        yield title


def _is_governed(application: Application, value: dict[str, Any], index: int, rule: dict[str, Any]) -> bool:
    metadata, kind = value["metadata"], str(value.get("kind"))
    is_near = (metadata.get("namespace") or application.namespace) == application.namespace
    named = {Governed(metadata["name"], key, kind) for key in (index, rule.get("name"))}
    return is_near and bool(named & set(application.governed))


def _of_ingress(spec: dict[str, Any]) -> Iterator[str]:
    """The names of the Services that an Ingress sends to."""
    paths = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        yield str(((backend or {}).get("service") or {}).get("name"))
