"""The user's manifests → what of them a release is about, and why; what is ambiguous, with its candidates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kubectl_canary.errors import UsageError
from kubectl_canary.findings import nearest
from kubectl_canary.reading.adopted.objects import OTHER_WORKLOADS, at, name_of, of_kind, pod_labels, selects
from kubectl_canary.reading.adopted.pools import pools_in
from kubectl_canary.reading.adopted.problems import listed
from kubectl_canary.reading.adopted.rules import ANY, is_route, rules_of
from kubectl_canary.reading.adoption import without_hooks
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.adoption import DEPLOYMENT, SERVICE
from kubectl_canary.release.application import GRPC_ROUTE, STREAM_KINDS


@dataclass(frozen=True)
class Wanted:
    """What the user names; None and nothing where the manifests decide."""

    deployments: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    namespace: str | None = None


@dataclass(frozen=True)
class Chosen:
    """An object that a release is about, and why it is this one."""

    manifest: Manifest
    why: str

    def __str__(self) -> str:
        return f"{self.manifest.title}: {self.why}"

    @property
    def name(self) -> str:
        """The object's name."""
        return self.manifest.text("metadata", "name")


@dataclass(frozen=True)
class Served:
    """A Deployment that is released, and the Service in front of it."""

    deployment: Chosen
    service: Chosen


@dataclass(frozen=True)
class Choice:
    """The Deployments that are released together, each with its Service, and the routes to those."""

    parts: tuple[Served, ...]
    routes: tuple[Chosen, ...]

    @property
    def deployments(self) -> list[Manifest]:
        """The Deployments, in the order in which they are named."""
        return [part.deployment.manifest for part in self.parts]

    @property
    def streams(self) -> tuple[str, ...]:
        """The titles of the routes that split connections and see no request in them."""
        return self._titles(STREAM_KINDS)

    @property
    def without_query(self) -> tuple[str, ...]:
        """The titles of the routes that cannot tell requests by a query parameter."""
        return self._titles((GRPC_ROUTE,))

    def _titles(self, kinds: Collection[str]) -> tuple[str, ...]:
        routes = [route.manifest for route in self.routes]
        return tuple(route.title for route in routes if route.text("kind") in kinds)

    def lines(self) -> list[str]:
        """A line an object, for people."""
        parts = (chosen for part in self.parts for chosen in (part.deployment, part.service))
        return [str(chosen) for chosen in (*parts, *self.routes)]


def choice(manifests: Sequence[Manifest], wanted: Wanted) -> Choice:
    """What a release of the manifests is about. Raises UsageError where nothing fits, or several do."""
    live = without_hooks(manifests)
    workloads = deployments(live, wanted.deployments)
    for workload in workloads:
        _refuse_pools(live, workload.manifest, wanted)
    named = _named_services(live, [workload.manifest for workload in workloads], wanted.services)
    parts = tuple(
        Served(workload, _service(live, workload.manifest, service))
        for workload, service in zip(workloads, named, strict=True)
    )
    return Choice(parts, tuple(_routes(live, parts, wanted)))


def _refuse_pools(manifests: Sequence[Manifest], workload: Manifest, wanted: Wanted) -> None:
    """Raises UsageError where routes send to an InferencePool of the Deployment: which is the canary's, nobody says."""
    every = [manifest for manifest in manifests if is_route(manifest)]
    for pool in () if wanted.services else pools_in(manifests):
        if selected_by(pool, workload) and any(
            sending_rules(route, pool, _namespace(workload, wanted)) for route in every
        ):
            message = (
                f"routes send to InferencePool {name_of(pool)}, and `init` writes no canary file for that"
            )
            raise UsageError(message, "write spec.adopt.inferencePool by hand: docs/adopt.md says how")


def deployments(manifests: Sequence[Manifest], wanted: Sequence[str]) -> list[Chosen]:
    """The Deployments of these names, or the only one there is. Raises UsageError where that is not clear."""
    candidates = of_kind(manifests, *DEPLOYMENT)
    if not candidates:
        raise _no_deployment(manifests)
    for name in wanted:
        if wanted.count(name) > 1:
            raise UsageError(f"--deployment {name} stands twice", "name each Deployment once")
    return [_one(candidates, name, "deployment", "the only Deployment") for name in wanted or (None,)]


def _no_deployment(manifests: Sequence[Manifest]) -> UsageError:
    for manifest in manifests:
        reason = OTHER_WORKLOADS.get(manifest.text("kind"))
        if reason:
            return UsageError(
                f"no Deployment in the manifests, and {manifest.title} cannot be released by shares",
                f"{reason}; a Deployment can",
            )
    return UsageError(
        "no Deployment in the manifests",
        f"there are {listed([manifest.title for manifest in manifests])}",
    )


def _named_services(
    manifests: Sequence[Manifest], workloads: Sequence[Manifest], wanted: Sequence[str]
) -> list[str | None]:
    """The Service that the user names for each Deployment: of one the only name, of several the one that selects it.

    Raises UsageError for a Service of none, and for two of one Deployment.
    """
    if len(workloads) == 1 and len(wanted) < 2:
        return [*wanted] or [None]
    selected = [_selecting(manifests, workload) for workload in workloads]
    every = [name for names in selected for name in names]
    for name in wanted:
        if name not in every:
            raise _of_none(name, [*map(name_of, of_kind(manifests, *SERVICE))], workloads, every)
    fitting = [[name for name in wanted if name in names] for names in selected]
    for workload, names in zip(workloads, fitting, strict=True):
        if len(names) > 1:
            both = " and ".join(f"--service {name}" for name in names)
            raise UsageError(f"{both}: a Deployment has one Service, and {workload.title} two", "keep one")
    return [names[0] if names else None for names in fitting]


def _of_none(
    wanted: str, there: Sequence[str], workloads: Sequence[Manifest], selecting: Sequence[str]
) -> UsageError:
    """A Service that selects the pods of no Deployment that is released."""
    if wanted not in there or not selecting:
        return _unknown(wanted, there, "service", "Service")
    names = listed([name_of(workload) for workload in workloads])
    message = f"Service `{wanted}` selects the pods of none of the Deployments {names}"
    return UsageError(message, f"of those that do: --service {selecting[0]}")


def _selecting(manifests: Sequence[Manifest], workload: Manifest) -> list[str]:
    """The names of the Services that select a Deployment's pods."""
    return [name_of(known) for known in of_kind(manifests, *SERVICE) if selected_by(known, workload)]


def _service(manifests: Sequence[Manifest], workload: Manifest, wanted: str | None) -> Chosen:
    pods, name = pod_labels(workload.value), name_of(workload)
    every = of_kind(manifests, *SERVICE)
    selecting = [manifest for manifest in every if selected_by(manifest, workload)]
    if not selecting:
        has = ", ".join(f"{key}: {text}" for key, text in pods.items())
        raise UsageError(
            f"no Service selects the pods of Deployment {name}", f"one with `selector: {{{has}}}` would"
        )
    if wanted in [*map(name_of, every)] and wanted not in [*map(name_of, selecting)]:
        raise UsageError(
            f"Service `{wanted}` does not select the pods of Deployment {name}",
            f"of those that do: --service {name_of(selecting[0])}",
        )
    return _one(selecting, wanted, "service", f"it selects the pods of Deployment {name}", name)


def _one(candidates: Sequence[Manifest], wanted: str | None, flag: str, why: str, likely: str = "") -> Chosen:
    """The one of a name, or the only one; `why` is what fits it, `likely` the name to suggest where it is there."""
    kind, names = candidates[0].text("kind"), [name_of(manifest) for manifest in candidates]
    fitting = [manifest for manifest in candidates if wanted in (None, name_of(manifest))]
    if not fitting:
        raise _unknown(str(wanted), names, flag, kind)
    if len({*map(name_of, fitting)}) > 1:
        best = likely if likely in names else names[0]
        raise UsageError(f"which {kind}? There are {listed(names)}", f"give --{flag} {best}")
    if len(fitting) > 1:
        places = " and ".join(str(manifest.where(("metadata", "name"))) for manifest in fitting)
        raise UsageError(
            f"{kind} `{name_of(fitting[0])}` stands several times: {places}", "leave one of them out"
        )
    return Chosen(fitting[0], f"--{flag} names it" if wanted is not None else why)


def _unknown(wanted: str, names: Sequence[str], flag: str, kind: str) -> UsageError:
    """A name that no object has which would fit."""
    close = nearest(wanted, names)
    hint = f"did you mean --{flag} {close}?" if close else f"give --{flag} {names[0]}"
    return UsageError(f"no {kind} `{wanted}` fits; there are {listed(names)}", hint)


def _routes(manifests: Sequence[Manifest], parts: Sequence[Served], wanted: Wanted) -> list[Chosen]:
    services = [part.service.manifest for part in parts]
    namespace = _namespace(parts[0].deployment.manifest, wanted)
    every = [manifest for manifest in manifests if is_route(manifest)]
    sending = {id(known): _sent(known, services, namespace) for known in every}
    fitting = [manifest for manifest in every if sending[id(manifest)]]
    if not fitting:
        titles = " or ".join(f"Service {name_of(service)}" for service in services)
        raise UsageError(f"no rule of an {ANY} sends to {titles}", _lacking(manifests))
    names = wanted.routes or tuple(dict.fromkeys(map(name_of, fitting)))
    named = [route for name in names for route in _named(fitting, name)]
    return [Chosen(route, _why(route, sending[id(route)])) for route in named]


def _sent(route: Manifest, services: Sequence[Manifest], namespace: str | None) -> dict[str, list[int]]:
    """The places of the rules of a route that send to each Service, by its title; those of none are left out."""
    sent = {service.title: sending_rules(route, service, namespace) for service in services}
    return {title: places for title, places in sent.items() if places}


def _named(fitting: Sequence[Manifest], name: str) -> list[Manifest]:
    """The routes of a name, one of a kind and a namespace. Raises UsageError where there is none."""
    places = dict.fromkeys(_place(route) for route in fitting if name_of(route) == name)
    if not places:
        _one(fitting, name, "route", "")
    by_place = ([route for route in fitting if _place(route) == place] for place in places)
    return [_one(alike, name, "route", "").manifest for alike in by_place]


def _place(route: Manifest) -> tuple[str, str]:
    return route.text("kind"), route.text("metadata", "namespace")


def sending_rules(route: Manifest, service: Manifest, namespace: str | None) -> list[int]:
    """The places of the rules of a route that send to a Service of the namespace."""
    return [rule.index for rule in rules_of(route, [service], namespace) if rule.backends]


def selected_by(service: Manifest, workload: Manifest) -> bool:
    """Whether a Service selects a Deployment's pods, which are in its namespace."""
    said = {manifest.text("metadata", "namespace") for manifest in (service, workload)} - {""}
    return len(said) < 2 and selects(service.value, pod_labels(workload.value))


def _lacking(manifests: Sequence[Manifest]) -> str:
    others = [manifest.title for manifest in manifests if manifest.text("kind").endswith("Route")]
    there = f"there are {listed(others)}" if others else "there is no route in the manifests"
    return f"a release splits the requests of an {ANY}; {there}"


def _why(route: Manifest, sent: Mapping[str, Sequence[int]]) -> str:
    rules = route.value["spec"]["rules"]
    places = sorted({place for listed_places in sent.values() for place in listed_places})
    names = [f"`{rules[place]['name']}`" if rules[place].get("name") else str(place) for place in places]
    few = len(names) == 1
    whither = " and ".join(sent)
    return f"{'rule' if few else 'rules'} {', '.join(names)} {'sends' if few else 'send'} to {whither}"


def _namespace(workload: Manifest, wanted: Wanted) -> str | None:
    return workload.text("metadata", "namespace") or wanted.namespace


def containers(workload: Manifest) -> list[dict[str, Any]]:
    """The containers of a Deployment's pods."""
    return list(at(workload.value, "spec", "template", "spec", "containers") or [])
