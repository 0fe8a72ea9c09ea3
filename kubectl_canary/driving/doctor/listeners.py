"""A listener takes the routes: by its name and port, by hostname, by namespace, by kind."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, problem, title
from kubectl_canary.driving.doctor.gateways import NOT_ACCEPTED
from kubectl_canary.judging import lint

RULES = {
    "hostname-not-served": "change the route's hostnames, or the listener's",
    "listener-refuses-route": "change the listener's allowedRoutes",
    "unknown-listener": "change sectionName or port of the route's parentRefs",
    "http-and-grpc": "give one of them another hostname",
}


def check(facts: Facts) -> Iterator[Remark]:
    """What lint says of the routes beside the Gateways as they are."""
    if not facts.knows("gateways", "objects"):
        return
    documents = [*facts.own_routes, *facts.gateways, *facts.namespaces]
    for number, finding in lint.findings(documents):
        if finding.rule in RULES:
            text = f"{NOT_ACCEPTED}: {title(documents[number])}: {finding.message}"
            yield problem(text, finding.hint or RULES[finding.rule])
