"""Who may refer to a Service from another namespace: a ReferenceGrant there says so, by kind, namespace and name.

Source: https://gateway-api.sigs.k8s.io/reference/spec/#referencegrant
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubectl_canary.release.application import GATEWAY_GROUP, Api, Located, Service, Side

KIND = "ReferenceGrant"


def is_grant(value: dict[str, Any]) -> bool:
    """Whether an object is a ReferenceGrant of the Gateway API."""
    return value.get("kind") == KIND and str(value.get("apiVersion")).partition("/")[0] == GATEWAY_GROUP


def lets_in(grant: dict[str, Any], route: Located, api: Api, name: str) -> bool:
    """Whether a grant lets a route send to something of the grant's namespace."""
    spec = grant.get("spec") or {}
    return any(_is_from(peer, route) for peer in spec.get("from") or ()) and any(
        _api(target) == api and target.get("name") in (None, name) for target in spec.get("to") or ()
    )


def followed(grant: dict[str, Any], services: Iterable[Service]) -> list[dict[str, Any]]:
    """What a copy of a grant allows: for each of stable's Services that it names, the canary's.

    A grant for all Services lets the canary's in by itself.
    """
    targets = (grant.get("spec") or {}).get("to") or ()
    return [
        {**target, "name": service.names.canary}
        for target in targets
        for service in services
        if service.is_named(_api(target), str(target.get("name")), Side.STABLE)
    ]


def _is_from(peer: dict[str, Any], route: Located) -> bool:
    said = tuple(peer.get(key) for key in ("group", "kind", "namespace"))
    return said == (GATEWAY_GROUP, route.kind, route.namespace)


def _api(target: dict[str, Any]) -> Api:
    return str(target.get("kind")), str(target.get("group") or "")
