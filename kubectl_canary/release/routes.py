"""Rules of a route: the clones that testers and mirrors get, and the mirror itself.

A governed rule is the user's. What a phase adds is cloned from it and stands before it, so that its matches, filters
and timeouts hold for the testers too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from kubectl_canary.api.equality import digest
from kubectl_canary.release import shares
from kubectl_canary.release.application import GRPC_ROUTE, HTTP_ROUTE, OWN_PREFIX
from kubectl_canary.release.plan import Traffic
from kubectl_canary.release.testers import Testers
from kubectl_canary.routing.backends import BackendRef

Rule = dict[str, Any]
Purpose = Literal["testers", "mirror"]

ALONE = 100  # the weight of a backend that has a rule to itself
ANY_PATH = {"path": {"type": "PathPrefix", "value": "/"}}
# the match of a rule without any, by the kind of its route; of a GRPCRoute it takes every method of every service
ANYTHING: dict[str, dict[str, Any]] = {HTTP_ROUTE: ANY_PATH, GRPC_ROUTE: {}}
LONGEST_NAME = 253  # of a rule, which is a SectionName
NAMELESS = "rule"


def backends(rule: Rule) -> list[BackendRef]:
    """What a rule splits its requests between."""
    return [BackendRef(ref) for ref in rule.get("backendRefs") or [] if isinstance(ref, dict)]


def mirrored_to(filter_: dict[str, Any]) -> BackendRef:
    """What a filter sends copies to; a reference to nothing where it mirrors nothing."""
    return BackendRef((filter_.get("requestMirror") or {}).get("backendRef") or {})


def all_backends(rule: Rule) -> Iterator[BackendRef]:
    """Everything that a rule sends requests or copies to."""
    yield from backends(rule)
    yield from (target for target in map(mirrored_to, rule.get("filters") or []) if target.value)


def testers_clones(
    governed: Rule, canary: dict[str, Any], testers: Testers, kind: str = HTTP_ROUTE
) -> list[Rule]:
    """The rules that send testers' requests to the canary: each match of the rule, AND what testers send.

    `canary` is the canary's backendRef.
    """
    matches = [testers.added_to(match) for match in matches_of(governed, kind)]
    return _clones({**governed, "backendRefs": [{**canary, "weight": ALONE}]}, matches)


def mirror_clones(governed: Rule, backend: dict[str, Any], traffic: Traffic) -> list[Rule]:
    """The rules that mirror some methods only, to a backendRef: each match of the rule, AND the method."""
    matches = [
        {**match, "method": method}
        for match in matches_of(governed)
        for method in traffic.methods
        if (match.get("method") or method) == method
    ]
    return _clones(mirrored(governed, backend, traffic), matches)


def mirrored(rule: Rule, backend: dict[str, Any], traffic: Traffic) -> Rule:
    """The rule with a mirror to a backendRef as its last filter."""
    target = {key: value for key, value in backend.items() if key != "weight" and value is not None}
    mirror = {"backendRef": target, **shares.mirror_amount(traffic.mirror)}
    filters = [*(rule.get("filters") or []), {"type": "RequestMirror", "requestMirror": mirror}]
    rest = {key: value for key, value in rule.items() if key not in ("filters", "backendRefs")}
    return {
        **rest,
        "filters": filters,
        **({"backendRefs": rule["backendRefs"]} if "backendRefs" in rule else {}),
    }


def clone_names(name: str, purpose: Purpose, number: int, release: str) -> list[str]:
    """The names of so many clones of a rule: `default-canary-testers-shop`, or numbered before the release's name.

    The release's name begins with a letter, so that a number cannot be taken for a part of it.
    """
    numbers = [""] if number == 1 else [f"{index}-" for index in range(1, number + 1)]
    return [short_enough(name, f"-canary-{purpose}-{index}{release}") for index in numbers]


def short_enough(name: str, ending: str) -> str:
    """A name with an ending, with a digest in its middle where it would be too long."""
    if len(name) + len(ending) <= LONGEST_NAME:
        return name + ending
    import hashlib  # with it comes all of OpenSSL

    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{name[: LONGEST_NAME - len(ending) - len(digest) - 1].rstrip('-.')}-{digest}{ending}"


def matches_of(rule: Rule, kind: str = HTTP_ROUTE) -> list[dict[str, Any]]:
    """The matches of a rule of a kind of routes; without any, it takes every request."""
    return rule.get("matches") or [ANYTHING.get(kind, {})]


def listing(rule: Rule, by_name: bool) -> str:
    """How an annotation lists a rule: by its name, or by a digest of its matches where rules have no names."""
    if by_name:
        return str(rule.get("name") or "")
    return digest(matches_of(rule))


def is_of_a_release(rule: Rule, document: dict[str, Any]) -> bool:
    """Whether an annotation of a route lists a rule as added by a release, whichever."""
    annotations = document["metadata"].get("annotations") or {}
    listed = {
        name
        for key, text in annotations.items()
        if key.startswith(f"{OWN_PREFIX}rules.")
        for name in str(text).split(",")
        if name
    }
    return any(listing(rule, by_name) in listed for by_name in (True, False)) if listed else False


def users_rules(document: dict[str, Any]) -> list[Rule]:
    """The rules of a route that no release has added; by its number among these a rule without a name is known."""
    rules: list[Rule] = document["spec"].get("rules") or []
    return [rule for rule in rules if not is_of_a_release(rule, document)]


def _clones(rule: Rule, matches: list[dict[str, Any]]) -> list[Rule]:
    """One rule for all matches, or one each where a filter allows no more: ReplacePrefixMatch."""
    if not _replaces_prefix(rule) or len(matches) < 2:
        return [{**rule, "matches": matches}] if matches else []
    return [{**rule, "matches": [match]} for match in matches]


def _replaces_prefix(rule: Rule) -> bool:
    rewrites = (
        filter_.get(kind) or {}
        for filter_ in rule.get("filters") or []
        for kind in ("urlRewrite", "requestRedirect")
    )
    return any((rewrite.get("path") or {}).get("type") == "ReplacePrefixMatch" for rewrite in rewrites)
