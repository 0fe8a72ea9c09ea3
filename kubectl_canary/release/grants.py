"""Who may refer to a Service from another namespace: a ReferenceGrant there says so, by kind, namespace and name.

Source: https://gateway-api.sigs.k8s.io/reference/spec/#referencegrant
"""

from __future__ import annotations

from typing import Any

from kubectl_canary.release.application import GATEWAY_GROUP, Located

KIND = "ReferenceGrant"


def is_grant(value: dict[str, Any]) -> bool:
    """Whether an object is a ReferenceGrant of the Gateway API."""
    return value.get("kind") == KIND and str(value.get("apiVersion")).partition("/")[0] == GATEWAY_GROUP


def lets_in(grant: dict[str, Any], route: Located, service: str) -> bool:
    """Whether a grant lets a route send to a Service of the grant's namespace."""
    spec = grant.get("spec") or {}
    return any(_is_from(peer, route) for peer in spec.get("from") or ()) and any(
        _is_to_services(target) and target.get("name") in (None, service) for target in spec.get("to") or ()
    )


def followed(grant: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    """What a copy of a grant allows: for each Service that it names and that has a canary, the canary's.

    `names` are the canary's Services by stable's. A grant for all Services lets the canary's in by itself.
    """
    targets = (grant.get("spec") or {}).get("to") or ()
    return [
        {**target, "name": names[target["name"]]}
        for target in targets
        if _is_to_services(target) and target.get("name") in names
    ]


def _is_from(peer: dict[str, Any], route: Located) -> bool:
    said = tuple(peer.get(key) for key in ("group", "kind", "namespace"))
    return said == (GATEWAY_GROUP, route.kind, route.namespace)


def _is_to_services(target: dict[str, Any]) -> bool:
    return (target.get("group") or "", target.get("kind")) == ("", "Service")
