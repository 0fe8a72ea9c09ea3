"""Whether the pods of a release fit into the quotas that the user's manifests set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_canary.findings import Finding
from kubectl_canary.release.plan import Plan, pods_text

PODS = ("pods", "count/pods")


def findings(plan: Plan) -> Iterator[Finding]:
    """Quotas that allow fewer pods than the release has at its peak.

    Source: core/v1 ResourceQuota; those with scopes are about some pods only, and left out.
    """
    peak, adopted = plan.peak(), plan.application.adopted
    for given in adopted.new if adopted is not None and plan.application.has_release else ():
        is_ours = given.value["metadata"].get("namespace") in (None, plan.application.namespace)
        most = _most_pods(given.value) if is_ours else None
        if peak is not None and most is not None and most < peak:
            name = given.value["metadata"]["name"]
            message = f"ResourceQuota {name} allows {pods_text(most)}, and the release has up to {peak}"
            hint = "the pods that do not fit would not start"
            yield Finding("adopt", "warning", ("spec", "adopt", "from"), message, hint=hint)


def _most_pods(value: dict[str, Any]) -> int | None:
    spec = value.get("spec") or {}
    if value.get("kind") != "ResourceQuota" or spec.get("scopes") or spec.get("scopeSelector"):
        return None
    limits = [str((spec.get("hard") or {}).get(key, "")) for key in PODS]
    return min((int(limit) for limit in limits if limit.isdigit()), default=None)
