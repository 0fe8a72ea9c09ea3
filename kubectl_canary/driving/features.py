"""What a step adds to the routes that their implementation does not claim to do.

An implementation may accept a route and answer errors for a rule that it does not know, so this is asked before.
Source: gateway.networking.k8s.io/v1 GatewayClassStatus, supportedFeatures; where a class publishes none, the
conformance reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_canary.findings import Finding, Where
from kubectl_canary.judging import implementations
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import HTTP_ROUTE
from kubectl_canary.release.changes import Change, Creation, Removal, Step

HARMLESS = ("HTTPRouteNamedRouteRule",)  # who does not know names of rules passes them over


@dataclass(frozen=True)
class Class:
    """A GatewayClass: its name, its controller, and the features that it publishes; none where it publishes nothing."""

    name: str
    controller: str
    features: frozenset[str]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Class:
        """The class that an object is; features are objects with a name since v1.3, before that texts."""
        listed = (value.get("status") or {}).get("supportedFeatures") or []
        features = frozenset(str(known["name"] if isinstance(known, dict) else known) for known in listed)
        return cls(value["metadata"]["name"], str(value["spec"].get("controllerName")), features)

    def lacks(self, feature: str) -> str | None:
        """Who says that a feature is not there; None where it is, or nobody says anything."""
        if self.features:
            return None if feature in self.features else f"GatewayClass {self.name} ({self.controller})"
        claims = implementations.of_class(self.name)
        lacking = claims is not None and claims.answer(feature) == "not claimed"
        return str(claims) if lacking else None


def added(step: Step) -> dict[str, str]:
    """The features that the HTTPRoutes of a step need afterwards and not before, each in words."""
    return {
        feature: words
        for change in step.changes
        if change.part.kind == HTTP_ROUTE and not isinstance(change, Removal)
        for feature, words in _added_by(change).items()
    }


def _added_by(change: Change) -> dict[str, str]:
    after = {} if isinstance(change, Removal) else implementations.needs(change.after.value)
    before = {} if isinstance(change, Creation) else implementations.needs(change.before.value)
    return {
        feature: words
        for feature, words in after.items()
        if feature not in before and feature not in HARMLESS
    }


def unclaimed(wanted: Mapping[str, str], classes: Mapping[str, Class]) -> Iterator[Finding]:
    """What speaks against features, for each Gateway by its name."""
    for gateway, its_class in classes.items():
        for feature, words in wanted.items():
            who = its_class.lacks(feature)
            if who is not None:
                message = f"{words} ({feature}) is not claimed by {who}: its rule may answer errors"
                hint = "leave the phase out that needs it, or say --accept-unclaimed"
                yield Finding("implementation", "error", (), message, Where(f"Gateway {gateway}"), hint)
