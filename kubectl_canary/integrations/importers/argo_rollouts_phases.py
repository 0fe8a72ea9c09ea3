"""The steps of a Rollout → phases, testers and gates.

A step without a pause is passed as soon as the pods are there.
Source: CanaryStep in pkg/apis/rollouts/v1alpha1/types.go
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.importers import durations
from kubectl_canary.integrations.importers.imported import loss, refusal
from kubectl_canary.reading.adopted.objects import at
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release.phases import copies_text, percent
from kubectl_canary.reports.programs import said

NAME = "argo-rollouts"
CANARY: tuple[str, ...] = ("spec", "strategy", "canary")
STEPS: Path = (*CANARY, "steps")
ROUTED = {"setHeaderRoute", "setMirrorRoute", "setCanaryScale"}  # nothing without trafficRouting
MATCHES = {"exact": "Exact", "regex": "RegularExpression", "prefix": "Prefix"}
MOST_PHASES = 90
Asker = Callable[[Any, Path], list[dict[str, Any]]]


def seconds(value: Any) -> int | None:
    """A time of Go's, or a number of seconds, in whole seconds; None where it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    found = durations.seconds(text)
    return None if found is None else int(found)


def whole(value: Any) -> int | None:
    """A whole number that is not negative; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _asks(gate: dict[str, Any]) -> dict[str, Any]:
    """What a gate asks, whatever it is called."""
    return {key: value for key, value in gate.items() if key != "name"}


class Course:
    """The phases that the steps of a Rollout make, one step after the other.

    `ask` says which gates an analysis is. `has_headers` is whether any route takes header rules.
    """

    def __init__(self, rollout: Manifest, ask: Asker, findings: list[Finding], *, has_headers: bool) -> None:
        self.rollout, self.ask, self.findings, self.has_headers = rollout, ask, findings, has_headers
        canary = at(rollout.value, *CANARY) or {}
        self.is_routed = bool(canary.get("trafficRouting"))
        self.most = whole(at(canary, "trafficRouting", "maxTrafficWeight")) or 100
        self.phases: list[dict[str, Any]] = []
        self.testers: dict[str, str] | bool = False
        self.gates: list[dict[str, Any]] = []
        self._share = Fraction(0)
        self._replicas: int | None = None
        self._early: list[dict[str, Any]] = []
        self._ends: list[int] = []
        for number, step in enumerate(canary.get("steps") or ()):
            self._take(number, step)
            if self._ends and isinstance(step, dict) and not ROUTED & step.keys():
                self._ends[-1] = number
        self._ask_all_along(canary.get("analysis"))
        self._end()

    def _lost(self, rule: str, path: Path, message: str, hint: str = "") -> None:
        self.findings.append(loss(f"{NAME}-{rule}", self.rollout, path, message, hint))

    def _refused(self, rule: str, path: Path, message: str, hint: str = "") -> None:
        self.findings.append(refusal(f"{NAME}-{rule}", self.rollout, path, message, hint))

    def _take(self, number: int, step: Any) -> None:
        place = (*STEPS, number)
        if not isinstance(step, dict):
            self._refused("invalid", place, "a step is a map")
            return
        takes = {
            "setWeight": self._weight,
            "pause": self._pause,
            "setCanaryScale": self._scale,
            "setHeaderRoute": self._header,
            "setMirrorRoute": self._mirror,
            "analysis": self._analysis,
            "experiment": self._experiment,
            "plugin": self._plugin,
        }
        if not step:
            self._lost("field", place, "a step that does nothing")
        for key, value in step.items():
            if key not in takes:
                self._lost("field", (*place, key), f"step {number + 1}: {key} is not known, and left out")
            elif key not in ("setWeight", "pause") and not isinstance(value, dict):
                self._refused("invalid", (*place, key), f"step {number + 1}: {key} is a map")
            elif key in ROUTED and not self.is_routed:
                self._lost("route-step", (*place, key), f"step {number + 1}: {key} needs trafficRouting")
            else:
                takes[key](value, (*place, key))

    def _phase(self, name: str, **more: Any) -> None:
        replicas = {"replicas": self._replicas} if self._replicas else {}
        self.phases.append({"name": name, **more, **replicas})
        self._ends.append(0)
        if self._early:
            self.phases[-1]["gates"], self._early = self._early, []

    def _weight(self, value: Any, place: Path) -> None:
        weight = whole(value)
        if weight is None or weight > self.most:
            self._refused("weight", place, f"{said(value)} is no weight of 0 to {self.most}")
            return
        share = Fraction(weight, self.most)
        rounded = Fraction(round(share * 10_000), 10_000)
        if rounded != share:
            near = percent(rounded)
            message = f"{weight} of {self.most} is no number of hundredths of a percent: {near} is next to it"
            self._lost("weight", place, message)
        if rounded < self._share:
            message = f"{percent(rounded)} after {percent(self._share)}: the shares of a release rise"
            self._refused("weight-down", place, message, "take this step and those that belong to it out")
        elif rounded > self._share:
            self._share = rounded
            self._phase(percent(rounded))

    def _pause(self, value: Any, place: Path) -> None:
        if value is not None and not isinstance(value, dict):
            self._refused("invalid", place, "a pause is a map")
            return
        duration = (value or {}).get("duration")
        length = seconds(duration)
        if duration is not None and length is None:
            self._refused("pause", (*place, "duration"), f"{said(duration)} is no time")
        elif not self.phases:
            message = "a pause before anybody gets to the canary: `deploy` lasts as long as you like"
            self._lost("pause", place, message)
        elif length is None:
            self._gate([{"approval": True}])
        elif length:
            before = seconds(self.phases[-1].get("pause", 0)) or 0
            self.phases[-1]["pause"] = durations.written(before + length)
        for key in (value or {}).keys() - {"duration"}:
            self._lost("field", (*place, key), f"pause.{key} is not known, and left out")

    def _gate(self, gates: list[dict[str, Any]]) -> None:
        if not gates:
            return
        known = self.phases[-1].setdefault("gates", []) if self.phases else self._early
        known += [gate for gate in gates if _asks(gate) not in map(_asks, known)]

    def _scale(self, value: dict[str, Any], place: Path) -> None:
        number, weight = value.get("replicas"), whole(value.get("weight"))
        pods = whole(at(self.rollout.value, "spec", "replicas") or 1)
        if value.get("matchTrafficWeight"):
            self._replicas = None
        elif whole(number):
            self._replicas = number
        elif number is None and weight and pods:
            self._replicas = math.ceil(Fraction(weight * pods, self.most))
            message = (
                f"{weight} % of {pods} pods are {self._replicas} pods, also where there are more pods later"
            )
            self._lost("canary-scale", place, message)
        else:
            self._lost(
                "canary-scale", place, "the canary has a pod at least: how many, its share says instead"
            )
        if self.phases and not {"pause", "gates"} & self.phases[-1].keys():
            self.phases[-1].pop("replicas", None)
            self.phases[-1].update({"replicas": self._replicas} if self._replicas else {})

    def _header(self, value: dict[str, Any], place: Path) -> None:
        matches = value.get("match")
        if not matches:
            if self.testers:
                message = (
                    "the header leads to the canary until the release ends, and not until this step alone"
                )
                self._lost("header-end", place, message)
            return
        testers = self._testers(matches, (*place, "match"))
        if testers is None:
            return
        if self.testers and self.testers != testers:
            self._lost("headers", place, "testers are known by one header, and an earlier step has said it")
            return
        if self._share and not self.testers:
            message = (
                "the header leads to the canary from the first phase on, and not from this step on alone"
            )
            self._lost("header-early", place, message)
        self.testers = testers
        if not self._share and all(phase["name"] != "header-only" for phase in self.phases):
            self._phase("header-only")

    def _testers(self, matches: Any, place: Path) -> dict[str, str] | None:
        """The testers that the headers say; None, with a finding, where nobody is one."""
        if not isinstance(matches, list) or not all(isinstance(match, dict) for match in matches):
            self._refused("invalid", place, "match is a list of maps")
            return None
        if not self.has_headers:
            message = "no route of the plugin has useHeaderRoutes, so that the header does nothing there"
            self._lost("header-unused", place, message)
            return None
        if len(matches) > 1:
            message = "a request has to have all these headers, and testers are known by one"
            self._lost("headers", place, message, "write `spec.testers`, and a phase `header-only`")
            return None
        name, known = matches[0].get("headerName"), matches[0].get("headerValue")
        values = [(kind, at(known, key)) for key, kind in MATCHES.items() if at(known, key)]
        if not isinstance(name, str) or not name or len(values) != 1 or not isinstance(values[0][1], str):
            self._refused("header", place, "a header has a name, and one of exact, prefix and regex")
            return None
        kind, text = values[0]
        return {"header": name, **({} if kind == "Exact" else {"match": kind}), "value": text}

    def _mirror(self, value: dict[str, Any], place: Path) -> None:
        matches, percentage = value.get("match"), value.get("percentage", 100)
        if not matches:
            return  # ends it, as every later phase does
        if (
            not isinstance(matches, list)
            or not all(isinstance(match, dict) for match in matches)
            or whole(percentage) is None
            or percentage > 100
        ):
            self._refused("mirror", place, "match is a list of maps, and percentage a number of 0 to 100")
            return
        name = copies_text(Fraction(percentage, 100), None)
        before = [phase["name"] for phase in self.phases]
        highest = max((float(known[7:-1]) for known in before if known.startswith("mirror ")), default=0)
        if self._share or "header-only" in before or percentage <= highest:
            message = f"`{name}` after {before[-1] if before else 'nothing'}: mirrors come first, and rise"
            self._lost("mirror", place, message)
            return
        self._phase(name, methods=self._methods(matches, (*place, "match")))

    def _methods(self, matches: list[dict[str, Any]], place: Path) -> Any:
        """The methods whose requests are mirrored; what else is matched is lost."""
        methods = [at(match, "method", "exact") for match in matches]
        everywhere: tuple[Any, ...] = ({"prefix": "/"}, {"regex": ".*"}, {"regex": "/.*"}, None, {})
        if any(match.get("headers") or match.get("path") not in everywhere for match in matches):
            message = "the requests of all paths and headers are copied, and not those of the match alone"
            self._lost("mirror-match", place, message)
        known = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
        if any(match.get("method") and at(match, "method", "exact") not in known for match in matches):
            message = "methods by prefix or regular expression: all but GET, HEAD and OPTIONS are left out"
            self._lost("mirror-match", place, message)
            return ["GET", "HEAD", "OPTIONS"]
        return "all" if None in methods else list(dict.fromkeys(methods))

    def _analysis(self, value: dict[str, Any], place: Path) -> None:
        if not self.phases:
            message = "an analysis before anybody gets to the canary is a gate of the first phase"
            self._lost("analysis-early", place, message)
        self._gate(self.ask(value, place))

    def _experiment(self, _: dict[str, Any], place: Path) -> None:
        message = "an experiment runs versions beside each other for a while, which a release does not"
        self._lost("experiment", place, message, "a phase `mirror` or `header-only` asks the canary alone")

    def _plugin(self, value: dict[str, Any], place: Path) -> None:
        message = f"the plugin {said(value.get('name'))} is a program of the controller's"
        self._lost("plugin", place, message, "a gate with `command` or `webhook` may do what it does")

    def _ask_all_along(self, analysis: Any) -> None:
        """The gates of the analysis in the background, of all phases or those from a step on."""
        if not analysis:
            return
        place = (*CANARY, "analysis")
        gates = self.ask(analysis, place)
        start = whole(at(analysis, "startingStep")) or 0
        if not start:
            self.gates = gates
            self._ask_once()
            return
        later = [phase for phase, end in zip(self.phases, self._ends, strict=True) if end >= start and gates]
        for phase in later:
            known = phase.setdefault("gates", [])
            known += [dict(gate) for gate in gates if _asks(gate) not in map(_asks, known)]
        if gates and not later:
            self._lost("analysis-early", (*place, "startingStep"), "no phase begins at that step or later")

    def _ask_once(self) -> None:
        """Gates of a phase that every phase has are left to these."""
        for phase in self.phases:
            gates = [gate for gate in phase.pop("gates", ()) if _asks(gate) not in map(_asks, self.gates)]
            phase.update({"gates": gates} if gates else {})

    def _end(self) -> None:
        if not self.phases:
            self._phase("100%")
        if self._early:
            self._phase("100%")
        if len(self.phases) >= MOST_PHASES:
            self._refused("steps", STEPS, f"{len(self.phases)} phases; a release has {MOST_PHASES} at most")
