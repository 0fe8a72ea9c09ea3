"""Rules of an HTTPRoute: clones for testers and mirrors, weights, mirrors.

A governed rule is the user's, with the stable backend alone. What a phase adds is cloned from it and stands
before it, so that its matches, filters and timeouts hold for the testers too.
"""

from __future__ import annotations

from typing import Any

from kubectl_canary import shares
from kubectl_canary.plan import Traffic

Rule = dict[str, Any]

TESTERS_RULE = "kubectl-canary-testers"
MIRROR_RULE = "kubectl-canary-mirror"
ALONE = 100  # the weight of a backend that has a rule to itself
ANY_PATH = {"path": {"type": "PathPrefix", "value": "/"}}


def rules(governed: Rule, traffic: Traffic, canary: str, header: tuple[str, str] | None) -> list[Rule]:
    """The rules that a governed rule becomes in a phase, in order.

    `governed` has a name, matches and one backendRef, the stable Service; `canary` is the canary's Service with
    the same port; `header` is the testers' header and its value.
    """
    matches = governed["matches"]
    backend = {**governed["backendRefs"][0], "name": canary, "weight": ALONE}
    if traffic.mirror:
        return _mirrored(governed, traffic, backend)
    if not traffic.testers and not traffic.share:
        return [governed]
    stable_weight, canary_weight = shares.weights(traffic.share)
    stable = {**governed["backendRefs"][0], "weight": stable_weight}
    split = {**governed, "backendRefs": [stable, {**backend, "weight": canary_weight}]}
    if header is None or not traffic.testers:
        return [split]
    testers = [_with_header(match, *header) for match in matches]
    return [*_clones({**governed, "backendRefs": [backend]}, TESTERS_RULE, testers), split]


def _mirrored(governed: Rule, traffic: Traffic, backend: dict[str, Any]) -> list[Rule]:
    target = {key: value for key, value in backend.items() if key != "weight"}
    mirror = {"backendRef": target, **shares.mirror_amount(traffic.mirror)}
    filters = [*governed.get("filters", []), {"type": "RequestMirror", "requestMirror": mirror}]
    mirrored = {**governed, "filters": filters}
    if not traffic.methods:
        return [mirrored]
    matches = [
        {**match, "method": method}
        for match in governed["matches"]
        for method in traffic.methods
        if match.get("method", method) == method
    ]
    return [*_clones(mirrored, MIRROR_RULE, matches), governed]


def _clones(rule: Rule, name: str, matches: list[dict[str, Any]]) -> list[Rule]:
    """One rule for all matches, or one each where a filter allows no more: ReplacePrefixMatch."""
    if not _replaces_prefix(rule) or len(matches) < 2:
        return [{**rule, "name": name, "matches": matches}] if matches else []
    return [
        {**rule, "name": f"{name}-{number}", "matches": [match]} for number, match in enumerate(matches, 1)
    ]


def _replaces_prefix(rule: Rule) -> bool:
    rewrites = (
        one.get(kind, {}) for one in rule.get("filters", []) for kind in ("urlRewrite", "requestRedirect")
    )
    return any(rewrite.get("path", {}).get("type") == "ReplacePrefixMatch" for rewrite in rewrites)


def _with_header(match: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    """The match AND the header."""
    return {**match, "headers": [*match.get("headers", []), {"type": "Exact", "name": name, "value": value}]}
