"""Every Gateway that the routes name is there, of a class that a controller runs, and programmed.

Source: gateway.networking.k8s.io/v1 GatewayConditionType, GatewayClassConditionType, ListenerConditionType.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, Value, conditions, ok, problem

NOT_ACCEPTED = "the route is not accepted"
LISTENER = {"Accepted": "False", "Programmed": "False", "ResolvedRefs": "False", "Conflicted": "True"}


def check(facts: Facts) -> Iterator[Remark]:
    """Gateways, their classes, and their listeners."""
    if not facts.knows("gateways", "objects"):
        return
    for namespace, name in facts.parents:
        gateway = facts.gateway(namespace, name)
        if gateway is not None:
            found = [*_of_class(facts, gateway), *_of_gateway(gateway), *_of_listeners(gateway)]
            yield from found or [ok(f"Gateway {name} in {namespace} is programmed")]
        elif not _comes(facts, name):
            text = f"{NOT_ACCEPTED}: there is no Gateway {name} in {namespace}"
            yield problem(
                text, "make it, or name another in the route's parentRefs: `kubectl get gateways -A`"
            )


def _comes(facts: Facts, name: str) -> bool:
    """Whether the release makes it, and has not begun."""
    return not facts.objects and any((part.kind, part.name) == ("Gateway", name) for part in facts.parts)


def _of_class(facts: Facts, gateway: Value) -> Iterator[Remark]:
    name = gateway["spec"].get("gatewayClassName")
    if not facts.knows("classes"):
        return
    known = next((item for item in facts.classes if item["metadata"]["name"] == name), None)
    if known is None:
        there = ", ".join(sorted(item["metadata"]["name"] for item in facts.classes)) or "none"
        text = f"{NOT_ACCEPTED}: Gateway {gateway['metadata']['name']} is of the class {name}, which is not there"
        yield problem(text, f"install its controller, or take a class that is there: {there}")
    elif conditions(known.get("status")).get("Accepted", {}).get("status") != "True":
        text = f"{NOT_ACCEPTED}: no controller has accepted the GatewayClass {name}"
        yield problem(text, f"does {known['spec'].get('controllerName')} run? Its log says more")


def _of_gateway(gateway: Value) -> Iterator[Remark]:
    known, name = conditions(gateway.get("status")), gateway["metadata"]["name"]
    for kind in ("Accepted", "Programmed"):
        condition = known.get(kind, {})
        if condition.get("status") != "True":
            why = f"{condition.get('reason', 'nobody has said')}: {condition.get('message', '')}".rstrip(": ")
            yield problem(f"Gateway {name} is not {kind.lower()}: {why}", f"kubectl describe gateway {name}")
            return


def _of_listeners(gateway: Value) -> Iterator[Remark]:
    name = gateway["metadata"]["name"]
    for listener in (gateway.get("status") or {}).get("listeners") or []:
        for kind, bad in LISTENER.items():
            condition = conditions(listener).get(kind, {})
            if condition.get("status") == bad:
                why = f"{kind} is {bad}, {condition.get('reason')}: {condition.get('message', '')}".rstrip(
                    ": "
                )
                cure = "change the listener, or what it names: its certificate, its port"
                yield problem(f"listener {listener['name']} of Gateway {name}: {why}", cure)
