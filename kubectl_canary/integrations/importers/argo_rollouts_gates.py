"""AnalysisTemplates → gates that ask Prometheus.

Source: docs/features/analysis.md, analysis/analysis.go, utils/evaluate/evaluate.go and metricproviders/prometheus.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers import durations
from kubectl_canary.integrations.importers.argo_rollouts_phases import CANARY, NAME, seconds, whole
from kubectl_canary.integrations.importers.belongings import namespace_of
from kubectl_canary.integrations.importers.imported import loss
from kubectl_canary.reading.adopted.objects import at, name_of
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.reports.programs import said

TEMPLATES = ("AnalysisTemplate", "ClusterAnalysisTemplate")
DEEPEST = 8  # templates of templates
LONGEST_NAME = 60
MOST_GATES = 32
OF_ANALYSIS = ("templates", "args", "startingStep")
OF_METRIC = {
    "consecutiveErrorLimit": "an error is inconclusive, and `inconclusiveLimit` says how many may be",
    "consecutiveSuccessLimit": "`passes` says how many of the last `measurements` must pass",
    "initialDelay": "the pause of the phase comes before its last measurement",
}
OF_PROMETHEUS = {
    "authentication": "`spec.prometheus.tokenFile` or `tokenVariable` has the token",
    "headers": "",
}
KNOWN_OF_METRIC = (
    "name",
    "interval",
    "count",
    "successCondition",
    "failureCondition",
    "failureLimit",
    "inconclusiveLimit",
    "provider",
    *OF_METRIC,
)
KNOWN_OF_PROMETHEUS = ("address", "query", "insecure", "timeout", *OF_PROMETHEUS)
NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
RESULT = r"(?:result(?:\[0\])?|asFloat\(result(?:\[0\])?\))"
COMPARISON = regex(rf"{RESULT}\s*(<=|>=|==|<|>)\s*({NUMBER})")
TURNED = regex(rf"({NUMBER})\s*(<=|>=|==|<|>)\s*{RESULT}")
TURN = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "=="}
NEGATED = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!="}
ARGUMENT = regex(r"\{\{\s*args\.([^\s}]+)\s*\}\}")
Bounds = dict[str, float]


def bounds(text: Any, *, is_failure: bool = False) -> Bounds | None:
    """What a value must be at least and at most for a condition to hold, or not to hold; None where that is no range.

    `result < 0.05` is at most the number next below 0.05, so that it is exact.
    """
    low, high = -math.inf, math.inf
    if not isinstance(text, str):
        return None
    for part in text.split("||" if is_failure else "&&"):
        found = _comparison(part)
        if found is None:
            return None
        sign, number = found
        sign = NEGATED[sign] if is_failure else sign
        if sign == "!=":
            return None
        if sign in (">", ">=", "=="):
            low = max(low, math.nextafter(number, math.inf) if sign == ">" else number)
        if sign in ("<", "<=", "=="):
            high = min(high, math.nextafter(number, -math.inf) if sign == "<" else number)
    if low > high:
        return None
    said_so = {"min": low, "max": high}
    return {key: _short(value) for key, value in said_so.items() if math.isfinite(value)} or None


def _comparison(text: str) -> tuple[str, float] | None:
    text = text.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    if match := COMPARISON.fullmatch(text):
        return match.group(1), float(match.group(2))
    if match := TURNED.fullmatch(text):
        return TURN[match.group(2)], float(match.group(1))
    return None


def _short(number: float) -> float:
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


class Analyses:
    """The gates that analyses of a Rollout are, and where they ask; each gate has a name of its own."""

    def __init__(
        self, rollout: Manifest, manifests: Sequence[Manifest], canary: str, findings: list[Finding]
    ) -> None:
        self.rollout, self.manifests, self.canary, self.findings = rollout, manifests, canary, findings
        self.prometheus: dict[str, Any] | None = None
        self.used: list[Manifest] = []
        self._names: set[str] = set()

    def _lost(self, rule: str, manifest: Manifest, path: Path, message: str, hint: str = "") -> None:
        finding = loss(f"{NAME}-{rule}", manifest, path, message, hint)
        if finding not in self.findings:
            self.findings.append(finding)

    def gates(self, analysis: Any, place: Path) -> list[dict[str, Any]]:
        """The gates of one analysis, in the background or of a step."""
        if not isinstance(analysis, dict):
            self._lost("analysis", self.rollout, place, "an analysis is a map, and this one is left out")
            return []
        for key in analysis.keys() - set(OF_ANALYSIS) - {"dryRun"}:
            self._lost("field", self.rollout, (*place, key), f"{key} of an analysis is left out")
        dry = [at(item, "metricName") for item in _items(analysis.get("dryRun"))]
        made: list[dict[str, Any]] = []
        for template, path in self._templates(analysis, self.rollout, place, 0):
            args = self._args(analysis, template)
            is_dry = dry + [at(item, "metricName") for item in _items(at(template.value, "spec", "dryRun"))]
            for number, metric in enumerate(_items(at(template.value, "spec", "metrics"))):
                where = ("spec", "metrics", number)
                if any(_is_dry(metric.get("name"), pattern) for pattern in is_dry):
                    self._lost("dry-run", template, where, f"{said(metric.get('name'))} is measured alone")
                elif gate := self._gate(
                    metric, template, where, args, is_short=path != (*CANARY, "analysis")
                ):
                    made.append(gate)
        if len(made) > MOST_GATES:
            self._lost(
                "analysis", self.rollout, place, f"{len(made) - MOST_GATES} gates too many are left out"
            )
        return made[:MOST_GATES]

    def _templates(
        self, holder: Any, manifest: Manifest, place: Path, depth: int
    ) -> Iterator[tuple[Manifest, Path]]:
        refs = _items(at(holder, "templates"))
        if not refs and depth == 0:
            self._lost("analysis", manifest, place, "an analysis without templates asks nothing")
        for number, ref in enumerate(refs):
            kind = TEMPLATES[bool(ref.get("clusterScope"))]
            found = [
                known
                for known in self.manifests
                if known.text("kind") == kind
                and name_of(known) == ref.get("templateName")
                and (ref.get("clusterScope") or namespace_of(known) == namespace_of(self.rollout))
            ]
            if not found or depth > DEEPEST:
                message = (
                    f"{kind} {ref.get('templateName')} is not among the manifests: its gates are missing"
                )
                hint = "name a folder with it too, or pipe it from the cluster as well"
                self._lost("analysis", manifest, (*place, "templates", number), message, hint)
                continue
            template = found[0]
            self.used.append(template)
            spec = at(template.value, "spec")
            for key in (spec if isinstance(spec, dict) else {}).keys() - {
                "metrics",
                "args",
                "dryRun",
                "templates",
            }:
                self._lost("field", template, ("spec", key), f"{key} is left out")
            yield template, place
            for inner, _ in self._templates(spec, template, ("spec",), depth + 1):
                yield inner, place

    def _args(self, analysis: Any, template: Manifest) -> dict[str, str]:
        """The arguments whose values stand in the manifests; those of the Rollout come first."""
        args: dict[str, str] = {}
        for item in (*_items(at(template.value, "spec", "args")), *_items(analysis.get("args"))):
            field = at(item, "valueFrom", "fieldRef", "fieldPath")
            path = field.split(".") if isinstance(field, str) and field.startswith("metadata.") else None
            value = at(self.rollout.value, *path) if path else item.get("value")
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                args[str(item.get("name"))] = "{{ service }}" if value == self.canary != "" else str(value)
            elif item.get("valueFrom"):
                args.pop(str(item.get("name")), None)
        return args

    def _gate(
        self, metric: dict[str, Any], template: Manifest, place: Path, args: dict[str, str], *, is_short: bool
    ) -> dict[str, Any] | None:
        provider = metric.get("provider")
        asked = at(provider, "prometheus")
        if not isinstance(asked, dict):
            named = ", ".join(map(str, provider)) if isinstance(provider, dict) else "nothing"
            message = (
                f"{said(metric.get('name'))} asks {named}, and a gate asks Prometheus, webhooks or commands"
            )
            self._lost("provider", template, (*place, "provider"), message, "write a gate with one of these")
            return None
        self._tell_left_out(metric, asked, template, place)
        where = (*place, "provider", "prometheus")
        query = self._filled(asked.get("query"), args)
        if query is None or asked.get("rangeQuery"):
            message = (
                "its query has arguments that stand in no manifest, or asks for a range, and is left out"
            )
            self._lost("query", template, (*where, "query"), message, "write the gate by hand")
            return None
        limits = self._bounds(metric, template, place)
        if limits is None:
            return None
        if not self._is_address(self._filled(asked.get("address"), args), asked):
            message = (
                "its address is none, or another than the first one's, and a release asks one Prometheus"
            )
            self._lost("address", template, (*where, "address"), message, "write `spec.prometheus`")
            return None
        if self.canary and self.canary in query:
            message = f"the query names Service {self.canary}, which the release does not have"
            self._lost("query-service", template, (*where, "query"), message, "write `{{ service }}` there")
        return {
            "name": self._name(metric.get("name")),
            "query": query,
            **limits,
            **self._counts(metric, template, place, is_short),
        }

    def _tell_left_out(
        self, metric: dict[str, Any], asked: dict[str, Any], template: Manifest, place: Path
    ) -> None:
        """What a gate does not say of a metric."""
        for key in metric:
            if key not in KNOWN_OF_METRIC or key in OF_METRIC:
                self._lost("metric", template, (*place, key), f"{key} is left out", OF_METRIC.get(key, ""))
        where = (*place, "provider", "prometheus")
        for key in asked:
            if key in OF_PROMETHEUS or key not in (*KNOWN_OF_PROMETHEUS, "rangeQuery"):
                self._lost(
                    "metric", template, (*where, key), f"{key} is left out", OF_PROMETHEUS.get(key, "")
                )

    def _filled(self, text: Any, args: dict[str, str]) -> str | None:
        """A text with its arguments; None where one is missing."""
        if not isinstance(text, str):
            return None
        filled = ARGUMENT.sub(lambda match: args.get(match.group(1), match.group(0)), text).strip()
        if self.canary:
            filled = re.sub(rf'(["\']){re.escape(self.canary)}\1', r"\1{{ service }}\1", filled)
        return None if not filled or "{{" in filled.replace("{{ service }}", "") else filled

    def _is_address(self, address: str | None, asked: dict[str, Any]) -> bool:
        """Whether the release asks this Prometheus, the first one that an analysis names."""
        if address is None:
            return False
        url = address.rstrip("/")
        if self.prometheus is None:
            try:
                formats.web_address(url)
            except ValueError:
                return False
            wait = whole(asked.get("timeout"))
            self.prometheus = {
                "url": url,
                **({"insecure": True} if asked.get("insecure") is True else {}),
                **({"timeout": durations.written(wait)} if wait else {}),
            }
        return bool(self.prometheus["url"] == url)

    def _bounds(self, metric: dict[str, Any], template: Manifest, place: Path) -> Bounds | None:
        success, failure = metric.get("successCondition"), metric.get("failureCondition")
        key = "successCondition" if success else "failureCondition"
        found = bounds(success) if success else bounds(failure, is_failure=True)
        if found is None:
            message = (
                f"{said(success or failure)} compares the result with no number alone: the gate is left out"
            )
            hint = "write a gate with `min` and `max`; a query may compare itself"
            self._lost("condition", template, (*place, key), message, hint)
        elif success and failure and bounds(failure, is_failure=True) != found:
            message = "a value that neither holds nor fails is inconclusive there, and fails here"
            self._lost("condition", template, (*place, "failureCondition"), message)
        return found

    def _counts(
        self, metric: dict[str, Any], template: Manifest, place: Path, is_short: bool
    ) -> dict[str, Any]:
        """How often a gate measures, and how much of that may fail.

        Without a count there is one measurement where there is no interval, else they go on until the analysis ends.
        """
        interval = seconds(metric.get("interval"))
        between = {"interval": durations.written(interval)} if interval else {}
        if metric.get("interval") and not interval:
            self._lost(
                "metric", template, (*place, "interval"), "the interval is no whole second: it is 30 s"
            )
        count, failed, unclear = (
            _count(metric.get(key)) for key in ("count", "failureLimit", "inconclusiveLimit")
        )
        keys = [key for key in ("count", "failureLimit", "inconclusiveLimit") if metric.get(key) is not None]
        odd = [key for key in keys if _count(metric[key]) is None]
        for key in odd:
            self._lost("metric", template, (*place, key), f"{key}: {said(metric[key])} is not known")
        if not count and metric.get("interval"):
            if failed or is_short:
                message = "it is asked until it failed too often; a gate judges its last measurements"
                self._lost("count", template, place, message)
            size = (
                {"measurements": (failed or 0) + 1, "failureLimit": failed}
                if failed and failed < 1000
                else {}
            )
            return {**between, **size}
        count = count or 1
        most = min(count, 1000)
        if most != count or (failed or 0) >= count or (unclear or 0) >= count:
            message = "more measurements than a gate has, or limits that say that nothing fails"
            self._lost("count", template, place, message)
        failures, unclears = min(failed or 0, most - 1), min(unclear or 0, most - 1)
        passes = max(1, most - failures - unclears)
        limits = {"failureLimit": failures, "inconclusiveLimit": unclears}
        return {**between, "measurements": most, "passes": passes, **limits}

    def _name(self, name: Any) -> str:
        base = (name if isinstance(name, str) and name.strip() else "analysis").strip()[: LONGEST_NAME - 4]
        chosen, number = base, 1
        while chosen in self._names:
            number += 1
            chosen = f"{base} {number}"
        self._names.add(chosen)
        return chosen


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return whole(value)


def _is_dry(name: Any, pattern: Any) -> bool:
    """Whether a metric is one that is measured alone; the pattern is one of Go's."""
    try:
        return isinstance(name, str) and isinstance(pattern, str) and bool(re.search(pattern, name))
    except re.error:
        return False
