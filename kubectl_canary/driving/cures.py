"""What to do about what a parent says of a route, by the reasons of the Gateway API.

Source: gateway.networking.k8s.io/v1 RouteConditionReason.
"""

from __future__ import annotations

from kubectl_canary.driving.statuses import Acceptance, Condition, ParentStatus

CURES = {
    "NoMatchingListenerHostname": "the hostnames fit no listener: change those of the route or the listener",
    "NotAllowedByListeners": "the listener takes no routes of this namespace: change its allowedRoutes",
    "NoMatchingParent": "no listener has that name or port: change sectionName or port of the parentRef",
    "UnsupportedValue": "a value is not supported by this implementation: `kubectl canary doctor` lists what it claims",
    "Pending": "its controller has not come to it yet: is it running?",
    "IncompatibleFilters": "two filters of one rule do not go together: take one out",
    "RefNotPermitted": "a backend is in another namespace: a ReferenceGrant there has to allow it",
    "InvalidKind": "the implementation does not send to that kind of backend",
    "BackendNotFound": "a Service that the route sends to is not there: apply it",
    "UnsupportedProtocol": "the implementation does not speak the Service port's appProtocol: change it",
}
UNKNOWN = "ask its controller's log"


def cure(condition: Condition) -> str:
    """What to do about a condition that speaks against a route."""
    return CURES.get(condition.reason, UNKNOWN)


def cures(parent: ParentStatus) -> list[str]:
    """What to do so that a parent accepts a route."""
    if parent.against:
        return list(dict.fromkeys(map(cure, parent.against)))
    if parent.acceptance is Acceptance.UNOBSERVED:
        return ["this implementation never says which generation: --accept-unobserved believes it"]
    if not parent.controller:
        return [f"is there a Gateway {parent.parent}, and does the controller of its class run?"]
    return ["its controller has not come to this generation yet: is it running?"]
