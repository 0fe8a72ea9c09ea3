"""The user's manifests → what of them a release is about, and why; what is ambiguous, with its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_canary.errors import UsageError
from kubectl_canary.findings import nearest
from kubectl_canary.reading.adopted.objects import OTHER_WORKLOADS, at, name_of, of_kind, pod_labels, selects
from kubectl_canary.reading.adopted.problems import listed
from kubectl_canary.reading.adopted.rules import ANY, is_route, rules_of
from kubectl_canary.reading.adoption import without_hooks
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release.adoption import DEPLOYMENT, SERVICE
from kubectl_canary.release.application import STREAM_KINDS


@dataclass(frozen=True)
class Wanted:
    """What the user names; None and nothing where the manifests decide."""

    deployment: str | None = None
    service: str | None = None
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
class Choice:
    """The Deployment that is released, the Service in front of it, and the routes to that."""

    deployment: Chosen
    service: Chosen
    routes: tuple[Chosen, ...]

    @property
    def streams(self) -> tuple[str, ...]:
        """The titles of the routes that split connections and see no request in them."""
        routes = [route.manifest for route in self.routes]
        return tuple(route.title for route in routes if route.text("kind") in STREAM_KINDS)

    def lines(self) -> list[str]:
        """A line an object, for people."""
        return [str(chosen) for chosen in (self.deployment, self.service, *self.routes)]


def choice(manifests: Sequence[Manifest], wanted: Wanted) -> Choice:
    """What a release of the manifests is about. Raises UsageError where nothing fits, or several do."""
    live = without_hooks(manifests)
    workload = deployment(live, wanted.deployment)
    service = _service(live, workload.manifest, wanted.service)
    return Choice(workload, service, tuple(_routes(live, workload.manifest, service.manifest, wanted)))


def deployment(manifests: Sequence[Manifest], wanted: str | None) -> Chosen:
    """The Deployment of a name, or the only one. Raises UsageError where there is none, or there are several."""
    candidates = of_kind(manifests, *DEPLOYMENT)
    if not candidates:
        raise _no_deployment(manifests)
    return _one(candidates, wanted, "deployment", "the only Deployment")


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
    return _one(selecting, wanted, "service", f"it selects the pods of Deployment {name}")


def _one(candidates: Sequence[Manifest], wanted: str | None, flag: str, why: str) -> Chosen:
    """The one of a name, or the only one; `why` is what fits it."""
    kind, names = candidates[0].text("kind"), [name_of(manifest) for manifest in candidates]
    fitting = [manifest for manifest in candidates if wanted in (None, name_of(manifest))]
    if not fitting:
        raise _unknown(str(wanted), names, flag, kind)
    if len({*map(name_of, fitting)}) > 1:
        raise UsageError(f"which {kind}? There are {listed(names)}", f"give --{flag} {names[0]}")
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


def _routes(
    manifests: Sequence[Manifest], workload: Manifest, service: Manifest, wanted: Wanted
) -> list[Chosen]:
    namespace = _namespace(workload, wanted)
    every = [manifest for manifest in manifests if is_route(manifest)]
    sending = {id(known): sending_rules(known, service, namespace) for known in every}
    fitting = [manifest for manifest in every if sending[id(manifest)]]
    if not fitting:
        raise UsageError(f"no rule of an {ANY} sends to Service {name_of(service)}", _lacking(manifests))
    names = wanted.routes or tuple(dict.fromkeys(map(name_of, fitting)))
    named = [route for name in names for route in _named(fitting, name)]
    return [Chosen(route, _why(route, sending[id(route)], service)) for route in named]


def _named(fitting: Sequence[Manifest], name: str) -> list[Manifest]:
    """The routes of a name, one of a kind. Raises UsageError where there is none."""
    kinds = dict.fromkeys(route.text("kind") for route in fitting if name_of(route) == name)
    if not kinds:
        _one(fitting, name, "route", "")
    by_kind = ([route for route in fitting if route.text("kind") == kind] for kind in kinds)
    return [_one(alike, name, "route", "").manifest for alike in by_kind]


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


def _why(route: Manifest, places: Sequence[int], service: Manifest) -> str:
    rules = route.value["spec"]["rules"]
    names = [f"`{rules[place]['name']}`" if rules[place].get("name") else str(place) for place in places]
    few = len(names) == 1
    return f"{'rule' if few else 'rules'} {', '.join(names)} {'sends' if few else 'send'} to {service.title}"


def _namespace(workload: Manifest, wanted: Wanted) -> str | None:
    return workload.text("metadata", "namespace") or wanted.namespace


def containers(workload: Manifest) -> list[dict[str, Any]]:
    """The containers of a Deployment's pods."""
    return list(at(workload.value, "spec", "template", "spec", "containers") or [])
