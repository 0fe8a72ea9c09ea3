"""The steps of an OpenKruise Rollout → phases and testers.

Source: runCanary and doCanaryPaused in pkg/controller/rollout/rollout_canary.go, ConvertTo in
api/v1alpha1/conversion.go, and EnsureRoutes in pkg/trafficrouting/network/gateway/gateway.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import zip_longest
from math import ceil
from typing import Any

from kubectl_canary.api import re2
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers import durations
from kubectl_canary.integrations.importers.imported import loss, refusal
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.phases import percent

NAME = "kruise"
STEPS: Path = ("spec", "strategy", "canary", "steps")
TESTERS = "header-only"
COOKIE = "canary-by-cookie"  # nginx.lua takes a header of this name for the annotation
TOKEN = regex(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}")
LONGEST_VALUE = 1024
Testers = dict[str, str]


@dataclass(frozen=True)
class Released:
    """What a Rollout releases: its Deployment's pods, and how it goes about it.

    `replaces_pods` says that it changes the Deployment's own pods instead of making a second Deployment; `by_ingress`
    that nginx splits, which knows a share beside a header.
    """

    rollout: Manifest
    replicas: int
    is_scaled: bool
    replaces_pods: bool
    by_ingress: bool


@dataclass(frozen=True)
class Step:
    """A step as a phase will have it: a share of 1, pods (None where nobody can tell), a pause in seconds."""

    at: Path
    share: Fraction
    matches: tuple[Any, ...]
    pods: int | None
    pause: int
    waits: bool


def course(
    released: Released, steps: Sequence[dict[str, Any]], findings: list[Finding]
) -> tuple[Testers | bool, tuple[dict[str, Any], ...]]:
    """What testers send, and the phases; what cannot be said is added to the findings."""
    known = [_step(released, steps, index, findings) for index in range(len(steps))]
    testers = _testers(released, known, findings)
    phases: list[Step] = []
    first: Step | None = None
    for step in known:
        if step.matches and testers:
            findings += _moved(released, step, phases, first)
            first = step if first is None else _joined(first, step)
        if step.share:
            phases, lost = _added(released, phases, step)
            findings += lost
        elif not step.matches:
            message = "it gives the canary pods and no request: no phase does that, and its pause is left out"
            findings.append(loss(f"{NAME}-no-share", released.rollout, step.at, message))
    named = [
        *((TESTERS, step) for step in (first,) if step),
        *((percent(step.share), step) for step in phases),
    ]
    middle = [
        _phase(name, step) for (name, _), step in zip(named, _ahead([step for _, step in named]), strict=True)
    ]
    end = [] if phases and phases[-1].share == 1 else [{"name": "100%"}]
    return testers or False, (*middle, *end)


def _phase(name: str, step: Step) -> dict[str, Any]:
    return {
        "name": name,
        **({"pause": durations.written(step.pause)} if step.pause else {}),
        **({"replicas": step.pods} if step.pods is not None else {}),
        **({"gates": [{"approval": True}]} if step.waits else {}),
    }


def _ahead(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps with the pods of the next one: Kruise has them before it sends their share.

    Before a `100%` that no step says, they follow the shares.
    """
    for step, after in zip_longest(steps, steps[1:]):
        if after is None:
            yield step if step.share == 1 else replace(step, pods=None)
        else:
            known = [pods for pods in (step.pods, after.pods) if pods is not None]
            yield replace(step, pods=max(known) if len(known) == 2 else None)


def _joined(first: Step, second: Step) -> Step:
    """Two steps as one phase: both pauses, the more pods, and a person where either waits for one."""
    pods = [step.pods for step in (first, second) if step.pods is not None]
    return replace(
        first,
        pods=max(pods, default=None),
        pause=first.pause + second.pause,
        waits=first.waits or second.waits,
    )


def _added(released: Released, phases: list[Step], step: Step) -> tuple[list[Step], list[Finding]]:
    """The phases with one more; shares rise from phase to phase."""
    last = phases[-1] if phases else None
    if last is None or step.share > last.share:
        return [*phases, step], []
    if step.share == last.share:
        message = f"{percent(step.share)} stands here again: one phase has both pauses, and the more pods"
        return [*phases[:-1], _joined(last, step)], [
            loss(f"{NAME}-repeated", released.rollout, step.at, message)
        ]
    message = f"{percent(step.share)} after {percent(last.share)}: shares rise, and it is no phase"
    return phases, [loss(f"{NAME}-falling", released.rollout, step.at, message, "put the steps in order")]


def _moved(released: Released, step: Step, phases: Sequence[Step], first: Step | None) -> Iterator[Finding]:
    """That a step for testers stands elsewhere than they may."""
    if phases:
        message = (
            f"testers after {percent(phases[-1].share)}: they come before all shares, and stay from there on"
        )
        yield loss(f"{NAME}-order", released.rollout, step.at, message)
    elif first is not None:
        message = f"`{TESTERS}` comes once: it has both pauses, and the more pods"
        yield loss(f"{NAME}-repeated", released.rollout, step.at, message)


# --- one step ---------------------------------------------------------------


def _step(released: Released, steps: Sequence[dict[str, Any]], index: int, findings: list[Finding]) -> Step:
    value, path = steps[index], (*STEPS, index)
    weighted, key = _weighted(released.rollout, value, path, findings)
    matches = tuple(value.get("matches") or ())
    said = value.get("replicas")
    if said is None and weighted:
        said = f"{weighted * 100}%"  # as ConvertTo does
    amount = _amount(released.rollout, said, path, findings)
    pods = _pods(released, amount)
    share = weighted or Fraction(0)
    if weighted is not None and matches and not released.by_ingress:
        message = f"{key}: with matches beside it Kruise ignores the share, too"
        findings.append(loss(f"{NAME}-traffic", released.rollout, (*path, key), message))
        share = Fraction(0)
    if weighted is None and not matches and amount is not None:
        share = _by_pods(released, amount, path, findings)
    if released.is_scaled and amount is not None:
        message = "a scaler decides how many pods there are: they follow the shares"
        findings.append(loss(f"{NAME}-replicas", released.rollout, path, message))
        pods = None
    if value.get("requestHeaderModifier"):
        message = "requestHeaderModifier: Kruise ignores it of a route, and the release has no such filter"
        findings.append(
            loss(f"{NAME}-header-modifier", released.rollout, (*path, "requestHeaderModifier"), message)
        )
    duration = (value.get("pause") or {}).get("duration")
    if duration is not None and duration < 0:
        findings.append(
            refusal(
                f"{NAME}-pause", released.rollout, (*path, "pause", "duration"), f"{duration} is no duration"
            )
        )
    is_end = index == len(steps) - 1 and said == "100%"  # doCanaryPaused passes over its pause
    return Step(path, share, matches, pods, 0 if is_end else duration or 0, duration is None and not is_end)


def _weighted(
    rollout: Manifest, value: dict[str, Any], path: Path, findings: list[Finding]
) -> tuple[Fraction | None, str]:
    """The share that a step says, and the key by which it does; None where it says none."""
    key = "weight" if rollout.text("apiVersion").endswith("/v1alpha1") else "traffic"
    said = value.get(key)
    if said is None:
        return None, key
    number = _percentage(said) if key == "traffic" else said
    least = 0 if key == "weight" else 1  # a weight of 0 passes Kruise's webhook beside replicas
    if number is None or not least <= number <= 100:
        message = f"{key}: `{said}` is no share from 1 to 100 percent in whole numbers"
        findings.append(
            refusal(f"{NAME}-share", rollout, (*path, key), message, "Kruise's webhook refuses it, too")
        )
        return None, key
    return Fraction(number, 100), key


def _percentage(said: str) -> int | None:
    match = re.fullmatch(r"([0-9]{1,9})%", said)
    return int(match[1]) if match else None


def _amount(
    rollout: Manifest, said: int | str | None, path: Path, findings: list[Finding]
) -> int | Fraction | None:
    """How many pods a step says: a number, or a Fraction of the Deployment's."""
    if said is None:
        return None
    number = said if isinstance(said, int) else _percentage(said)
    if number is None or number <= 0 or (isinstance(said, str) and number > 100):
        message = f"replicas: `{said}` is neither a number above 0 nor a percentage to 100%"
        findings.append(
            refusal(
                f"{NAME}-replicas",
                rollout,
                (*path, "replicas"),
                message,
                "Kruise's webhook refuses it, too",
            )
        )
        return None
    return number if isinstance(said, int) else Fraction(number, 100)


def _pods(released: Released, amount: int | Fraction | None) -> int | None:
    """Rounded up, and no more than the Deployment has; source: GetScaledValueFromIntOrPercent."""
    if amount is None:
        return None
    wanted = amount if isinstance(amount, int) else ceil(amount * released.replicas)
    return max(1, min(wanted, released.replicas))


def _by_pods(released: Released, amount: int | Fraction, path: Path, findings: list[Finding]) -> Fraction:
    """The share of a step that moves pods alone: the Service selects those of both versions meanwhile."""
    total = max(1, released.replicas)
    if isinstance(amount, Fraction) and released.is_scaled:
        part = amount
    else:
        part = Fraction(_pods(released, amount) or 1, total)
    share = part if released.replaces_pods else part / (1 + part)
    rounded = min(Fraction(1), max(Fraction(1, 10_000), Fraction(round(share * 10_000), 10_000)))
    message = (
        f"it says no share: Kruise lets the Service choose among the pods of both versions, which is about "
        f"{percent(rounded)}, and the route splits by that"
    )
    findings.append(
        loss(f"{NAME}-by-pods", released.rollout, path, message, "see that the share is the wanted one")
    )
    return rounded


# --- testers ----------------------------------------------------------------


def _testers(released: Released, steps: Sequence[Step], findings: list[Finding]) -> Testers | None:
    """What testers send: the first match that one header or one query parameter says."""
    chosen: Testers | None = None
    for step in steps:
        for index, match in enumerate(step.matches):
            path: Path = (*step.at, "matches", index)
            said, why = _said(released, match)
            if said is None or chosen not in (None, said):
                why = why or "testers are known by one thing, and this is another"
                hint = "its requests are split like all others"
                findings.append(loss(f"{NAME}-matches", released.rollout, path, why, hint))
            else:
                chosen = said
    for step in steps:
        if step.matches and chosen is None and not step.share:
            message = "nothing of it can be said by testers: it is no phase, and its pause is left out"
            findings.append(loss(f"{NAME}-matches", released.rollout, step.at, message))
    return chosen


def _said(released: Released, match: dict[str, Any]) -> tuple[Testers | None, str]:
    """What a match says as testers; None where it is more than one of them, with the reason."""
    headers, params = match.get("headers") or (), match.get("queryParams") or ()
    if match.get("path"):
        return None, "testers are known by a header or a query parameter, and by no path"
    if len(headers) + len(params) != 1:
        count = len(headers) + len(params)
        return (
            None,
            f"testers are known by one thing, and a request needs {count} here"
            if count
            else "it says nothing",
        )
    if released.by_ingress and params:
        return None, "queryParams: nginx knows none, and Kruise ignores it, too"
    kind, said = ("header" if headers else "query"), [*headers, *params][0]
    name, value, compared = said.get("name") or "", said.get("value") or "", said.get("type") or "Exact"
    if not (TOKEN.fullmatch(name) and 0 < len(value) <= LONGEST_VALUE and value.isprintable()):
        return None, f"{kind} `{name}` with the value `{value}` is none that a route matches"
    if released.by_ingress and name == COOKIE:
        return {"cookie": value, "value": "always"}, ""
    if compared not in ("Exact", "RegularExpression"):
        return None, f"type: `{compared}` is neither Exact nor RegularExpression"
    if compared == "Exact":
        return {kind: name, "value": value}, ""
    if problem := re2.problem(value):
        return None, f"the expression is none of RE2, which gateways have: {problem}"
    value = f".*(?:{value}).*" if released.by_ingress else value  # nginx finds it anywhere
    return {kind: name, "match": "RegularExpression", "value": value}, ""
