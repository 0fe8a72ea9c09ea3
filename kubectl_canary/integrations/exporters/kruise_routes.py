"""The route that Kruise splits, and what of the release's routes it cannot do.

Source: EnsureRoutes and Finalise in pkg/trafficrouting/network/gateway/gateway.go of github.com/openkruise/rollouts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubectl_canary.errors import UsageError
from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.exporters.exported import Exporting, Object, loss
from kubectl_canary.integrations.importers.kruise_steps import NAME
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import HTTP_ROUTE, Located
from kubectl_canary.release.routes import backends, matches_of

MOST_RULES, MOST_MATCHES = 16, 128  # of an HTTPRoute
# what the Gateway API of go.mod (v1.2.1) has: Kruise reads the route into these types, and writes all of it
RULE_FIELDS = {"name", "matches", "filters", "backendRefs", "timeouts", "retry", "sessionPersistence"}
FILTER_FIELDS = {
    "type",
    "requestHeaderModifier",
    "responseHeaderModifier",
    "requestMirror",
    "requestRedirect",
    "urlRewrite",
    "extensionRef",
}


@dataclass(frozen=True)
class Routed:
    """The route that Kruise splits: its rules, those that send to the Service, and those that the release governs."""

    located: Located
    rules: tuple[Object, ...]
    sending: tuple[int, ...]
    governed: tuple[int, ...]
    no_testers: str  # why Kruise can write no rules for testers; empty where it can


def routed(exporting: Exporting) -> Routed:
    """The first governed HTTPRoute beside the Rollout with a rule that Kruise splits."""
    application, service = exporting.plan.application, exporting.workload.service
    for located in application.routes:
        if located.kind != HTTP_ROUTE or located.namespace != application.namespace:
            continue
        rules = tuple(_rules_of(exporting, located))
        sending = [number for number, rule in enumerate(rules) if _sends(rule, service.names.stable)]
        governed = _governed(exporting, located, rules, sending)
        if set(governed) & set(sending):
            why = _no_testers(exporting, rules, sending)
            return Routed(located, rules, tuple(sending), tuple(governed), why)
    names = ", ".join(located.title for located in application.routes)
    message = (
        f"Kruise splits an HTTPRoute of the Rollout's namespace that sends to Service {service.names.stable}, "
        f"and the release has {names}"
    )
    raise UsageError(message, "keep this release in files")


def _rules_of(exporting: Exporting, located: Located) -> list[Object]:
    namespace_of = exporting.plan.application.namespace_of
    for known in exporting.of_kind(located.kind):
        if (namespace_of(known), known["metadata"]["name"]) == (located.namespace, located.name):
            return known["spec"].get("rules") or []
    return []


def _sends(rule: Object, service: str) -> bool:
    """Whether Kruise finds the Service among the backends: by kind and name (getServiceBackendRef)."""
    return any((ref.kind, ref.name) == ("Service", service) for ref in backends(rule))


def _governed(
    exporting: Exporting, located: Located, rules: Sequence[Object], sending: Sequence[int]
) -> list[int]:
    """The numbers of the governed rules; all that send to the Service where none is named."""
    application = exporting.plan.application
    said = [known.rule for known in application.governed if application.route_of(known) == located]
    numbers = [number for number, rule in enumerate(rules) if number in said or rule.get("name") in said]
    return numbers if any(rule is not None for rule in said) else list(sending)


def _no_testers(exporting: Exporting, rules: Sequence[Object], sending: Sequence[int]) -> str:
    """Why the API server refuses the rules that Kruise writes for testers, one for each that sends to the Service."""
    testers = exporting.plan.application.testers
    doubled = [match for number in sending for match in matches_of(rules[number])]
    matches = sum(len(matches_of(rule)) for rule in rules) + len(doubled)
    if len(rules) + len(sending) > MOST_RULES or matches > MOST_MATCHES:
        return f"its route has no room for {len(sending)} more rules"
    if testers is not None and any(testers.is_in(match) for match in doubled):
        return f"a rule asks for {testers.noun} already, and Kruise adds it a second time"
    return ""


def shaped(route: Object, routed: Routed) -> Object:
    """The route that Kruise splits, without names of the rules that it doubles for testers: names are unique."""
    for number in routed.sending:
        route["spec"]["rules"][number].pop("name", None)
    return route


def of_routes(exporting: Exporting, routed: Routed, has_testers: bool) -> Iterator[Finding]:
    application = exporting.plan.application
    path: Path = ("spec", "route") if application.adopted is None else ("spec", "adopt")
    title = routed.located.title
    for located in application.routes:
        if located != routed.located:
            message = f"{located.title}: Kruise splits {title} alone, and its requests stay with stable"
            yield loss(f"{NAME}-route", path, message)
    for number, rule in enumerate(routed.rules):
        where = f"{title}, rule {rule.get('name', number)}: "
        if number in routed.governed and number not in routed.sending:
            message = (
                f"{where}Kruise splits what is sent to a Service, and here is none: it stays with stable"
            )
            yield loss(f"{NAME}-rules", path, message)
        if number in routed.sending and number not in routed.governed:
            yield loss(f"{NAME}-rules", path, f"{where}Kruise splits it, too, since it sends to the Service")
        if number in routed.sending and has_testers and application.adopted is not None and "name" in rule:
            message = (
                f"{where}Kruise doubles it for testers with its name, which only one may have: it has none"
            )
            yield loss(f"{NAME}-rule-names", path, message)
        if number in routed.sending and len(backends(rule)) > 1:
            message = f"{where}Kruise gives stable 100 parts less the canary's, whatever others have, and 1 at the end"
            yield loss(f"{NAME}-backends", path, message)
        if not backends(rule):
            message = f"{where}it has no backend, and Kruise takes it out at the end"
            yield loss(f"{NAME}-redirect", path, message, "put redirects into a route of their own")
        if newer := sorted(_newer(rule)):
            message = f"{where}Kruise drops {', '.join(newer)}, which the Gateway API v1.2 does not have"
            yield loss(f"{NAME}-newer-fields", path, message)


def _newer(rule: Object) -> set[str]:
    filters = [
        *(rule.get("filters") or ()),
        *(f for ref in backends(rule) for f in ref.value.get("filters") or ()),
    ]
    return (set(rule) - RULE_FIELDS) | {key for known in filters for key in set(known) - FILTER_FIELDS}
