"""The routes that Argo Rollouts leads → the same routes to the one Service of a release.

The plugin changes every rule that sends to the stable and to the canary Service, or the one of a name.
Source: https://rollouts-plugin-trafficrouter-gatewayapi.readthedocs.io/ and its pkg/plugin/httproute.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers.argo_rollouts_phases import CANARY, NAME
from kubectl_canary.integrations.importers.belongings import namespace_of, senders
from kubectl_canary.integrations.importers.imported import Gateway, loss, refusal
from kubectl_canary.reading import snapshot
from kubectl_canary.reading.adopted.objects import at, name_of
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import ROUTE_KINDS

PLUGIN = "argoproj-labs/gatewayAPI"
ROUTING: tuple[str, ...] = (*CANARY, "trafficRouting")
KINDS = {"httpRoute": "HTTPRoute", "grpcRoute": "GRPCRoute", "tcpRoute": "TCPRoute", "tlsRoute": "TLSRoute"}
MARKS = "rollouts.argoproj.io/gatewayapi-"  # labels and annotations of the plugin
WHOLE = 1  # weight of a backendRef that says none


@dataclass(frozen=True)
class Led:
    """A route that the plugin leads: its kind and name, the rule, and whether it takes rules for headers."""

    kind: str
    name: str
    rule: str
    has_headers: bool
    place: tuple[str | int, ...]


def led(rollout: Manifest) -> list[Led]:
    """The routes that the plugin is told of by name; a route that stands alone takes rules for headers."""
    place: Path = (*ROUTING, "plugins", PLUGIN)
    config = at(rollout.value, *ROUTING, "plugins", PLUGIN) or {}
    found: list[Led] = []
    for key, kind in KINDS.items():
        name, rule = config.get(key), config.get(f"{key}RuleName")
        if isinstance(name, str) and name:
            found.append(Led(kind, name, rule if isinstance(rule, str) else "", True, (*place, key)))
        items = config.get(f"{key}s")
        for number, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(at(item, "name"), str):
                rule = item.get("ruleName")
                has_headers = item.get("useHeaderRoutes") is True
                where = (*place, f"{key}s", number)
                found.append(
                    Led(kind, item["name"], rule if isinstance(rule, str) else "", has_headers, where)
                )
    return found


def chosen(
    rollout: Manifest, services: tuple[str, str], manifests: Sequence[Manifest], findings: list[Finding]
) -> list[Manifest]:
    """The routes that come over: those that the plugin leads, and all others to the Service."""
    config = at(rollout.value, *ROUTING, "plugins", PLUGIN) or {}
    namespace = at(config, "namespace") or namespace_of(rollout)
    routes = [known for known in manifests if known.text("kind") in ROUTE_KINDS]
    found: list[Manifest] = []
    for one in led(rollout):
        fitting = [
            known
            for known in routes
            if (known.text("kind"), name_of(known)) == (one.kind, one.name)
            and (not namespace_of(known) or not namespace or namespace_of(known) == namespace)
        ]
        found += [known for known in fitting if known not in found]
        if not fitting:
            message = f"{one.kind} {one.name} is not among the manifests"
            hint = "name a folder with it too, or pipe it from the cluster as well"
            findings.append(refusal(f"{NAME}-route", rollout, one.place, message, hint))
    stable, canary = services
    for name in filter(None, (stable, canary)):
        found += [
            known
            for known, _ in senders(name, namespace_of(rollout), manifests)
            if known.text("kind") in ROUTE_KINDS and known not in found
        ]
    return [known for known in routes if known in found]


def carried(
    route: Manifest,
    rollout: Manifest,
    services: tuple[str, str],
    findings: list[Finding],
) -> tuple[dict[str, Any], list[int] | None]:
    """A route without the canary's backends and the rules of the controller, and which rules are split.

    None is every rule to the Service.
    """
    stable, canary = services
    value = _clean(route)
    rules = at(value, "spec", "rules")
    managed = [at(item, "name") for item in at(rollout.value, *ROUTING, "managedRoutes") or ()]
    names = {one.rule for one in led(rollout) if (one.kind, one.name) == (value["kind"], name_of(route))}
    is_led = bool(names) or not led(rollout)
    kept: list[Any] = []
    split: list[int] = []
    others = 0
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        place = ("spec", "rules", number)
        if _is_managed(rule, managed):
            message = (
                f"its rule {rule['name']} is one of managedRoutes, which the controller makes for a release"
            )
            findings.append(loss(f"{NAME}-managed-rule", route, place, message))
            continue
        sent = _sent(rule)
        if canary in sent and stable not in sent:
            message = f"a rule that sends to Service {canary} alone, which the release does not have"
            hint = "take it out, or let it send to the stable Service: testers get to the canary by `spec.testers`"
            findings.append(refusal(f"{NAME}-canary-used", route, place, message, hint))
        if is_led and stable in sent and canary in sent and (not any(names) or at(rule, "name") in names):
            split.append(len(kept))
        elif stable in sent:
            others += 1
        kept.append(_joined(rule, stable, canary) if {stable, canary} <= sent else rule)
    if isinstance(rules, list):
        value["spec"]["rules"] = kept
    return value, (split if others and canary else None)


def _clean(route: Manifest) -> dict[str, Any]:
    """The route as somebody could have written it."""
    value = snapshot.written(route.value)
    for key in ("labels", "annotations"):
        marks = at(value, "metadata", key)
        if isinstance(marks, dict) and any(str(name).startswith(MARKS) for name in marks):
            value["metadata"][key] = {k: v for k, v in marks.items() if not str(k).startswith(MARKS)}
            if not value["metadata"][key]:
                del value["metadata"][key]
    return value


def _sent(rule: Any) -> set[str]:
    """The names of what a rule sends to."""
    refs = at(rule, "backendRefs")
    names = [at(ref, "name") for ref in refs] if isinstance(refs, list) else []
    return {name for name in names if isinstance(name, str)}


def _is_managed(rule: Any, managed: Sequence[Any]) -> bool:
    name = at(rule, "name")
    return isinstance(name, str) and any(
        isinstance(known, str) and re.fullmatch(rf"{re.escape(known)}(-[0-9]+)?", name) for known in managed
    )


def _joined(rule: dict[str, Any], stable: str, canary: str) -> dict[str, Any]:
    """A rule in which the stable Service has what both had; alone it needs no weight."""
    refs = rule["backendRefs"]
    weights = [_weight(ref) for ref in refs if at(ref, "name") in (stable, canary)]
    rest = [ref for ref in refs if at(ref, "name") != canary]
    first = next(ref for ref in rest if at(ref, "name") == stable)
    own = {key: child for key, child in first.items() if key != "weight"}
    if len(rest) > 1 or not sum(weights):
        own["weight"] = sum(weights)
    return {**rule, "backendRefs": [own if ref is first else ref for ref in rest]}


def _weight(ref: dict[str, Any]) -> int:
    weight = ref.get("weight", WHOLE)
    return weight if isinstance(weight, int) else WHOLE


def made(service: Manifest, gateway: Gateway) -> dict[str, Any] | None:
    """A route for every path to the first port of a Service; None where it has none."""
    ports = at(service.value, "spec", "ports")
    port = at(ports[0], "port") if isinstance(ports, list) and ports else None
    if not isinstance(port, int):
        return None
    namespace = {"namespace": namespace_of(service)} if namespace_of(service) else {}
    parent = {"name": gateway.name, **({"namespace": gateway.namespace} if gateway.namespace else {})}
    match = {"path": {"type": "PathPrefix", "value": "/"}}
    rule = {"matches": [match], "backendRefs": [{"name": name_of(service), "port": port}]}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name_of(service), **namespace},
        "spec": {"parentRefs": [parent], "rules": [rule]},
    }


def unknown_fields(rollout: Manifest) -> Iterator[Finding]:
    """What the plugin is told, and a release has no use for."""
    place = (*ROUTING, "plugins", PLUGIN)
    known = {
        "namespace",
        *KINDS,
        *(f"{key}s" for key in KINDS),
        *(f"{key}RuleName" for key in KINDS),
    }
    for key in at(rollout.value, *place) or {}:
        if key not in known:
            message = f"{key} is the plugin's own: the release takes the routes to its Service"
            yield loss(f"{NAME}-plugin-field", rollout, (*place, key), message)
