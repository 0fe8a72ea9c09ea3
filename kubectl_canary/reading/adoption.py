"""The user's own manifests → the application that they are, with every complaint at its place in the canary file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading.adopted import hazards, objections, objects, rules, version
from kubectl_canary.reading.adopted.file import Common, Sets
from kubectl_canary.reading.adopted.problems import ADOPT, Problems
from kubectl_canary.reading.manifests import Manifest, in_namespace
from kubectl_canary.reading.sources import Sources
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
    "keda.sh",
    "monitoring.coreos.com",
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
class _Choice:
    """What of the manifests is released: both sets in the release's namespace, and what was found in them."""

    stable: Sequence[Manifest]
    new: Sequence[Manifest]
    deployment: Manifest
    target: Manifest
    service: Manifest
    rules: Sequence[rules.Rule]
    track: dict[str, str]


def application(sources: Sources, common: Common, sets: Sets) -> Application:
    """The application that the manifests are. Raises Refused with every finding."""
    problems = Problems(sources)
    adopt, canary = sources.value["spec"]["adopt"], sources.value["spec"].get("canary") or {}
    choice, namespace = _choice(adopt, common, sets, problems)
    overlaid = version.overlaid(choice.target, canary, common.target.kubernetes, problems)
    problems.stop()
    sources.given = {id(manifest.value): manifest for manifest in (*choice.stable, *choice.new)}
    sources.given[id(overlaid)] = choice.target
    has_release = bool(canary) or "stable" in adopt
    adopted = _adopted(choice, overlaid, tuple(adopt.get("perTrack", ())))
    workload = _workload(choice, overlaid if has_release else None, canary.get("replicas"), adopted)
    adopting = _application(replace(common, namespace=namespace), choice, workload, adopted)
    objections.check(adopting, choice.new, problems)
    problems.stop()
    manifests = hazards.Manifests(choice.new, choice.stable, choice.target)
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
    namespace = _namespace(objects.deployment_of(stable, common.namespace, adopt, problems), common, problems)
    stable, new = (placed(manifests, namespace) for manifests in (stable, new))
    deployment = objects.deployment_of(stable, namespace, adopt, problems)
    target = objects.counterpart_of(new, deployment, problems)
    service = objects.service_of(stable, deployment, adopt, problems)
    governed = rules.governed_rules(stable, service, namespace, adopt, problems)
    rules.check(governed, service, namespace, rules.testers_of(governed, common.testers), problems)
    track = objects.track_of(deployment, service, adopt, problems)
    problems.stop()
    return _Choice(stable, new, deployment, target, service, governed, track), namespace


def _adopted(choice: _Choice, overlaid: dict[str, Any], per_track: tuple[str, ...]) -> Adopted:
    """Both sets, the new one with what `spec.canary` lays over its Deployment."""
    is_changed = overlaid is not choice.target.value
    new = (
        Given(overlaid, laid_over=manifest.source)
        if manifest is choice.target and is_changed
        else _given(manifest)
        for manifest in choice.new
    )
    return Adopted(tuple(map(_given, choice.stable)), tuple(new), choice.track, per_track)


def _workload(
    choice: _Choice, new: dict[str, Any] | None, replicas: int | None, adopted: Adopted
) -> Workload:
    port = choice.rules[0].backends[0].port
    workload = version.workload_of(choice.deployment, new, choice.service, int(port or 0), adopted)
    return replace(workload, replicas=Sides(workload.replicas.stable, replicas))


def _application(common: Common, choice: _Choice, workload: Workload, adopted: Adopted) -> Application:
    routes = [rule.route for rule in choice.rules]
    hostnames = (name for route in routes for name in objects.at(route.value, "spec", "hostnames") or ())
    return Application(
        name=common.name,
        namespace=common.namespace,
        labels={},
        annotations={},
        workloads=(workload,),
        route=Route(objects.name_of(routes[0]), GatewayRef(""), tuple(dict.fromkeys(hostnames))),
        governed=tuple(rule.governed for rule in choice.rules),
        testers=rules.testers_of(choice.rules, common.testers),
        target=common.target,
        drain=common.drain,
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
