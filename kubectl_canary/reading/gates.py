"""What the canary file says of gates, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.findings import Finding, Path, visible
from kubectl_canary.records import replace
from kubectl_canary.release import metrics
from kubectl_canary.release.gates import (
    Approval,
    Bounds,
    Command,
    Gate,
    Prometheus,
    Query,
    Rhythm,
    Webhook,
)
from kubectl_canary.release.metrics import WINDOW
from kubectl_canary.release.phases import PhaseSpec

KEYS = ("gates", "prometheus", "verify")  # of `spec`
KINDS = ("metric", "query", "webhook", "command", "approval")
BOUNDS = ("max", "min", "maxRatio")
OF_QUERIES = (*BOUNDS, "slack", "window")
ONLY_OF = {
    **dict.fromkeys(OF_QUERIES, ("metric", "query")),
    "requests": ("metric",),
    "quantile": ("metric",),
    "timeout": ("webhook", "command"),
}
SPARE = 2  # measurements of Prometheus that may say nothing where the file does not say how many
TIMEOUT, INTERVAL, SCRAPE = "30s", "30s", "15s"


def prometheus(value: dict[str, Any] | None) -> Prometheus | None:
    """What `spec.prometheus` says; None where the file has none."""
    if value is None:
        return None
    return Prometheus(
        value["url"].rstrip("/"),
        value.get("gateway"),
        value.get("tokenFile"),
        value.get("tokenVariable"),
        value.get("caFile"),
        value.get("insecure", False),
        formats.seconds(value.get("timeout", "10s")),
        value.get("retries", 2),
        formats.seconds(value.get("scrapeInterval", SCRAPE)),
    )


def gated(specs: Sequence[PhaseSpec], spec: dict[str, Any]) -> list[PhaseSpec]:
    """Phases with the gates of a `spec` in which nothing is wrong: those for all and their own."""
    items, asked = spec.get("phases") or [], prometheus(spec.get("prometheus"))
    shared = [_gate(gate, asked) for gate in spec.get("gates") or ()]
    own = [
        [_gate(gate, asked) for gate in item.get("gates", ())] if isinstance(item, dict) else []
        for item in items
    ]
    own += [[] for _ in specs[len(own) :]]
    return [
        replace(phase, gates=(*(gate for gate in shared if _fits(gate, phase)), *its))
        for phase, its in zip(specs, own, strict=True)
    ]


def _fits(gate: Gate, phase: PhaseSpec) -> bool:
    """Whether a gate for all is one of this phase: few testers are no statistics."""
    return phase.reaches_canary and not (phase.is_for_testers and isinstance(gate.question, Query))


def _gate(item: dict[str, Any], asked: Prometheus | None) -> Gate:
    question = _query(item, asked) if "metric" in item or "query" in item else _other(item)
    return Gate(name_of(item), question, _rhythm(item))


def name_of(item: dict[str, Any]) -> str:
    if "name" in item:
        return visible(str(item["name"]))
    if isinstance(item.get("command"), list):
        return " ".join(map(str, item["command"]))
    if item.get("metric") == "latency":
        return f"latency {item.get('quantile', metrics.QUANTILE)}"
    if isinstance(item.get("webhook"), str):
        return _address(item["webhook"])
    return str(item.get("metric") or item.get("query") or "approval")


def _address(url: str) -> str:
    """A URL without what may be a secret."""
    from urllib.parse import urlsplit  # few have one

    try:
        parts = urlsplit(url)
    except ValueError:
        return "webhook"
    return f"{parts.hostname}{parts.path}"


def _other(item: dict[str, Any]) -> Webhook | Command | Approval:
    timeout = formats.seconds(item.get("timeout", TIMEOUT))
    if "webhook" in item:
        return Webhook(item["webhook"], timeout)
    if "command" in item:
        return Command(tuple(item["command"]), timeout)
    return Approval()


def _query(item: dict[str, Any], asked: Prometheus | None) -> Query:
    bounds = Bounds(item.get("max"), item.get("min"), item.get("maxRatio"), item.get("slack", 0.0))
    window = formats.seconds(item.get("window", WINDOW))
    settles = window + (asked.scrape_interval if asked else formats.seconds(SCRAPE))
    if "query" in item:
        return Query(item["query"], bounds, window, settles)
    known = metrics.of((asked and asked.gateway) or "")
    text = known.query(item["metric"], item.get("quantile", metrics.QUANTILE))
    return Query(text, bounds, window, settles, known.volume, item.get("requests", 1))


def _rhythm(item: dict[str, Any]) -> Rhythm:
    passes, measurements = _counts(item)
    allowed = measurements - passes
    return Rhythm(
        formats.seconds(item.get("interval", INTERVAL)),
        passes,
        measurements,
        item.get("failureLimit", allowed if "measurements" in item else 0),
        item.get("inconclusiveLimit", allowed),
    )


def _counts(item: dict[str, Any]) -> tuple[Any, Any]:
    """How many measurements have to pass, and of how many; Prometheus may say nothing now and then."""
    passes = item.get("passes", 1)
    spare = SPARE if isinstance(passes, int) and ("query" in item or "metric" in item) else 0
    return passes, item.get("measurements", passes + spare)


# --- what is wrong -----------------------------------------------------------


def findings(spec: Any) -> Iterator[Finding]:
    """What is wrong with the gates of a `spec`, beyond what its schema says."""
    if not isinstance(spec, dict):
        return
    asked = spec["prometheus"] if isinstance(spec.get("prometheus"), dict) else None
    shared = [name_of(gate) for gate in _maps(spec.get("gates"))]
    yield from _of_list(spec.get("gates"), ("spec", "gates"), asked, [])
    for index, item in enumerate(spec["phases"] if isinstance(spec.get("phases"), list) else ()):
        if isinstance(item, dict):
            yield from _of_list(item.get("gates"), ("spec", "phases", index, "gates"), asked, shared)
    if asked is not None and "tokenFile" in asked and "tokenVariable" in asked:
        message, hint = "two places for one token", "keep `tokenFile` or `tokenVariable`"
        yield Finding("gates", "error", ("spec", "prometheus", "tokenVariable"), message, hint=hint)


def is_of_gates(path: Path) -> bool:
    """Whether a place in the canary file is about gates, or about what `verify` asks: no phase is another without."""
    return path[:2] in {("spec", key) for key in KEYS} or (
        path[:2] == ("spec", "phases") and path[3:4] == ("gates",)
    )


def taken_out(spec: dict[str, Any]) -> None:
    """Leave out of a `spec` what is about gates, and about what `verify` asks."""
    for key in KEYS:
        spec.pop(key, None)
    for phase in _maps(spec.get("phases")):
        phase.pop("gates", None)


def misplaced(specs: Sequence[PhaseSpec]) -> Iterator[Finding]:
    """Gates of phases in which nothing reaches the canary."""
    for index, phase in enumerate(specs):
        if phase.gates and not phase.reaches_canary:
            message = f"nothing reaches the canary in `{phase.name}`: a gate there judges nothing"
            path = ("spec", "phases", index, "gates")
            yield Finding("gates", "error", path, message, hint="leave it out")


def _maps(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _of_list(
    items: Any, path: Path, prometheus: dict[str, Any] | None, shared: Sequence[str]
) -> Iterator[Finding]:
    """What is wrong with a list of gates, beside which those of the shared names are."""
    names = list(shared)
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            for key, message, hint in (*_complaints(item, prometheus), *_alike(item, names)):
                place = (*path, number, *([key] if key in item else []))
                yield Finding("gates", "error", place, message, hint=hint)
            names.append(name_of(item))


def _alike(item: dict[str, Any], names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    if name_of(item) in names:
        yield ("name", f"another gate here is called `{name_of(item)}`", "give it a `name` of its own")


def _complaints(item: dict[str, Any], prometheus: dict[str, Any] | None) -> Iterator[tuple[str, str, str]]:
    """Each complaint about one gate: the key that it is about, the message and the cure."""
    kinds = [kind for kind in KINDS if kind in item]
    if len(kinds) != 1:
        listed = ", ".join(f"`{kind}`" for kind in KINDS)
        told = " and ".join(f"`{kind}`" for kind in kinds) or "nothing"
        yield (
            kinds[1] if kinds else "",
            f"a gate asks one thing, and this one {told}",
            f"keep one of {listed}",
        )
        return
    yield from _misplaced(item, kinds[0])
    yield from _wrong_bounds(item, kinds[0])
    yield from _wrong_numbers(item)
    yield from _wrong_query(item)
    if kinds[0] == "metric" and "gateway" not in (prometheus or {}):
        known = ", ".join(metrics.GATEWAYS)
        hint = f"write `gateway` below `spec.prometheus` (one of {known}), or a `query` of your own"
        yield ("metric", "nothing says whose metrics are asked", hint)


def _misplaced(item: dict[str, Any], kind: str) -> Iterator[tuple[str, str, str]]:
    for key, kinds in ONLY_OF.items():
        if key in item and kind not in kinds:
            listed = " and ".join(f"`{known}`" for known in kinds)
            yield (key, f"`{key}` is of {listed}, and this gate has `{kind}`", "leave it out")
    if "quantile" in item and item.get("metric") != "latency":
        yield ("quantile", "`quantile` is of the metric `latency`", "leave it out")


def _wrong_bounds(item: dict[str, Any], kind: str) -> Iterator[tuple[str, str, str]]:
    if kind in ("metric", "query") and not any(key in item for key in BOUNDS):
        yield (kind, "no bound: every value would pass", "write `max`, `min` or `maxRatio`")
    for key in (*BOUNDS, "slack"):
        if _are_numbers(item.get(key)) and not math.isfinite(item[key]):
            yield (key, f"{item[key]} is no number to hold a value against", "write a number")
    low, high = item.get("min", -math.inf), item.get("max", math.inf)
    if _are_numbers(low, high) and low > high:
        yield ("min", f"at least {low} and at most {high}: no value is both", "exchange the two")
    if "slack" in item and "maxRatio" not in item:
        yield (
            "slack",
            "`slack` is beyond `maxRatio`, and there is none",
            "leave it out, or write `maxRatio`",
        )
    if (
        "maxRatio" in item
        and isinstance(item.get("query"), str)
        and not metrics.tells_versions(item["query"])
    ):
        hint = f"write one of {', '.join(metrics.OF_A_VERSION)} into it"
        yield ("maxRatio", "the query asks for stable what it asks for the canary", hint)


def _wrong_numbers(item: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    passes, measurements = _counts(item)
    if _are_numbers(passes, measurements) and passes > measurements:
        yield (
            "passes",
            f"{passes} of {measurements} measurements cannot pass",
            "write as many `measurements`",
        )
        return
    for key in ("failureLimit", "inconclusiveLimit"):
        if _are_numbers(item.get(key), measurements) and item[key] >= measurements:
            message = f"{item[key]} of {measurements} measurements may be so: the gate never says it"
            yield (key, message, "write fewer than `measurements`")
    for key in ("interval", "window", "timeout"):
        if isinstance(item.get(key), str) and item[key] and _is_nothing(item[key]):
            yield (key, f"`{key}` is no time at all", "write `30s`")


def _wrong_query(item: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if isinstance(item.get("query"), str) and not item["query"].strip():
        yield ("query", "it asks nothing", "write a query")
    for name in metrics.unknown(item["query"]) if isinstance(item.get("query"), str) else ():
        known = ", ".join(f"`{{{{ {one} }}}}`" for one in metrics.NAMES)
        yield ("query", f"`{{{{ {name} }}}}` is nothing that is filled in", f"known are {known}")


def _is_nothing(text: str) -> bool:
    try:
        return formats.seconds(text) == 0
    except ValueError:
        return False


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
