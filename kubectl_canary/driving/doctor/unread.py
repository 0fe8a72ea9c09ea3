"""What could not be read, so that nobody takes silence for health."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_canary.driving.doctor.facts import Facts, Remark, warning

TITLES = {
    "objects": "the objects of the release",
    "lease": "the Lease of the release",
    "endpoints": "EndpointSlices",
    "routes": "the routes of the namespace",
    "services": "the Services of the namespace",
    "pods": "the pods",
    "marked": "objects that carry our mark",
    "gateways": "the Gateways",
    "classes": "GatewayClasses",
    "namespaces": "the labels of the namespaces",
    "definitions": "the CustomResourceDefinitions of the Gateway API",
    "rights": "what you may do",
}
CURE = "nothing is said of them here; `kubectl canary rbac --read-only` prints the Role that reads them"


def check(facts: Facts) -> Iterator[Remark]:
    """Each thing that could not be read, with the reason."""
    for unread in facts.unread:
        yield warning(f"{TITLES[unread.what]} could not be read: {unread.why}", CURE)
