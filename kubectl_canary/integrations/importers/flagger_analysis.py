"""How Flagger's analysis goes on, and what it asks → testers, phases and gates.

Source: pkg/controller/scheduler.go, scheduler_metrics.go and webhook.go of Flagger 1.36.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

from kubectl_canary.api import re2
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers import durations
from kubectl_canary.integrations.importers.flagger_fields import NAME
from kubectl_canary.integrations.importers.imported import loss, phase_of, refusal, with_names
from kubectl_canary.reading.adopted.objects import at, name_of
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.phases import default, percent

TOTAL = 100
LEAST_INTERVAL, USUAL_INTERVAL = 10, 60
MOST_MEASUREMENTS = 100
MOST_PHASES = 80
GATEWAYS = ("cilium", "contour", "istio", "linkerd", "traefik")
SUCCESS, DURATION = "request-success-rate", "request-duration"
TEMPLATE = regex(r"\{\{-?\s*(.*?)\s*-?\}\}")
SIDES = regex(r"\{\{-?\s*(target|service)\s*-?\}\}-(primary|canary)\b")
SIDED = {
    ("target", "canary"): "{{ deployment }}",
    ("service", "canary"): "{{ service }}",
}
PLAIN_HOOKS = ("", "rollout", "confirm-traffic-increase", "confirm-promotion")
HOOKS = {
    "pre-rollout": "it is asked before the first request, where no gate is",
    "confirm-rollout": "it is asked before the canary's pods come, where no gate is",
    "post-rollout": "nobody is told when a release has ended",
    "rollback": "nobody is asked whether to go back: `kubectl canary abort` does",
    "event": "nobody is told of events",
}
Gate = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What an analysis is of: the Canary, where in it the analysis stands, and who leads its requests."""

    canary: Manifest
    at: Path
    analysis: dict[str, Any]
    provider: str
    gateway: str

    @property
    def interval(self) -> int:
        """The seconds between two steps. Source: GetAnalysisInterval."""
        found = seconds(self.analysis.get("interval"))
        return USUAL_INTERVAL if found is None else max(found, LEAST_INTERVAL)

    @property
    def iterations(self) -> int:
        """How many checks have to pass without any change of shares; 0 where shares rise."""
        if self.provider == "kubernetes" and number(self.analysis, "iterations") < 1:
            return 10
        return max(number(self.analysis, "iterations"), 0)

    def lost(self, rule: str, path: Path, message: str, hint: str = "") -> Finding:
        """A loss at a place of the analysis."""
        return loss(f"{NAME}-{rule}", self.canary, (*self.at, *path), message, hint)


def number(value: dict[str, Any], key: str) -> int:
    """A whole number of a map; 0 where it has none."""
    found = value.get(key)
    return found if isinstance(found, int) else 0


def seconds(text: Any) -> int | None:
    """A duration of Go's in whole seconds, at least one; None where it is none."""
    found = durations.seconds(text)
    return None if found is None else max(round(found), 1)


# --- phases -----------------------------------------------------------------


def course(
    subject: Subject, findings: list[Finding]
) -> tuple[dict[str, str] | bool, tuple[dict[str, Any], ...]]:
    """What testers send, and the phases."""
    analysis = subject.analysis
    matches = [] if subject.provider == "kubernetes" else analysis.get("match") or []
    testers = _testers(subject, matches, findings) if matches else False
    if matches and not subject.iterations:
        message = "Flagger splits the requests of these matches by weight, and testers all reach the canary"
        findings.append(subject.lost("match-weights", ("match",), message))
    if matches or subject.iterations:
        return testers, tuple(_in_one(subject, bool(testers), findings))
    weights = _weights(subject, findings)
    if not weights:
        return False, tuple(phase_of(known) for known in default(has_testers=False))
    mirror = _mirror(subject, findings)
    pause = durations.written(subject.interval)
    shares = [{"name": percent(Fraction(weight, TOTAL)), "pause": pause} for weight in weights]
    return False, (*mirror, *shares)


def _in_one(subject: Subject, has_testers: bool, findings: list[Finding]) -> Iterator[dict[str, Any]]:
    """The phases of an A/B test and of blue/green: everybody comes at once, in the end."""
    pause = durations.written(subject.interval * max(subject.iterations, 1))
    if has_testers:
        yield {"name": "header-only", "pause": pause}
    elif (
        subject.analysis.get("mirror")
        and subject.provider != "kubernetes"
        and not subject.analysis.get("match")
    ):
        yield {**_copies(subject), "pause": pause}
    else:
        message = (
            "Flagger measures before any user's request reaches the canary; here gates hold at 100% first"
        )
        findings.append(subject.lost("blue-green", (), message, "`spec.testers` and a phase `header-only`"))
    yield {"name": "100%", "pause": durations.written(subject.interval)}


def _copies(subject: Subject) -> dict[str, Any]:
    """A phase in which requests are mirrored, of every method as Flagger does; the Gateway API has no weight there."""
    weight = number(subject.analysis, "mirrorWeight")
    share = weight if subject.provider == "istio" and 0 < weight <= TOTAL else TOTAL
    return {"name": f"mirror {share}%", "methods": "all"}


def _mirror(subject: Subject, findings: list[Finding]) -> tuple[dict[str, Any], ...]:
    """The step of mirroring before shares rise. Source: runCanary; SetRoutes mirrors with iterations alone."""
    if not subject.analysis.get("mirror"):
        return ()
    if subject.provider != "istio":
        message = "Flagger mirrors nothing by an HTTPRoute where shares rise"
        findings.append(subject.lost("mirror", ("mirror",), message, "add a phase such as `mirror 20%`"))
        return ()
    return ({**_copies(subject), "pause": durations.written(subject.interval)},)


def _weights(subject: Subject, findings: list[Finding]) -> list[int]:
    """The canary's weights one after another, as runCanary sets them."""
    analysis = subject.analysis
    steps = [step for step in analysis.get("stepWeights") or [] if isinstance(step, int)]
    most = min(TOTAL, steps[-1]) if steps else max(number(analysis, "maxWeight"), 0) or TOTAL
    weights: list[int] = []
    weight = 0
    while weight < min(most, TOTAL):
        step = _step(number(analysis, "stepWeight"), steps, weight)
        if step <= 0:
            _stuck(subject, weights, findings)
            return []
        weight = min(weight + step, TOTAL)
        weights.append(weight)
    return _thinned(subject, weights, findings)


def _step(step: int, steps: Sequence[int], weight: int) -> int:
    """How much the weight rises next. Source: nextStepWeight."""
    if step > 0 or not steps:
        return step
    if weight == 0:
        return min(TOTAL, steps[0])
    if weight in steps[:-1]:
        return min(TOTAL - weight, steps[steps.index(weight) + 1] - weight)
    return TOTAL - weight


def _stuck(subject: Subject, weights: Sequence[int], findings: list[Finding]) -> None:
    """That Flagger does not go on: with no step at all the usual phases are taken, else it is refused."""
    if weights:
        message = f"after {weights[-1]} the next weight is not higher, and shares of a release rise"
        path = (*subject.at, "stepWeights")
        findings.append(refusal(f"{NAME}-steps", subject.canary, path, message, "write them in order"))
        return
    message = "it has no step, so that Flagger never goes on: the usual phases are taken"
    findings.append(subject.lost("no-steps", (), message, "change `spec.phases`"))


def _thinned(subject: Subject, weights: list[int], findings: list[Finding]) -> list[int]:
    """As many shares as a canary file may have, the first and the last among them."""
    if len(weights) <= MOST_PHASES:
        return weights
    message = f"{len(weights)} steps are more than a canary file has phases: every second one is taken"
    findings.append(subject.lost("many-steps", ("stepWeight",), message))
    return [*weights[:-1:2], weights[-1]]


# --- testers ----------------------------------------------------------------


def _testers(subject: Subject, matches: Sequence[Any], findings: list[Finding]) -> dict[str, str] | bool:
    """What testers send: the first match that is one header, or one query parameter."""
    taken: dict[str, str] | bool = False
    for index, match in enumerate(matches):
        known = [
            (what, name, said)
            for what, key in (("header", "headers"), ("query", "queryParams"))
            for name, said in (at(match, key) or {}).items()
        ]
        path = ("match", index)
        if taken or len(known) != 1:
            message = "testers are known by one thing" + (", the first of these" if taken else " alone")
            findings.append(
                subject.lost("testers", path, f"{message}: this match leads nobody to the canary")
            )
            continue
        taken = _tester(subject, known[0], path, findings)
        if at(match, "uri") or at(match, "method"):
            message = "Flagger looks at the headers alone where it makes an HTTPRoute, and so do testers"
            findings.append(subject.lost("testers", path, message))
    return taken


def _tester(
    subject: Subject, known: tuple[str, str, Any], path: Path, findings: list[Finding]
) -> dict[str, str] | bool:
    what, name, said = known
    exact, pattern, start = (at(said, key) for key in ("exact", "regex", "prefix"))
    if exact:
        return {what: name, "value": exact}
    value = pattern or (f"{re.escape(start)}.*" if start else "")
    if value and re2.problem(value) is None:
        return {what: name, "match": "RegularExpression", "value": value}
    findings.append(subject.lost("testers", path, f"{name} has no value that testers can send"))
    return False


# --- gates ------------------------------------------------------------------


def gates(
    subject: Subject, templates: Sequence[Manifest], findings: list[Finding]
) -> tuple[list[Gate], dict[str, Any] | None]:
    """The metrics as gates, and the Prometheus that they ask."""
    asked: list[Gate] = []
    prometheus: dict[str, Any] = {}
    server = at(subject.canary.value, "spec", "metricsServer")
    for index, metric in enumerate(subject.analysis.get("metrics") or []):
        path = ("metrics", index)
        if at(metric, "templateRef", "name"):
            source = _of_template(subject, metric, path, (templates, findings))
        elif metric.get("query"):
            source = {"url": server}, metric["query"]
        elif metric.get("name") in (SUCCESS, DURATION):
            source = {"url": server}, ""
        else:
            findings.append(subject.lost("metric", path, f"{metric.get('name')} has no query"))
            continue
        if source is not None:
            asked += _of_metric(subject, (metric, path), (source, prometheus), findings)
    return list(with_names(asked)), prometheus or None


def _of_template(
    subject: Subject, metric: Gate, path: Path, known: tuple[Sequence[Manifest], list[Finding]]
) -> tuple[dict[str, Any], str] | None:
    """Where a MetricTemplate asks, and what; None where it cannot be said."""
    templates, findings = known
    name = metric["templateRef"]["name"]
    namespace = at(metric, "templateRef", "namespace") or subject.canary.text("metadata", "namespace")
    found = [
        one
        for one in templates
        if name_of(one) == name
        and (one.text("metadata", "namespace") or namespace)
        == (namespace or one.text("metadata", "namespace"))
    ]
    if not found:
        message = f"MetricTemplate {name} is not among the manifests: {metric.get('name')} is not asked"
        findings.append(subject.lost("metric", path, message, "import it together with the Canary"))
        return None
    provider = at(found[0].value, "spec", "provider")
    query = found[0].text("spec", "query")
    if at(provider, "type") != "prometheus" or not query:
        message = f"MetricTemplate {name} asks {at(provider, 'type') or 'nobody'}, and gates ask Prometheus"
        findings.append(subject.lost("metric", path, message, "a gate may be a command"))
        return None
    if at(provider, "secretRef"):
        message = f"MetricTemplate {name} has credentials in a Secret"
        hint = "`tokenFile` or `tokenVariable` of `spec.prometheus`"
        findings.append(loss(f"{NAME}-credentials", found[0], ("spec", "provider"), message, hint))
    insecure = {"insecure": True} if at(provider, "insecureSkipVerify") is True else {}
    return {"url": at(provider, "address"), **insecure}, query


def _of_metric(
    subject: Subject,
    metric: tuple[Gate, Path],
    asked: tuple[tuple[dict[str, Any], str], dict[str, Any]],
    findings: list[Finding],
) -> list[Gate]:
    """The gate of a metric; none where it cannot be said."""
    (value, path), ((where, query), prometheus) = metric, asked
    builtin, url = not query, where.get("url")
    problem = _unasked(subject, builtin, url, prometheus)
    bounds, lost = _bounds(value, value.get("name", "") if builtin else "")
    known = {**bounds, **({"query": _query(subject, value, query)} if query else {})}
    if "{{ }}" in known.get("query", ""):
        problem = problem or "its query has a template that gates do not have"
    if problem or not bounds:
        hint = "write the gate by hand"
        message = f"{value.get('name')}: {problem or lost or 'it has no bound'}"
        findings.append(subject.lost("metric", path, message, hint))
        return []
    if lost:
        findings.append(subject.lost("bound", path, f"{value.get('name')}: {lost}"))
    prometheus.update({**where, "url": url} | ({"gateway": subject.gateway} if builtin else {}))
    window = seconds(value.get("interval")) or 60
    named = {"name": value["name"]} if value.get("name") else {}
    return [{**named, **known, "window": durations.written(window), **_rhythm(subject)}]


def _unasked(subject: Subject, builtin: bool, url: Any, prometheus: dict[str, Any]) -> str:
    """Why a Prometheus cannot be asked; empty where it can."""
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return "the address of its Prometheus is Flagger's -metrics-server, which the manifests do not say"
    if prometheus and prometheus["url"] != url:
        return f"it asks another Prometheus than {prometheus['url']}, and gates ask one"
    if builtin and not subject.gateway:
        return "whose metrics it reads is unknown: `spec.prometheus.gateway`"
    return ""


def _bounds(metric: Gate, builtin: str) -> tuple[dict[str, Any], str]:
    """The bounds of a gate, and what of them is lost. Source: runBuiltinMetricChecks, runMetricChecks."""
    said = metric.get("thresholdRange")
    old = metric.get("threshold") or 0
    if said is None:
        said = {"min": old} if builtin == SUCCESS else {"max": old}
    least, most = said.get("min"), said.get("max")
    if builtin == SUCCESS:
        lost = "most successes that are allowed" if most is not None else ""
        rate = None if least is None else float(1 - Fraction(str(least)) / 100)
        return ({} if rate is None else {"metric": "error-rate", "max": rate}), lost
    if builtin == DURATION:
        lost = "the shortest time that is allowed" if least is not None else ""
        time = None if most is None else float(Fraction(int(most), 1000))
        return ({} if time is None else {"metric": "latency", "max": time}), lost
    return {key: bound for key, bound in (("min", least), ("max", most)) if bound is not None}, ""


def _query(subject: Subject, metric: Gate, query: str) -> str:
    """The query with our names in it; `{{ }}` where it has a template of its own.

    During an analysis Flagger's target is the canary, and its service the one in front of both.
    """
    spec = subject.canary.value["spec"]
    target = at(spec, "targetRef", "name") or ""
    service = at(spec, "service", "name") or target
    literal = {"target": target, "service": service}
    names = {
        "target": "{{ deployment }}",
        "namespace": "{{ namespace }}",
        "interval": "{{ window }}",
        "name": name_of(subject.canary),
        "service": service,
        "ingress": at(spec, "ingressRef", "name") or target,
        "route": at(spec, "routeRef", "name") or target,
    }
    variables = metric.get("templateVariables") or {}
    names |= {f"variables.{key}": text for key, text in variables.items()}
    # a match of SIDES becomes a name of ours in brackets that the second pass leaves alone
    sided = SIDES.sub(
        lambda known: SIDED.get((known[1], known[2]), literal[known[1]]).replace("{{ ", "{{ our."), query
    )
    names |= {f"our.{key}": f"{{{{ {key} }}}}" for key in ("deployment", "service")}
    return TEMPLATE.sub(lambda known: names.get(known[1], "{{ }}"), sided).strip()


def _rhythm(subject: Subject) -> Gate:
    """How often is measured: as many failures as Flagger bears, and as many passes as it has iterations."""
    passes = max(subject.iterations, 1)
    most = min(passes + max(number(subject.analysis, "threshold"), 1) - 1, MOST_MEASUREMENTS)
    return {
        "interval": durations.written(subject.interval),
        "measurements": most,
        **({"passes": min(passes, most)} if passes > 1 else {}),
    }


def hooks(subject: Subject, findings: list[Finding]) -> tuple[list[Gate], list[Gate]]:
    """The webhooks as gates of every phase, and as those of the last one."""
    always: list[Gate] = []
    last: list[Gate] = []
    for index, hook in enumerate(subject.analysis.get("webhooks") or []):
        kind, url = hook.get("type") or "", hook.get("url") or ""
        path = ("webhooks", index)
        named = f"{hook.get('name') or url} ({kind or 'rollout'})"
        gate = _asks(subject, kind, url, hook)
        if gate is None:
            why = HOOKS.get(kind) or _why(kind, hook)
            findings.append(subject.lost("webhook", path, f"{named}: {why}", "a gate may be a command"))
            continue
        said = (
            "what is posted is ours, and an answer of 203 to 299 passes, too"
            if "webhook" in gate
            else "somebody agrees to it here, since the no of a webhook would end the release and not hold it"
        )
        findings.append(subject.lost("webhook", path, f"{named}: {said}"))
        (last if kind == "confirm-promotion" else always).append(gate)
    return always, last


def _why(kind: str, hook: Gate) -> str:
    if kind not in PLAIN_HOOKS:
        return "Flagger has no such type"
    return "what it posts tells the receiver what to do" if hook.get("metadata") else "it has no web address"


def _asks(subject: Subject, kind: str, url: str, hook: Gate) -> Gate | None:
    """The gate that a webhook is; None where it does something by what is posted, or at another time."""
    named = {"name": hook["name"][:60]} if hook.get("name") else {}
    if kind in PLAIN_HOOKS and kind.startswith("confirm-"):
        return {**named, "approval": True}
    if kind not in PLAIN_HOOKS or hook.get("metadata") or not _is_web(url):
        return None
    return {
        **named,
        "webhook": url,
        "timeout": durations.written(seconds(hook.get("timeout")) or 10),
        **_rhythm(subject),
    }


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def longer(subject: Subject, measured: Sequence[Gate]) -> Iterator[Finding]:
    """That a phase lasts as long as Flagger bears failures: it goes on after the first check that passes."""
    most = max((known.get("measurements", 1) for known in measured), default=1)
    if most > max(subject.iterations, 1):
        message = (
            f"Flagger bears failures over the whole release; here a gate takes {most} measurements in each phase, "
            f"which lasts {durations.written((most - 1) * subject.interval)} at least"
        )
        hint = "fewer `measurements` make phases short, and one failure end them"
        yield subject.lost("threshold", ("threshold",), message, hint)
