"""The governed routes of a release → routes that the plugin leads, and what the plugin is told.

The plugin gives the canary Service its weight and the stable one the rest, in each rule that sends to both, and makes
a rule with the testers' header for each of these.
Source: pkg/plugin/{plugin,httproute,types}.go of argoproj-labs/rollouts-plugin-trafficrouter-gatewayapi, main of 2026.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from fractions import Fraction

from kubectl_canary.findings import Finding, Path
from kubectl_canary.integrations.exporters.exported import Exporting, Object, loss
from kubectl_canary.integrations.importers.argo_rollouts_phases import NAME
from kubectl_canary.integrations.importers.argo_rollouts_routes import KINDS, PLUGIN
from kubectl_canary.release.application import IMPORT_API, REQUEST_KINDS, Located, Side
from kubectl_canary.release.overlay import ReleaseOnRoute
from kubectl_canary.release.routes import Rule
from kubectl_canary.release.testers import BEGINNING, EXACT, SPECIAL, Testers
from kubectl_canary.routing.backends import BackendRef

DEFAULT_NAMESPACE = "default"
TESTERS = "testers"  # the rules that the plugin makes for them
HUNDRED, HUNDREDTHS, MOST_WEIGHT = 100, 10_000, 1_000_000  # the last is the highest that a route takes
MOST_RULES = 16
COPIED = ("name", "matches", "filters", "backendRefs")  # what the plugin's rule for testers has of a rule


def lost(rule: str, path: Path, message: str, hint: str = "") -> Finding:
    """A loss of Argo Rollouts."""
    return loss(f"{NAME}-{rule}", path, message, hint)


class Routes:
    """The governed routes, which get both Services, and how much `most`, all of the weight, is.

    `header` is what testers are known by in a step; None where the plugin cannot tell them.
    """

    def __init__(self, exporting: Exporting, objects: Sequence[Object], losses: list[Finding]) -> None:
        self.application, self.service = exporting.plan.application, exporting.workload.service
        self.losses = losses
        self.routes = [known for known in objects if self._located(known) in self.application.routes]
        self.namespace = self._namespace()
        self.governed = {id(known): self._rules(known) for known in self.routes}
        refs = [
            (rule, ref) for rules in self.governed.values() for rule in rules for ref in rule["backendRefs"]
        ]
        shares = [phase.traffic.share for phase in exporting.phases]
        self.most = self._whole(shares, [self._part(rule, ref) for rule, ref in refs])
        for rules in self.governed.values():
            for rule in rules:
                self._send_to_both(rule)
        self.rule = self._name()
        self.header = self._header(self.application.testers)

    def _located(self, known: Object) -> Located:
        return Located(known["kind"], self.application.namespace_of(known), known["metadata"]["name"])

    def _namespace(self) -> str:
        """The one namespace whose routes the plugin leads; others are let go."""
        spaces = [self.application.namespace_of(known) for known in self.routes]
        chosen = self.application.namespace if self.application.namespace in spaces else spaces[0]
        for known, space in zip(self.routes, spaces, strict=True):
            if space != chosen:
                title = f"{known['kind']} {known['metadata']['name']} in {space}"
                message = (
                    f"{title}: the plugin leads the routes of {chosen}, and this one sends to stable alone"
                )
                self.losses.append(lost("route", ("spec",), message))
        self.routes = [known for known, space in zip(self.routes, spaces, strict=True) if space == chosen]
        if chosen is None:
            message = f"the plugin needs the namespace of the routes, and `{DEFAULT_NAMESPACE}` is written"
            hint = "write metadata.namespace"
            self.losses.append(lost("namespace", ("metadata",), message, hint))
        return chosen or DEFAULT_NAMESPACE

    def _rules(self, route: Object) -> list[Rule]:
        return ReleaseOnRoute(self.application, route).governed()

    def _is_stable(self, ref: Object) -> bool:
        return self.service.is_sent(BackendRef(ref), Side.STABLE)

    def _stable_weight(self, rule: Rule) -> int:
        return sum(BackendRef(ref).weight for ref in rule["backendRefs"] if self._is_stable(ref))

    def _part(self, rule: Rule, ref: Object) -> Fraction:
        """How much another backend has of what stable has; 0 of stable itself."""
        weight = self._stable_weight(rule)
        if self._is_stable(ref) or not weight:
            return Fraction(0)
        return Fraction(BackendRef(ref).weight, weight)

    def _whole(self, shares: Sequence[Fraction], parts: Sequence[Fraction]) -> int:
        """The least of 100, 10 000 and larger numbers by which every weight is whole."""
        least = math.lcm(*(number.denominator for number in (*shares, *parts)))
        highest = max((Fraction(1), *parts))
        sizes = (HUNDRED, HUNDREDTHS, math.lcm(HUNDRED, least))
        fitting = [size for size in sizes if size % least == 0 and size * highest <= MOST_WEIGHT]
        if fitting:
            return fitting[0]
        return HUNDREDTHS if any((share * HUNDRED).denominator > 1 for share in shares) else HUNDRED

    def _send_to_both(self, rule: Rule) -> None:
        """Both Services, and other backends in the same proportion as before."""
        before = {id(ref): self._part(rule, ref) for ref in rule["backendRefs"]}
        stable = [ref for ref in rule["backendRefs"] if self._is_stable(ref)]
        if len(stable) > 1 or not self._stable_weight(rule):
            message = (
                "a governed rule sends to stable twice, or never: the plugin gives each all of the weight"
            )
            self.losses.append(lost("backends", ("spec",), message))
        refs: list[Object] = []
        for ref in rule["backendRefs"]:
            if not self._is_stable(ref):
                refs.append(self._kept(ref, before[id(ref)]) if self._stable_weight(rule) else ref)
                continue
            refs.append({**ref, "weight": self.most})
            refs.append({**copy.deepcopy(ref), "name": self.service.names.canary, "weight": 0})
        rule["backendRefs"] = refs

    def _kept(self, ref: Object, part: Fraction) -> Object:
        exact = part * self.most
        weight = min(MOST_WEIGHT, round(exact))
        if weight != exact:
            message = f"{ref['name']} gets {weight} beside {self.most}, and not {float(exact):g}"
            self.losses.append(lost("backends", ("spec",), message))
        return {**ref, "weight": weight}

    def _name(self) -> str:
        """A name for the rules of testers that no rule has; the plugin adds numbers to it."""
        names = [str(rule.get("name")) for known in self.routes for rule in known["spec"].get("rules") or ()]
        name = TESTERS
        while any(known.startswith(name) for known in names):
            name = f"{name}-of-canary"
        return name

    def _header(self, testers: Testers | None) -> Object | None:
        """What testers are known by; of those who cannot be told it is said why."""
        if testers is None or not self._of_requests():
            return None
        why = self._why_not(testers)
        if why:
            hint = "write `testers: {header: x-canary}`" if testers.carrier == "query" else ""
            self.losses.append(lost("testers", ("spec", "testers"), f"{testers.title}: {why}", hint))
            return None
        for rules in map(self.governed.__getitem__, map(id, self._of_requests())):
            for key in sorted({key for rule in rules for key in rule.keys() - set(COPIED)}):
                message = f"{key} of a rule is not there for testers"
                self.losses.append(lost("testers-rule", ("spec", "testers"), message))
        name, value = testers.condition["name"], testers.condition["value"]
        return {"headerName": name, "headerValue": _compared(testers, value)}

    def _of_requests(self) -> list[Object]:
        return [known for known in self.routes if known["kind"] in REQUEST_KINDS]

    def _why_not(self, testers: Testers) -> str:
        rules = [rule for known in self._of_requests() for rule in self.governed[id(known)]]
        if testers.carrier == "query":
            return "the plugin makes rules for headers alone"
        if not self.application.names_rules:
            return "the plugin finds its rules by name, and rules have none in this Gateway API"
        if any(testers.is_in(match) for rule in rules for match in rule.get("matches") or ()):
            return "a governed rule matches this header already, and the plugin would add it again"
        if any(BackendRef(ref).kind == IMPORT_API[0] for rule in rules for ref in rule["backendRefs"]):
            return "the plugin's rule sends to a Service, and a governed rule to a ServiceImport"
        if any(
            len(known["spec"]["rules"]) + len(self.governed[id(known)]) > MOST_RULES for known in self.routes
        ):
            return f"with the plugin's rules a route would have more than {MOST_RULES}"
        return ""

    def plugin(self) -> Object:
        """What the plugin is told."""
        listed: Object = {"namespace": self.namespace}
        for key, kind in KINDS.items():
            names = [known["metadata"]["name"] for known in self.routes if known["kind"] == kind]
            headers = {"useHeaderRoutes": True} if self.header and kind in REQUEST_KINDS else {}
            if names:
                listed[f"{key}s"] = [{"name": name, **headers} for name in names]
        return {PLUGIN: listed}

    def routing(self) -> Object:
        """The Rollout's `trafficRouting`."""
        managed = {"managedRoutes": [{"name": self.rule}]} if self.header else {}
        most = {"maxTrafficWeight": self.most} if self.most != HUNDRED else {}
        return {**managed, **most, "plugins": self.plugin()}

    def header_step(self) -> list[Object]:
        """The step from which on testers reach the canary."""
        return [{"setHeaderRoute": {"name": self.rule, "match": [self.header]}}] if self.header else []


def _compared(testers: Testers, expression: str) -> Object:
    """A value as a step compares it; a prefix with special characters is an expression, which all versions take."""
    if testers.carrier == "header" and testers.match == EXACT:
        return {"exact": testers.value}
    if testers.carrier == "header" and testers.match == BEGINNING and not SPECIAL.search(testers.value):
        return {"prefix": testers.value}
    return {"regex": expression}
