"""A Service, and the rule in front of it → what Flagger makes both of: the Canary's `service`.

Source: pkg/router/gateway_api.go, kubernetes_default.go and pkg/canary/util.go of Flagger 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.errors import UsageError
from kubectl_canary.findings import Finding
from kubectl_canary.integrations.exporters.exported import Exporting, Object, loss
from kubectl_canary.integrations.importers.flagger_fields import NAME
from kubectl_canary.integrations.importers.flagger_routes import PATHS, SIDECARS
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import (
    HTTP_ROUTE,
    OWN_LABEL,
    OWN_PREFIX,
    OWNER,
    SERVICE_API,
    Governed,
    Located,
    Side,
)
from kubectl_canary.release.routes import backends, users_rules

OF_SERVICES = {"selector": None, "ports": None, "type": "ClusterIP", "sessionAffinity": "None"}
OF_RULES = ("name", "matches", "filters", "backendRefs", "timeouts")
HEADERS = {"RequestHeaderModifier": "request", "ResponseHeaderModifier": "response"}
REWRITES = {"ReplaceFullPath": "replaceFullPath", "ReplacePrefixMatch": "replacePrefixMatch"}
ADOPTED = ("spec", "adopt")


@dataclass(frozen=True)
class Led:
    """The rule that Flagger leads, and its route; `rest` is that route without the rule, None where nothing is left."""

    route: Object
    rule: Object
    rest: Object | None
    losses: tuple[Finding, ...]


# --- the rule ---------------------------------------------------------------


def led(exporting: Exporting) -> Led:
    """The first governed rule that Flagger can say; the others stay where they are, and are not split.

    Raises UsageError where it can say none.
    """
    application = exporting.plan.application
    losses: list[Finding] = []
    reasons: list[str] = []
    taken: tuple[Object, Object] | None = None
    for governed in application.governed:
        where = application.route_of(governed)
        route, rule = _found(exporting, governed, where)
        reason = _unsayable(exporting, where, rule)
        title = f"{where.title}, rule {governed.rule or 0}"
        if reason:
            reasons.append(f"{title}: {reason}")
        if taken is None and not reason:
            taken = route, rule
        else:
            message = f"{title}: {reason or 'Flagger leads one rule of one HTTPRoute'}"
            hint = "its requests stay with the old version until Flagger copies the new one to NAME-primary"
            losses.append(loss(f"{NAME}-rules", (*ADOPTED, "routes"), message, hint))
    if taken is None:
        hint = "Flagger leads an HTTPRoute with one rule to one Service of its namespace"
        raise UsageError(f"Flagger can lead none of the rules: {'; '.join(reasons)}", hint)
    route, rule = taken
    rest = _rest(exporting, route, rule)
    return Led(route, rule, rest, (*losses, *_of_route(exporting, route, rest), *_of_rule(rule)))


def _found(exporting: Exporting, governed: Governed, where: Located) -> tuple[Object, Object]:
    """A governed rule, and its route."""
    application = exporting.plan.application
    route = next(
        known
        for known in exporting.of_kind(where.kind)
        if known["metadata"]["name"] == where.name and application.namespace_of(known) == where.namespace
    )
    rules = users_rules(route)
    if isinstance(governed.rule, int):
        return route, rules[governed.rule]
    service = exporting.workload.service
    return route, next(
        rule
        for rule in rules
        if rule.get("name") == governed.rule
        or (
            governed.rule is None
            and any(service.is_named((ref.kind, ref.group), ref.name, Side.STABLE) for ref in backends(rule))
        )
    )


def _unsayable(exporting: Exporting, where: Located, rule: Object) -> str:
    """Why Flagger would send the requests of a rule elsewhere; empty where it would not."""
    if where.kind != HTTP_ROUTE:
        return f"Flagger leads no {where.kind}"
    if where.namespace != exporting.plan.application.namespace:
        return f"it is in namespace {where.namespace}, and Flagger makes the route beside the Canary"
    service = exporting.workload.service
    refs = backends(rule)
    if len(refs) != 1 or (refs[0].kind, refs[0].group) != SERVICE_API:
        return "it sends to something else than one Service"
    if refs[0].name != service.names.stable or refs[0].port != service.port or refs[0].value.get("filters"):
        return f"it does not send all to port {service.port} of Service {service.names.stable} as it is"
    kinds = [_kind_of(known) for known in rule.get("filters") or []]
    return next((f"it has {kind}" for kind in kinds if kind), "") or (
        "it has two filters of a type" if _are_twice(rule) else ""
    )


def _kind_of(known: Object) -> str:
    """What a filter is that Flagger cannot say; empty where it can."""
    kind = str(known["type"])
    if kind in HEADERS or kind == "CORS":
        return ""
    if kind == "RequestMirror":
        return "a mirror of a share" if set(known["requestMirror"]) - {"backendRef"} else ""
    if kind == "URLRewrite":
        path = known["urlRewrite"].get("path")
        return "a rewrite to nothing" if path and not path.get(REWRITES[path["type"]]) else ""
    return f"the filter {kind}"


def _are_twice(rule: Object) -> bool:
    kinds = [known["type"] for known in rule.get("filters") or [] if known["type"] != "RequestMirror"]
    return len(kinds) > len(set(kinds))


def _rest(exporting: Exporting, route: Object, rule: Object) -> Object | None:
    """The route without the rule, under another name where Flagger's route has it."""
    left = [known for known in users_rules(route) if known != rule]
    if not left:
        return None
    name = route["metadata"]["name"]
    if name == exporting.workload.service.names.stable:
        name = f"{name}-others"
    annotations = _users(route["metadata"].get("annotations"))
    kept = {key: value for key, value in route["metadata"].items() if key != "annotations"}
    described = {**kept, "name": name, **({"annotations": annotations} if annotations else {})}
    return {**route, "metadata": described, "spec": {**route["spec"], "rules": left}}


def _of_route(exporting: Exporting, route: Object, rest: Object | None) -> Iterator[Finding]:
    name, service = route["metadata"]["name"], exporting.workload.service.names.stable
    if rest is not None and rest["metadata"]["name"] != name:
        message = (
            f"Flagger takes HTTPRoute {name} for one rule: the others stand in {rest['metadata']['name']}"
        )
        yield loss(f"{NAME}-one-rule", (*ADOPTED, "routes"), message, "apply that before the Canary")
    elif rest is not None:
        message = f"Flagger makes HTTPRoute {service} of one rule, which {name} has no more"
        hint = "apply that once the Canary is Initialized: before, nobody answers the requests of the rule"
        yield loss(f"{NAME}-one-rule", (*ADOPTED, "routes"), message, hint)
    elif name != service:
        message = f"Flagger's HTTPRoute has the name of the Service, {service}, and {name} is older and wins"
        hint = f"kubectl delete httproute {name} once the Canary is Initialized"
        yield loss(f"{NAME}-route-name", ("spec", "route"), message, hint)


def _of_rule(rule: Object) -> Iterator[Finding]:
    timeouts = [f"timeouts.{key}" for key in rule.get("timeouts") or {} if key != "request"]
    cors = ["CORS" for known in rule.get("filters") or [] if known["type"] == "CORS"]
    for field in [*(key for key in rule if key not in OF_RULES), *timeouts, *cors]:
        message = f"{field} of the rule: Flagger does not write it into an HTTPRoute"
        yield loss(f"{NAME}-field", ("spec", "route"), message)


# --- the Canary's service ---------------------------------------------------


def service(exporting: Exporting, known: Led) -> tuple[Object, tuple[Finding, ...]]:
    """The Canary's `service`, and what of the Service and the route is not in it."""
    own = exporting.one("Service", exporting.workload.service.names.stable)
    main, *more = _ports(exporting, own)
    spec = known.route["spec"]
    made: Object = {
        "name": own["metadata"]["name"],
        "port": main["port"],
        **({"portName": main["name"]} if main.get("name") else {}),
        "targetPort": main.get("targetPort", main["port"]),
        **({"appProtocol": main["appProtocol"]} if main.get("appProtocol") else {}),
        **({"portDiscovery": True} if more else {}),
        "gatewayRefs": spec.get("parentRefs") or [],
        **({"hosts": spec["hostnames"]} if spec.get("hostnames") else {}),
        "match": [_match(match) for match in known.rule.get("matches") or [{}]],
        **_filters(known.rule.get("filters") or []),
    }
    if request := (known.rule.get("timeouts") or {}).get("request"):
        made["timeout"] = request
    if apex := _apex(exporting, own, known.route):
        made["apex"] = apex
    if not made["gatewayRefs"]:
        raise UsageError("the route attaches to nothing, and Flagger needs a Gateway", "write `parentRefs`")
    return made, (*_of_service(exporting, own, made, more), *_of_metadata(exporting, own, known.route))


def _ports(exporting: Exporting, own: Object) -> list[Object]:
    """The Service's ports, the one that the route sends to first."""
    main = next(
        port
        for port in own["spec"]["ports"]
        if port["port"] == exporting.workload.service.port and port.get("protocol", "TCP") == "TCP"
    )
    return [main, *(port for port in own["spec"]["ports"] if port is not main)]


def _match(match: Object) -> Object:
    path = match.get("path") or {}
    kind = path.get("type", "PathPrefix")
    made: Object = {"uri": {next(key for key, known in PATHS if known == kind): path.get("value", "/")}}
    if match.get("method"):
        made["method"] = {"exact": match["method"]}
    for key in ("headers", "queryParams"):
        if match.get(key):
            made[key] = {known["name"]: _condition(known) for known in reversed(match[key])}
    return made


def _condition(known: Object) -> Object:
    return {"regex" if known.get("type") == "RegularExpression" else "exact": known["value"]}


def _filters(filters: Sequence[Object]) -> Object:
    """What Flagger's makeFilters reads."""
    made: Object = {}
    for known in filters:
        kind = known["type"]
        if kind in HEADERS:
            said = known[f"{kind[0].lower()}{kind[1:]}"]
            made.setdefault("headers", {})[HEADERS[kind]] = _changes(said)
        elif kind == "URLRewrite":
            made["rewrite"] = _rewrite(known["urlRewrite"])
        elif kind == "RequestMirror":
            made.setdefault("mirror", []).append({"backendRef": known["requestMirror"]["backendRef"]})
    return made


def _changes(said: Object) -> Object:
    changes: Object = {
        key: {header["name"]: header["value"] for header in said[key]}
        for key in ("set", "add")
        if said.get(key)
    }
    return {**changes, **({"remove": said["remove"]} if said.get("remove") else {})}


def _rewrite(said: Object) -> Object:
    path = said.get("path")
    made: Object = {"authority": said["hostname"]} if said.get("hostname") else {}
    return {**made, "type": path["type"], "uri": path[REWRITES[path["type"]]]} if path else made


def _users(texts: dict[str, str] | None, also: Sequence[str] = ()) -> dict[str, str]:
    """Labels or annotations without our own."""
    return {
        key: text
        for key, text in (texts or {}).items()
        if not key.startswith(OWN_PREFIX) and (key, text) != (OWN_LABEL, OWNER) and key not in also
    }


def _apex(exporting: Exporting, *beside: Object) -> Object:
    """The labels and annotations of the Service and the route, which Flagger gives to both."""
    track = () if exporting.plan.application.adopted else ("version",)
    made: Object = {}
    for key in ("labels", "annotations"):
        for known in reversed(beside):
            made.setdefault(key, {}).update(_users(known["metadata"].get(key), track))
    return {key: texts for key, texts in made.items() if texts}


def _of_metadata(exporting: Exporting, own: Object, route: Object) -> Iterator[Finding]:
    if _apex(exporting, own) != _apex(exporting, route):
        message = (
            "Flagger gives the same labels and annotations to its Service and its HTTPRoute: "
            "each has those of the other too, and the Service's come first"
        )
        yield loss(f"{NAME}-metadata", ("spec", "route"), message)


def _of_service(exporting: Exporting, own: Object, made: Object, more: Sequence[Object]) -> Iterator[Finding]:
    """What Flagger's Service has otherwise."""
    for key, value in own["spec"].items():
        if key not in OF_SERVICES or OF_SERVICES[key] not in (None, value):
            message = f"Service {made['name']}: Flagger makes it with ports and a selector, and without {key}"
            yield loss(f"{NAME}-service", ("spec", "service"), message)
    discovered = [*_discovered(exporting, made)] if more else []
    for port in more:
        wanted = (port["port"], port.get("targetPort", port["port"]), port.get("name"))
        if port.get("protocol", "TCP") != "TCP" or port.get("appProtocol") or wanted not in discovered:
            message = (
                f"port {port.get('name') or port['port']}: Flagger makes the containers' ports, and not it"
            )
            hint = "name the container's port as the Service's, of the same number"
            yield loss(f"{NAME}-ports", ("spec", "service"), message, hint)


def _discovered(exporting: Exporting, made: Object) -> Iterator[tuple[int, Any, str]]:
    """The further ports of Flagger's Service, each with its name, to its number and to its name. Source: getPorts."""
    deployment = exporting.one("Deployment", exporting.workload.names.stable)
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        for number, port in enumerate(container.get("ports") or []):
            name = port.get("name") or f"tcp-{container['name']}-{number}"
            is_main = made["targetPort"] in (port["containerPort"], port.get("name"))
            if container["name"] not in SIDECARS and not is_main:
                yield port["containerPort"], port["containerPort"], name
                yield port["containerPort"], name, name
