"""A phase laid over the objects as they are in the cluster: ours by name, everybody else's as they stand.

Rules of others, third backends, fields, annotations and their order survive. What cannot be told apart by name is
an error, never a guess.
"""

from __future__ import annotations

import copy
import math
from fractions import Fraction
from typing import Any

from kubectl_canary import routes, shares
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.objects import GOVERNED_RULE, PHASE_ANNOTATION
from kubectl_canary.plan import AS_BEFORE, Kind, Phase, Plan, Traffic

OWN_RULES = (routes.TESTERS_RULE, routes.MIRROR_RULE)


def route(live: dict[str, Any], plan: Plan, to: Phase) -> tuple[dict[str, Any], list[Finding]]:
    """The live route as it should be in a phase, and what could not be exact beside third backends.

    Raises Refused where the release's rule is not there, or not the only one.
    """
    wanted = copy.deepcopy(live)
    rules = wanted["spec"].get("rules") or []
    governed = _governed(rules, plan, wanted["metadata"]["name"])
    ours, finding = _with_shares(_without_mirror(governed, plan), plan, to)
    header = (plan.canary.testers.header, plan.canary.testers.value) if plan.canary.testers else None
    others = [ref for ref in ours["backendRefs"] if not _is(ref, plan, "canary")]
    stable_first = sorted(others, key=lambda ref: not _is(ref, plan, "stable"))
    clones = routes.rules(
        {**ours, "backendRefs": stable_first}, to.traffic, f"{plan.canary.name}-canary", header
    )
    own = [rule for rule in clones if rule.get("name") != governed.get("name")]
    if to.traffic.mirror and not own:
        ours = {**ours, "filters": clones[0]["filters"]}
    kept = [rule for rule in rules if not str(rule.get("name", "")).startswith(OWN_RULES)]
    place = next(index for index, rule in enumerate(kept) if rule is governed)
    wanted["spec"]["rules"] = [*kept[:place], *own, ours, *kept[place + 1 :]]
    _annotate(wanted["metadata"], to)
    return wanted, [finding] if finding else []


def phase(found: dict[tuple[str, str], dict[str, Any] | None], plan: Plan) -> Phase:
    """The state that the live objects are in, as a phase of its own: what going on from it has to respect.

    `found` has the release's objects by kind and name, None for those that are not there.
    """
    canary = plan.canary
    stable = found.get(("Deployment", f"{canary.name}-stable"))
    traffic = _traffic(found.get(("HTTPRoute", canary.route.name)), plan)
    replicas = _replicas(stable) or plan.phases[0].stable_replicas
    return Phase(
        name="what is in the cluster",
        kind=Kind.WEIGHT,
        stable_image=_image(stable, canary.container.get("name", "app")) or plan.phases[0].stable_image,
        stable_replicas=replicas,
        canary_replicas=_replicas(found.get(("Deployment", f"{canary.name}-canary"))),
        traffic=traffic,
        needs=max(int(traffic.reaches_canary), math.ceil(traffic.share * replicas)),
    )


def _replicas(deployment: dict[str, Any] | None) -> int:
    return int(deployment.get("spec", {}).get("replicas", 1)) if deployment is not None else 0


def _image(deployment: dict[str, Any] | None, container: str) -> str | None:
    template = deployment["spec"]["template"] if deployment is not None else {"spec": {"containers": []}}
    return next(
        (one.get("image") for one in template["spec"]["containers"] if one["name"] == container), None
    )


def _traffic(live: dict[str, Any] | None, plan: Plan) -> Traffic:
    """What the live route sends to the canary."""
    if live is None:
        return AS_BEFORE
    rules = live["spec"].get("rules") or []
    governed = _governed(rules, plan, live["metadata"]["name"])
    weights = {track: _weight(governed, plan, track) for track in ("stable", "canary")}
    total = sum(weights.values())
    mirrors = any(_without_mirror(rule, plan) != rule for rule in rules)
    return Traffic(
        phase=(live["metadata"].get("annotations") or {}).get(PHASE_ANNOTATION),
        share=Fraction(weights["canary"], total) if total else Fraction(0),
        mirror=Fraction(int(mirrors)),
        testers=any(str(rule.get("name", "")).startswith(routes.TESTERS_RULE) for rule in rules),
    )


def _weight(rule: dict[str, Any], plan: Plan, track: str) -> int:
    return sum(ref.get("weight", 1) for ref in rule["backendRefs"] if _is(ref, plan, track))


def deployment(live: dict[str, Any], planned: dict[str, Any]) -> dict[str, Any]:
    """The live Deployment with the planned replicas and image of the application's container."""
    wanted = copy.deepcopy(live)
    main = planned["spec"]["template"]["spec"]["containers"][0]
    wanted["spec"]["replicas"] = planned["spec"]["replicas"]
    for container in wanted["spec"]["template"]["spec"]["containers"]:
        if container["name"] == main["name"]:
            container["image"] = main["image"]
            return wanted
    raise _refused(f"Deployment {live['metadata']['name']}", f"it has no container `{main['name']}`")


def who_changed(live: dict[str, Any], pointer: str) -> tuple[str, str] | None:
    """The field manager that last wrote what a JSON pointer names, and when (RFC 3339), from managedFields."""
    found: tuple[str, str] | None = None
    for entry in live.get("metadata", {}).get("managedFields", []):
        owns = _owns(entry.get("fieldsV1", {}), pointer.split("/")[1:])
        written = str(entry.get("time", ""))
        if owns and (found is None or written >= found[1]):
            found = (str(entry.get("manager", "unknown")), written)
    return found


def _owns(fields: dict[str, Any], parts: list[str]) -> bool:
    """Whether the fields name the path, or a list above it (lists in routes are owned whole)."""
    node = fields
    for part in parts:
        key = "f:" + part.replace("~1", "/").replace("~0", "~")
        if key not in node:
            return node is not fields and not [name for name in node if name.startswith("f:")]
        node = node[key]
    return True


def _governed(rules: list[dict[str, Any]], plan: Plan, name: str) -> dict[str, Any]:
    candidates = [
        rule
        for rule in rules
        if not str(rule.get("name", "")).startswith(OWN_RULES)
        and any(
            _is(ref, plan, track) for ref in rule.get("backendRefs", []) for track in ("stable", "canary")
        )
    ]
    title = f"HTTPRoute {name}"
    if not candidates:
        raise _refused(
            title, f"no rule sends to {plan.canary.name}-stable on port {plan.canary.service.port}"
        )
    if len(candidates) > 1:
        places = ", ".join(f"rules[{_place(rules, rule)}]" for rule in candidates)
        raise _refused(title, f"{places} all send to the release's Services: which is ours?")
    if sum(_is(ref, plan, "stable") for ref in candidates[0]["backendRefs"]) > 1:
        raise _refused(title, f"{plan.canary.name}-stable stands twice among the backends of one rule")
    return candidates[0]


def _without_mirror(rule: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The rule without the mirror to the canary that a phase may have put on it."""
    if "filters" not in rule:
        return rule
    mirrors = [
        one
        for one in rule["filters"]
        if _is(one.get("requestMirror", {}).get("backendRef", {}), plan, "canary")
    ]
    filters = [one for one in rule["filters"] if one not in mirrors]
    rest = {key: value for key, value in rule.items() if key != "filters"}
    return {**rest, "filters": filters} if filters else rest


def _place(rules: list[dict[str, Any]], rule: dict[str, Any]) -> int:
    return next(index for index, other in enumerate(rules) if other is rule)


def _is(ref: dict[str, Any], plan: Plan, track: str) -> bool:
    """Equal in name and in kind, group, namespace and port."""
    own = (f"{plan.canary.name}-{track}", "Service", "", plan.canary.namespace, plan.canary.service.port)
    return own == (
        ref.get("name"), ref.get("kind", "Service"), ref.get("group", ""),
        ref.get("namespace", plan.canary.namespace), ref.get("port"),
    )  # fmt: skip


def _with_shares(rule: dict[str, Any], plan: Plan, to: Phase) -> tuple[dict[str, Any], Finding | None]:
    """The governed rule with stable and canary in their shares of what both had; others keep their exact share."""
    refs = rule["backendRefs"]
    ours = [ref for ref in refs if _is(ref, plan, "stable") or _is(ref, plan, "canary")]
    others = [ref.get("weight", 1) for ref in refs if ref not in ours]
    together = sum(ref.get("weight", 1) for ref in ours)
    if others and not together:
        raise _refused(
            f"rule {rule.get('name', GOVERNED_RULE)}",
            "stable and canary have no weight, others have all of it",
        )
    stable, canary, scale, error = shares.split(to.traffic.share, together if others else None, others)
    backend = next(
        (ref for ref in ours if _is(ref, plan, "stable")), {**ours[0], "name": f"{plan.canary.name}-stable"}
    )
    split = [{**backend, "weight": stable}]
    if to.traffic.share or to.traffic.testers:
        split.append({**backend, "name": f"{plan.canary.name}-canary", "weight": canary})
    scaled: list[dict[str, Any]] = []
    for ref in refs:
        if ref in ours:
            scaled += split
            split = []
        else:
            scaled.append({**ref, "weight": ref.get("weight", 1) * scale} if scale != 1 else ref)
    message = f"the canary's share is off by {float(error):.2%}: no weights up to 1,000,000 are exact beside the others"
    finding = (
        Finding("third-party-share", "warning", (), message, Where(f"rule {rule.get('name', '')}"))
        if error
        else None
    )
    return {**rule, "backendRefs": scaled}, finding


def _annotate(metadata: dict[str, Any], to: Phase) -> None:
    annotations = metadata.get("annotations") or {}
    if to.traffic.phase is not None:
        metadata["annotations"] = {**annotations, PHASE_ANNOTATION: to.traffic.phase}
    elif PHASE_ANNOTATION in annotations:
        metadata["annotations"] = {
            key: value for key, value in annotations.items() if key != PHASE_ANNOTATION
        }


def _refused(title: str, message: str) -> Refused:
    return Refused(
        "the live objects are not those of the release", [Finding("live", "error", (), message, Where(title))]
    )
