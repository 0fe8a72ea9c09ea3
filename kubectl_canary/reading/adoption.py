"""The user's own manifests → the application that they are, with every complaint at its place in the canary file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading.adopted import hazards, objections, objects, pools, rules, version
from kubectl_canary.reading.adopted.file import Common, Sets
from kubectl_canary.reading.adopted.problems import ADOPT, Problems
from kubectl_canary.reading.manifests import Manifest, in_namespace
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.application import (
    Adopted,
    Application,
    GatewayRef,
    Given,
    Route,
    Sides,
    Workload,
)

HOOK = "helm.sh/hook"
# groups of which we know the kinds that have no namespace
NAMESPACED_GROUPS = (
    "",
    "apps",
    "autoscaling",
    "batch",
    "coordination.k8s.io",
    "gateway.networking.k8s.io",
    "inference.networking.k8s.io",
    "keda.sh",
    "monitoring.coreos.com",
    "multicluster.x-k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
)
CLUSTERS_OWN = (
    "Namespace",
    "Node",
    "PersistentVolume",
    "ClusterRole",
    "ClusterRoleBinding",
    "GatewayClass",
    "IngressClass",
    "IPAddress",
    "ServiceCIDR",
    "ClusterTriggerAuthentication",
)


@dataclass(frozen=True)
class _Part:
    """A Deployment that runs, what it becomes, its Service, and the labels by which the canary's pods differ."""

    wanted: objects.Wanted
    deployment: Manifest
    target: Manifest
    service: Manifest
    track: dict[str, str]


@dataclass(frozen=True)
class _Choice:
    """What of the manifests is released: both sets in the release's namespace, and what was found in them."""

    stable: Sequence[Manifest]
    new: Sequence[Manifest]
    parts: Sequence[_Part]
    rules: Sequence[rules.Rule]

    @property
    def targets(self) -> list[Manifest]:
        """The new Deployments."""
        return [part.target for part in self.parts]


def application(sources: Sources, common: Common, sets: Sets) -> Application:
    """The application that the manifests are. Raises Refused with every finding."""
    problems = Problems(sources)
    adopt, canary = sources.value["spec"]["adopt"], sources.value["spec"].get("canary") or {}
    choice, namespace = _choice(adopt, common, sets, problems)
    overlaid = _overlaid(choice, canary, common, problems)
    sources.given = {id(manifest.value): manifest for manifest in (*choice.stable, *choice.new)}
    sources.given |= {id(value): target for value, target in zip(overlaid, choice.targets, strict=True)}
    images = [part for part in choice.parts if part.wanted.images]
    has_release = bool(canary or images) or "stable" in adopt
    adopted = _adopted(choice, overlaid, tuple(adopt.get("perTrack", ())))
    workloads = [
        _workload(choice, part, new if has_release else None, canary.get("replicas"), adopted)
        for part, new in zip(choice.parts, overlaid, strict=True)
    ]
    adopting = _application(replace(common, namespace=namespace), choice, workloads, adopted)
    objections.check(adopting, {"stable": choice.stable, "from": choice.new}, problems)
    problems.stop()
    manifests = hazards.Manifests(choice.new, choice.stable, choice.targets)
    sources.notes = [*_of_hooks(sets.new, sources), *hazards.findings(adopting, manifests)]
    problems.findings += [finding for finding in sources.notes if finding.severity == "error"]
    problems.stop()
    return adopting


def _choice(
    adopt: dict[str, Any], common: Common, sets: Sets, problems: Problems
) -> tuple[_Choice, str | None]:
    """What is released, and in which namespace."""
    stable, new = (without_hooks(manifests) for manifests in (sets.stable, sets.new))
    for key, manifests in (("stable", stable), ("from", new)) if "stable" in adopt else (("from", new),):
        objections.refuse_twice(manifests, key, common.namespace, problems)
        objections.refuse_misshapen(manifests, common.target, problems)
    problems.stop()
    release = common.name if problems.sources.value["spec"].get("phase") else None
    wanted = [replace(one, release=release) for one in objects.wanted_of(adopt)]
    first = objects.deployment_of(stable, common.namespace, wanted[0], problems)
    namespace = _namespace(first, common, problems)
    stable, new = (placed(manifests, namespace) for manifests in (stable, new))
    parts = [_part(stable, new, namespace, one, problems) for one in wanted]
    services = [part.service for part in parts]
    _refuse_one_service(parts, problems)
    governed = rules.governed_rules(stable, services, namespace, adopt, problems)
    testers = rules.testers_of(governed, common.testers)
    if "stable" in adopt:
        rules.check_grants(governed, new, services, namespace, problems)
    rules.check(governed, stable, services, namespace, testers, problems)
    problems.stop()
    return _Choice(stable, new, parts, governed), namespace


def _part(
    stable: Sequence[Manifest],
    new: Sequence[Manifest],
    namespace: str | None,
    wanted: objects.Wanted,
    problems: Problems,
) -> _Part:
    """A Deployment with what belongs to it. Raises Refused where that is not there."""
    deployment = objects.deployment_of(stable, namespace, wanted, problems)
    target = objects.counterpart_of(new, deployment, problems)
    service = (
        objects.service_of(stable, deployment, wanted, problems)
        if wanted.pools is None
        else pools.pool_of(stable, deployment, wanted.pools, problems)
    )
    track = objects.track_of(deployment, service, wanted.track_label, problems)
    return _Part(wanted, deployment, target, service, track)


def _refuse_one_service(parts: Sequence[_Part], problems: Problems) -> None:
    """A Service in front of two Deployments: a share of its requests would be nobody's own."""
    first: dict[int, _Part] = {}
    for part in parts:
        other = first.setdefault(id(part.service), part)
        if other is not part:
            both = " and ".join(objects.name_of(one.deployment) for one in (other, part))
            message = f"Service {objects.name_of(part.service)} is in front of Deployments {both}"
            problems.add(part.wanted.name_place, message, "each needs a Service of its own")


def _overlaid(
    choice: _Choice, canary: dict[str, Any], common: Common, problems: Problems
) -> list[dict[str, Any]]:
    """The new Deployments with what the canary file lays over each. Raises Refused with every finding."""
    version.check_canary(choice.targets, canary, problems)
    problems.stop()
    overlaid = []
    for part in choice.parts:
        is_single = len(choice.parts) == 1 and not part.wanted.images
        own = canary if is_single else version.own_canary(canary, part.target, part.wanted, problems)
        overlaid.append(version.overlaid(part.target, own, common.target.kubernetes, problems))
    problems.stop()
    return overlaid


def _adopted(choice: _Choice, overlaid: Sequence[dict[str, Any]], per_track: tuple[str, ...]) -> Adopted:
    """Both sets, the new one with what the canary file lays over its Deployments."""
    changed = {
        id(target): Given(value, laid_over=target.source)
        for target, value in zip(choice.targets, overlaid, strict=True)
        if value is not target.value
    }
    new = (changed.get(id(manifest)) or _given(manifest) for manifest in choice.new)
    return Adopted(tuple(map(_given, choice.stable)), tuple(new), per_track)


def _workload(
    choice: _Choice, part: _Part, new: dict[str, Any] | None, replicas: int | None, adopted: Adopted
) -> Workload:
    name = objects.name_of(part.service)
    backends = [ref for rule in choice.rules for ref in rule.backends if ref.name == name]
    names = part.wanted.pools
    service = version.service_of(name, backends) if names is None else pools.service_of(names)
    workload = version.workload_of(part.deployment, new, service, part.track, adopted)
    return replace(workload, replicas=Sides(workload.replicas.stable, replicas))


def _application(
    common: Common, choice: _Choice, workloads: Sequence[Workload], adopted: Adopted
) -> Application:
    routes = [rule.route for rule in choice.rules]
    hostnames = (name for route in routes for name in objects.at(route.value, "spec", "hostnames") or ())
    return Application(
        name=common.name,
        namespace=common.namespace,
        labels={},
        annotations={},
        workloads=tuple(workloads),
        route=Route(objects.name_of(routes[0]), GatewayRef(""), tuple(dict.fromkeys(hostnames))),
        governed=tuple(rule.governed for rule in choice.rules),
        testers=rules.testers_of(choice.rules, common.testers),
        target=common.target,
        drain=common.drain,
        gitops=common.gitops,
        adopted=adopted,
    )


def _namespace(deployment: Manifest, common: Common, problems: Problems) -> str | None:
    written = deployment.text("metadata", "namespace") or None
    if written and common.namespace and written != common.namespace:
        message = f"`{common.namespace}`, and {deployment.title} says `{written}`"
        problems.add(("metadata", "namespace"), message)
    return written or common.namespace


def _of_hooks(manifests: Sequence[Manifest], sources: Sources) -> Iterator[Finding]:
    """Helm's hooks are Helm's to run."""
    hooks = [manifest.title for manifest in manifests if _is_hook(manifest)]
    if hooks:
        path: Path = (*ADOPT, "from")
        message = f"left out, as hooks of Helm: {', '.join(hooks)}"
        yield Finding("adopt", "warning", path, message, sources.where(path))


def _is_hook(manifest: Manifest) -> bool:
    return bool(manifest.text("metadata", "annotations", HOOK))


def without_hooks(manifests: Sequence[Manifest]) -> list[Manifest]:
    """The manifests that are no hooks of Helm."""
    return [manifest for manifest in manifests if not _is_hook(manifest)]


def placed(manifests: Sequence[Manifest], namespace: str | None) -> list[Manifest]:
    """The manifests in a namespace, such as the release's, where they say none and their kind has one."""
    return [
        in_namespace(manifest, namespace)
        if namespace is not None and _lacks_namespace(manifest)
        else manifest
        for manifest in manifests
    ]


def _lacks_namespace(manifest: Manifest) -> bool:
    group = manifest.text("apiVersion").rpartition("/")[0]
    is_namespaced = group in NAMESPACED_GROUPS and manifest.text("kind") not in CLUSTERS_OWN
    return is_namespaced and not manifest.text("metadata", "namespace")


def _given(manifest: Manifest) -> Given:
    return Given(manifest.value, manifest.source)
