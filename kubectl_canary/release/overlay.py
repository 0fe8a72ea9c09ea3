"""A phase laid over documents, whoever made them: our template, a user, or the cluster.

What is the release's is known by names; rules of others, third backends, fields, annotations and their order survive.
What cannot be told apart is an error, never a guess.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from kubectl_canary.api.equality import MISSING
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Where
from kubectl_canary.records import dataclass
from kubectl_canary.release import engines, routes, shares, strategic
from kubectl_canary.release.application import (
    GATEWAY_GROUP,
    HTTP_ROUTE,
    SERVICE_API,
    Application,
    Located,
    Receiver,
    Service,
    Side,
)
from kubectl_canary.release.documents import Document
from kubectl_canary.release.plan import Phase, Traffic
from kubectl_canary.release.routes import Rule
from kubectl_canary.routing.backends import BackendRef

HEAD = ("apiVersion", "kind", "metadata", "status")  # what a document has beside its content
NOTES = ("labels", "annotations")


@dataclass(frozen=True)
class ReleaseOnRoute:
    """What belongs to a release on a route: the rules that it added, and the user's rules that it governs.

    The rules that it governs are looked for once: who changes the document asks another.
    """

    application: Application
    document: dict[str, Any]

    @property
    def rules(self) -> list[Rule]:
        """Every rule of the route."""
        rules: list[Rule] = self.document["spec"].get("rules") or []
        return rules

    def added(self) -> list[Rule]:
        """The release's rules: listed in its annotation, with its canary alone or a mirror of its own behind them."""
        annotations = self.document["metadata"].get("annotations") or {}
        listed = set(filter(None, str(annotations.get(self.application.rules_annotation, "")).split(",")))
        return [
            rule
            for rule in self.rules
            if routes.listing(rule, self.names_rules) in listed and self._is_canarys(rule)
        ]

    @property
    def kind(self) -> str:
        """The route's kind; the one that we render has none yet."""
        return str(self.document.get("kind", HTTP_ROUTE))

    @property
    def located(self) -> Located:
        """What tells the route from all others."""
        namespace = self.application.namespace_of(self.document)
        return Located(self.kind, namespace, self.document["metadata"]["name"])

    @property
    def title(self) -> str:
        """`HTTPRoute shop`."""
        return self.located.title

    @functools.cached_property
    def names_rules(self) -> bool:
        """Whether rules have names in the release of the Gateway API that the cluster has."""
        return self.application.names_rules

    def governed(self) -> list[Rule]:
        """The user's rules whose requests the release splits; of one that goes back all that reach the canary, too.

        Raises Refused where one is not there, or cannot be told from others; never of a release that goes back.
        """
        return list(self._governed)

    @functools.cached_property
    def _governed(self) -> list[Rule]:
        if self.application.goes_back:
            told = [rule for _, rule in self._told]
            return [rule for rule in self.users() if _is_one_of(rule, told) or self._reaches(rule)]
        names, users = self._names(), self.users()
        if not names:
            raise self.refusal("the release governs no rule of this route")
        rules = [self._chosen(rule, users) for rule in names]
        for rule in rules:
            self.refuse_several_services(rule)
        return rules

    def shaped_by(self, traffic: Traffic) -> list[Rule]:
        """The governed rules; where one that goes back has none, and the canary is to get requests, all of stable's."""
        governed = self.governed()
        if governed or not traffic.share:
            return governed
        return [rule for rule in self.users() if self._sends_to(rule, Side.STABLE)]

    def users(self) -> list[Rule]:
        """The rules that the release has not added."""
        added = self.added()
        return [rule for rule in self.rules if not _is_one_of(rule, added)]

    @functools.cached_property
    def _told(self) -> list[tuple[str | int | None, Rule]]:
        """The governed rules by what they are known by, as far as they are there and can be told from others."""
        told, users = [], self.users()
        for name in self._names():
            with contextlib.suppress(Refused):
                told.append((name, self._chosen(name, users)))
        return told

    def _reaches(self, rule: Rule) -> bool:
        """Whether a rule sends requests or copies to the canary."""
        return any(self.is_of(ref, Side.CANARY) for ref in routes.all_backends(rule))

    def splits(self, rule: Rule) -> bool:
        """Whether a rule sends requests to a Service of the release, on whichever side."""
        return any(map(self.side_of, routes.backends(rule)))

    def _names(self) -> list[str | int | None]:
        """What the governed rules are known by."""
        route_of, own = self.application.route_of, self.located
        return [known.rule for known in self.application.governed if route_of(known) == own]

    def _chosen(self, rule: str | int | None, others: Sequence[Rule]) -> Rule:
        if rule is None:
            return self._only(others)
        return self._named(rule, others) if isinstance(rule, str) else self._numbered(rule, others)

    def _numbered(self, number: int, others: Sequence[Rule]) -> Rule:
        """The user's rule at a place among the user's."""
        users = [rule for rule in others if not routes.is_of_a_release(rule, self.document)]
        if number >= len(users) or not self.splits(users[number]):
            raise self.refusal(f"rule {number} of the user's does not send to the release's Services")
        return users[number]

    def _named(self, name: str, others: Sequence[Rule]) -> Rule:
        """The user's rule of a name."""
        named = [rule for rule in others if rule.get("name") == name]
        if len(named) != 1 or not self.splits(named[0]):
            raise self.refusal(f"no rule `{name}` sends to the release's Services")
        return named[0]

    def _only(self, others: Sequence[Rule]) -> Rule:
        """The only rule of the user's that sends to stable; where stable is gone from it, to the canary."""
        rules = [rule for rule in others if self._sends_to(rule, Side.STABLE)]
        rules = rules or [rule for rule in others if self._sends_to(rule, Side.CANARY)]
        if not rules:
            sought = " or ".join(
                f"{service.names.stable} on port {service.port}" for service in self.application.services
            )
            raise self.refusal(f"no rule sends to {sought}")
        if len(rules) > 1:
            places = ", ".join(f"rules[{self.place(rule)}]" for rule in rules)
            raise self.refusal(f"{places} all send to the release's Services: which is ours?")
        return rules[0]

    def refuse_several_services(self, rule: Rule) -> None:
        """Raises Refused where the shares of a rule cannot be told from another Service's."""
        sides = [side for ref in routes.backends(rule) if (side := self.side_of(ref)) is not None]
        names = list(dict.fromkeys(service.names.stable for service, _ in sides))
        if len(names) > 1:
            raise self.refusal(f"one rule sends to {' and '.join(names)}; each needs a rule of its own")
        if sum(side is Side.STABLE for _, side in sides) > 1:
            raise self.refusal(f"{names[0]} stands twice among the backends of one rule")

    def side_of(self, ref: BackendRef) -> tuple[Service, Side] | None:
        """Which Service of the release a backendRef is: equal in name, kind, group, namespace and port."""
        if ref.namespace(self.located.namespace) != self.application.namespace:
            return None
        for service in self.application.services:
            for side in Side:
                if service.is_sent(ref, side):
                    return service, side
        return None

    def is_of(self, ref: BackendRef, side: Side) -> bool:
        """Whether a backendRef is a side's Service."""
        service = self.side_of(ref)
        return service is not None and service[1] is side

    def mirrors(self, rule: Rule) -> list[dict[str, Any]]:
        """The filters of a rule that mirror to the canary, or to a receiver of the release's."""
        return [filter_ for filter_ in rule.get("filters") or [] if self._is_mirror(filter_)]

    def _is_mirror(self, filter_: dict[str, Any]) -> bool:
        ref = routes.mirrored_to(filter_)
        return self.is_of(ref, Side.CANARY) or self.receiver_of(ref) is not None

    def receiver_of(self, ref: BackendRef) -> Receiver | None:
        """The receiver whose Service a backendRef names, whatever the port."""
        is_near = ref.namespace(self.located.namespace) == self.application.namespace
        named = [known for known in self.application.receivers if known.name == ref.name]
        if not (named and is_near and ref.is_service):
            return None
        return next((known for known in named if known.port == ref.port), named[0])

    def foreign_references(self, governed: Sequence[Rule]) -> Iterator[Finding]:
        """Rules of others that send to the canary, which no phase and no way back takes away from it."""
        kept = [*governed, *self.added()]
        for index, rule in enumerate(self.rules):
            names = [ref.name for ref in routes.backends(rule) if self.is_of(ref, Side.CANARY)]
            if names and not _is_one_of(rule, kept):
                message = f"sends to {names[0]} and is not this release's: it stays as it is"
                yield Finding("foreign-rule", "warning", ("spec", "rules", index), message, Where(self.title))

    def written(self, rule: Rule) -> Rule | None:
        """A governed rule as the user wrote it before the release; None for a route that we render."""
        adopted = self.application.adopted
        given = adopted.stable if adopted is not None else ()
        route = next((known.value for known in given if self._is_route(known.value)), None)
        if route is None:
            return None
        wanted = [name for name, known in self._told if known is rule]
        rules = enumerate(routes.users_rules(route))
        return next(
            (known for number, known in rules if wanted and wanted[0] in (number, known.get("name"))), None
        )

    def name_of(self, rule: Rule) -> str:
        """What the clones of a governed rule are called after: its name, or one that no rule has."""
        if rule.get("name"):
            return str(rule["name"])
        nameless = [known for known in self.governed() if not known.get("name")]
        place = next(place for place, known in enumerate(nameless) if known is rule)
        numbered = (f"{routes.NAMELESS}-{number}" for number in itertools.count(1))
        first = [routes.NAMELESS] if len(nameless) == 1 else []
        taken = {known.get("name") for known in self.rules}
        free = (name for name in itertools.chain(first, numbered) if name not in taken)
        return next(itertools.islice(free, place, None))

    def _is_route(self, value: dict[str, Any]) -> bool:
        return located(value, self.application) == self.located

    def _sends_to(self, rule: Rule, side: Side) -> bool:
        return any(self.is_of(ref, side) for ref in routes.backends(rule))

    def _is_canarys(self, rule: Rule) -> bool:
        refs = routes.backends(rule)
        alone = bool(refs) and all(self.is_of(ref, Side.CANARY) for ref in refs)
        return alone or bool(self.mirrors(rule))

    def place(self, rule: Rule) -> int:
        """Where a rule stands on the route."""
        return next(index for index, other in enumerate(self.rules) if other is rule)

    def original_of(self, clone: Rule) -> Rule:
        """The governed rule that a clone was made from: the next one behind it."""
        return next(rule for rule in self.governed() if self.place(rule) > self.place(clone))

    def refusal(self, message: str, hint: str = "") -> Refused:
        """What to raise where the route is not as the release needs it."""
        return _refused(self.title, message, hint)


def located(value: dict[str, Any], application: Application) -> Located | None:
    """What tells an object of the Gateway API from all others; None for one of another group."""
    if str(value.get("apiVersion")).partition("/")[0] != GATEWAY_GROUP:
        return None
    return Located(str(value.get("kind")), application.namespace_of(value), value["metadata"]["name"])


def laid_over(
    now: dict[str, Any],
    before: dict[str, Any] | None,
    planned: Document,
    application: Application,
    phase: Phase,
) -> tuple[dict[str, Any], list[Finding]]:
    """An object as it should be in a phase, whoever has made it, and what the user should know of it.

    `before` is the object as it was planned for what it is now, None where nothing of it is taken as given;
    `planned` is the object as it is planned in the phase. What both agree on stays as it is.
    """
    if planned.part.is_governed:
        return route(now, application, phase)
    if application.adopted is not None:
        now = _with_metadata(now, before or {}, planned.value)
    if planned.part.kind not in strategic.FILES:
        return (_carried(now, before or {}, planned.value) if application.adopted is not None else now), []
    place = strategic.Place.of_kind(planned.part.kind, application.target.kubernetes).below("spec")
    spec = strategic.carried(now["spec"], (before or {}).get("spec", {}), planned.value["spec"], place)
    return {**now, "spec": spec}, []


def _with_metadata(now: dict[str, Any], before: dict[str, Any], planned: dict[str, Any]) -> dict[str, Any]:
    """A user's object with the labels and annotations in which two plans of it differ."""
    then, to_be = (
        {key: value for key, value in (document.get("metadata") or {}).items() if key in NOTES}
        for document in (before, planned)
    )
    return {**now, "metadata": _carried_keys(now["metadata"], then, to_be)}


def _carried(now: dict[str, Any], before: dict[str, Any], planned: dict[str, Any]) -> dict[str, Any]:
    """An object of a kind without a spec that we know, with what two plans differ in: `data` of a ConfigMap."""
    then, to_be = (
        {key: value for key, value in document.items() if key not in HEAD} for document in (before, planned)
    )
    return _carried_keys(now, then, to_be)


def _carried_keys(now: dict[str, Any], before: dict[str, Any], planned: dict[str, Any]) -> dict[str, Any]:
    """A map with what two plans of some of its keys differ in."""
    nowhere = strategic.Place({}, "")
    carried = {
        key: strategic.carried(
            now.get(key, MISSING), before.get(key, MISSING), planned.get(key, MISSING), nowhere
        )
        for key in dict.fromkeys((*before, *planned))
    }
    return {
        **{key: value for key, value in now.items() if carried.get(key) is not MISSING},
        **{key: value for key, value in carried.items() if value is not MISSING},
    }


def route(
    document: dict[str, Any], application: Application, phase: Phase
) -> tuple[dict[str, Any], list[Finding]]:
    """The route as it should be in a phase, and what the user should know of it.

    Raises Refused where the release's rule is not there, or not the only one.
    """
    laid = copy.deepcopy(document)
    release = ReleaseOnRoute(application, laid)
    is_apart = release.located in application.separated
    governed, added = release.shaped_by(phase.traffic), release.added()
    findings = list(release.foreign_references(governed))
    kept = [rule for rule in release.rules if not _is_one_of(rule, added)]
    rules: list[Rule] = []
    clones: list[Rule] = []
    for rule in kept:
        if _is_one_of(rule, governed):
            before, rule, more = shaped(release, rule, phase.traffic)
            findings += more
            before = [] if is_apart else before
            clones += before
            rules += before
        rules.append(rule)
    _refuse_taken_names(release, kept, clones)
    laid["spec"]["rules"] = rules
    _annotate(laid["metadata"], application.phase_annotation, phase.traffic.phase)
    listed = ",".join(routes.listing(rule, release.names_rules) for rule in clones)
    _annotate(laid["metadata"], application.rules_annotation, listed or None)
    if engines.orders(application, release.located):
        if phase.traffic.reaches_canary:
            wave = engines.wave(application, is_way_back=phase.is_way_back)
            _annotate(laid["metadata"], engines.WAVE, wave)
        elif not engines.is_in_a_phase(laid):  # another release's may stand there
            _annotate(laid["metadata"], engines.WAVE, application.annotations.get(engines.WAVE))
    return laid, findings


def shaped(
    release: ReleaseOnRoute, governed: Rule, traffic: Traffic
) -> tuple[list[Rule], Rule, list[Finding]]:
    """The clones of a governed rule, the rule itself as the traffic needs it, and what is to be known of it."""
    rule, error = _without_mirror(release, governed), 0.0
    if not release.splits(rule):
        return [], rule, []
    if traffic.share or traffic.testers:
        rule, error = _with_shares(release, rule, traffic)
    else:
        rule = {**rule, "backendRefs": _restored(release, governed) or _without_canary(release, governed)}
    clones = _clones(release, rule, release.name_of(governed), traffic)
    if traffic.mirror and not traffic.methods:
        rule = routes.mirrored(rule, copied_to(release, rule, traffic.to), traffic)
    return clones, rule, [_inexact(rule, error)] if error else []


def _clones(release: ReleaseOnRoute, governed: Rule, name: str, traffic: Traffic) -> list[Rule]:
    """The rules that a phase adds before the governed one, called after its name."""
    canary, testers = _canary_ref(release, governed), release.application.testers
    purpose: routes.Purpose = "mirror" if traffic.mirror else "testers"
    if traffic.mirror:
        target = copied_to(release, governed, traffic.to)
        clones = routes.mirror_clones(governed, target, traffic) if traffic.methods else []
    elif traffic.testers and testers is not None:
        clones = routes.testers_clones(governed, canary, testers, release.kind)
    else:
        clones = []
    if not release.names_rules:
        return [{key: value for key, value in rule.items() if key != "name"} for rule in clones]
    names = routes.clone_names(name, purpose, len(clones), release.application.name) if clones else []
    return [{**rule, "name": name} for rule, name in zip(clones, names, strict=True)]


def _restored(release: ReleaseOnRoute, governed: Rule) -> list[dict[str, Any]] | None:
    """The backendRefs without the canary, with the weights that the user wrote.

    None where the user has not written the rule, or where others' weights are not in the same ratio any more.
    """
    written = release.written(governed)
    if written is None:
        return None
    weights = {ref.identity: ref.weight for ref in routes.backends(written)}
    refs = [ref for ref in routes.backends(governed) if not release.is_of(ref, Side.CANARY)]
    others = [ref for ref in refs if release.side_of(ref) is None]
    ratios = {
        Fraction(ref.weight, weights.get(ref.identity) or 1) for ref in others if weights.get(ref.identity)
    }
    zeros = all(ref.weight == weights[ref.identity] for ref in others if weights.get(ref.identity) == 0)
    is_as_written = {ref.identity for ref in refs} == set(weights) and len(ratios) <= 1 and zeros
    if not is_as_written:
        return None
    return [
        ref.value if ref.weight == weights[ref.identity] else {**ref.value, "weight": weights[ref.identity]}
        for ref in refs
    ]


def _without_canary(release: ReleaseOnRoute, governed: Rule) -> list[dict[str, Any]]:
    """The backendRefs without the canary, whose weight stable has; where stable is gone, it is there again."""
    refs = routes.backends(governed)
    left = {id(ref): ref.value for ref in refs if not release.is_of(ref, Side.CANARY)}
    for name, group in _by_service(release, refs):
        heir = next((ref for ref in group if release.is_of(ref, Side.STABLE)), group[0])
        gone = (ref.weight for ref in group if ref is not heir and release.is_of(ref, Side.CANARY))
        left[id(heir)] = {**heir.value, "name": name, "weight": heir.weight + sum(gone)}
    kept = [left[id(ref)] for ref in refs if id(ref) in left]
    return kept if len(kept) > 1 else [{**kept[0], "weight": routes.ALONE}]


def _by_service(
    release: ReleaseOnRoute, refs: Sequence[BackendRef]
) -> Iterator[tuple[str, list[BackendRef]]]:
    """The backendRefs to the release, by Service and port, each with the name of stable's Service."""
    groups: dict[tuple[str, int | None], list[BackendRef]] = {}
    for ref in refs:
        known = release.side_of(ref)
        if known is not None:
            groups.setdefault((known[0].names.stable, ref.port), []).append(ref)
    for (name, _), group in groups.items():
        yield name, group


def _canary_ref(release: ReleaseOnRoute, rule: Rule) -> dict[str, Any]:
    """The canary's backendRef: stable's with the canary's name, so that its port and filters come along."""
    return _ref_of(release, rule, Side.CANARY)


def copied_to(release: ReleaseOnRoute, rule: Rule, receiver: Receiver | None) -> dict[str, Any]:
    """The backendRef that gets the copies of a rule's requests: the canary's, where no receiver has its place."""
    canary = _canary_ref(release, rule)
    if receiver is None:
        return canary
    kind, group = SERVICE_API
    port = receiver.port or canary.get("port")
    named = {"group": group, "kind": kind, "name": receiver.name}
    return {**named, "namespace": canary.get("namespace"), "port": port}


def _ref_of(release: ReleaseOnRoute, rule: Rule, side: Side) -> dict[str, Any]:
    """The backendRef of a side: what stands there of stable, else of the canary, with the side's name."""
    there = ((ref, release.side_of(ref)) for ref in routes.backends(rule))
    ours = [(ref, *service) for ref, service in there if service is not None]
    ref, service, _ = min(ours, key=lambda known: known[2] is not Side.STABLE)
    return {**ref.value, "name": service.names.of(side)}


def _with_shares(release: ReleaseOnRoute, rule: Rule, traffic: Traffic) -> tuple[Rule, float]:
    """The governed rule with stable and canary in their shares of what both had, and how far that is off.

    Third backends keep their exact share.
    """
    release.refuse_several_services(rule)
    refs = routes.backends(rule)
    ours = [ref for ref in refs if release.side_of(ref) is not None]
    others = [ref.weight for ref in refs if ref not in ours]
    together = sum(ref.weight for ref in ours)
    if others and not together and not release.application.goes_back:
        title = f"rule {rule.get('name', '')}".rstrip()
        raise _refused(title, "stable and canary have no weight, others have all of it")
    stable, canary, scale, error = shares.split(traffic.share, together if others else None, others)
    split = [
        {**_ref_of(release, rule, Side.STABLE), "weight": stable},
        {**_canary_ref(release, rule), "weight": canary},
    ]
    scaled: list[dict[str, Any]] = []
    for ref in refs:
        if ref in ours:
            scaled += split
            split = []
        else:
            scaled.append({**ref.value, "weight": ref.weight * scale} if scale != 1 else ref.value)
    return {**rule, "backendRefs": scaled}, float(error)


def _inexact(rule: Rule, error: float) -> Finding:
    message = (
        f"the canary's share is off by {error:.2%}: no weights up to 1,000,000 are exact beside the others"
    )
    return Finding("third-party-share", "warning", (), message, Where(f"rule {rule.get('name', '')}"))


def _without_mirror(release: ReleaseOnRoute, rule: Rule) -> Rule:
    """The rule without the mirror that a phase may have put on it."""
    mirrors = release.mirrors(rule)
    if not mirrors:
        return rule
    filters = [filter_ for filter_ in rule["filters"] if filter_ not in mirrors]
    return {
        key: filters if key == "filters" else value
        for key, value in rule.items()
        if key != "filters" or filters
    }


def _refuse_taken_names(release: ReleaseOnRoute, kept: Sequence[Rule], clones: Sequence[Rule]) -> None:
    taken = {rule.get("name") for rule in kept}
    for rule in clones:
        if rule.get("name") in taken - {None}:
            message = f"a rule is called `{rule['name']}`, and {release.application.rules_annotation} does not list it"
            hint = "another's is to be renamed; where the annotation was lost, `rollback --print` has the whole route"
            raise release.refusal(message, hint)


def introduced(
    document: dict[str, Any], before: dict[str, Any], application: Application, traffic: Traffic
) -> dict[str, Any]:
    """A route that names the canary beside stable, without any requests for it where it is not named.

    It is named in the rules that are shaped by the traffic on the route as it is `before`. A gateway that gets routes
    and backends apart knows the backend then, before a request is sent to it.
    """
    laid = copy.deepcopy(document)
    release, old = ReleaseOnRoute(application, laid), ReleaseOnRoute(application, before)
    governed = old.shaped_by(traffic)
    for then, rule in zip(old.users(), release.users(), strict=True):
        if _is_one_of(then, governed) and old.splits(then) and not names_canary(release, rule):
            rule["backendRefs"] = [*rule["backendRefs"], {**_canary_ref(release, rule), "weight": 0}]
    return laid


def names_canary(release: ReleaseOnRoute, rule: Rule) -> bool:
    """Whether the canary is among the backends of a rule, with any weight."""
    return any(release.is_of(ref, Side.CANARY) for ref in routes.backends(rule))


def _is_one_of(rule: Rule, rules: Sequence[Rule]) -> bool:
    return any(rule is other for other in rules)


def _annotate(metadata: dict[str, Any], key: str, value: str | None) -> None:
    annotations = metadata.get("annotations") or {}
    if value is not None:
        metadata["annotations"] = {**annotations, key: value}
    elif key in annotations:
        metadata["annotations"] = {name: text for name, text in annotations.items() if name != key}


def _refused(title: str, message: str, hint: str = "") -> Refused:
    finding = Finding("live", "error", (), message, Where(title), hint)
    return Refused("the live objects are not those of the release", [finding])
