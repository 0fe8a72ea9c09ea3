"""What the implementation of each Gateway claims of the features that the release uses, by its conformance report."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, ok, warning
from kubectl_canary.judging import implementations
from kubectl_canary.judging.implementations import Claims

PASSED = "success"


def check(facts: Facts) -> Iterator[Remark]:
    """What is not claimed of the routes of all phases; weights belong to the core, which every report passes."""
    if not facts.knows("gateways"):
        return
    for name in dict.fromkeys(_classes(facts)):
        claims = implementations.of_class(name)
        if claims is None:
            yield ok(
                f"what the class {name} supports is not known: no conformance report is known by that name"
            )
        else:
            yield from _of_claims(facts, claims)


def _classes(facts: Facts) -> Iterator[str]:
    for namespace, name in facts.parents:
        gateway = facts.gateway(namespace, name)
        if gateway is not None:
            yield str(gateway["spec"].get("gatewayClassName"))


def _of_claims(facts: Facts, claims: Claims) -> Iterator[Remark]:
    if claims.core != PASSED:
        text = f"traffic may not be split: {claims} does not pass the core tests, which weights are among"
        yield warning(text, "try it: `kubectl canary simulate` says who should answer")
    routes = [value for value in facts.planned if value["kind"].endswith("Route")]
    messages = dict.fromkeys(
        finding.message
        for _, finding in implementations.findings(routes, claims)
        if ": not claimed" in finding.message
    )
    for message in messages:
        yield warning(message, "leave it out of the plan, or try it there before the release needs it")
    if not messages:
        yield ok(f"all that the plan uses is claimed by {claims}, or nobody has asked for it")
