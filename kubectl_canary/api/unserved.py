"""Kinds that the server does not have: which are mistakes, and what was meant.

A group of Kubernetes or of the Gateway API has the kinds that its release has and no others, as has a kind of a
CustomResourceDefinition the versions that it serves. Of all other groups nothing is known.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence

from kubectl_canary import resources
from kubectl_canary.api import catalog
from kubectl_canary.api.catalog import Target
from kubectl_canary.findings import nearest

# Source: Kubernetes' Deprecated API Migration Guide; what was removed from v1.32 on, the vendored kinds say themselves
REMOVED: dict[str, dict[str, tuple[str, ...]]] = {
    "v1.16": {
        "apps/v1beta1": ("ControllerRevision", "Deployment", "StatefulSet"),
        "apps/v1beta2": ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
        "extensions/v1beta1": (
            "DaemonSet",
            "Deployment",
            "NetworkPolicy",
            "PodSecurityPolicy",
            "ReplicaSet",
        ),
    },
    "v1.22": {
        "admissionregistration.k8s.io/v1beta1": (
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
        ),
        "apiextensions.k8s.io/v1beta1": ("CustomResourceDefinition",),
        "apiregistration.k8s.io/v1beta1": ("APIService",),
        "certificates.k8s.io/v1beta1": ("CertificateSigningRequest",),
        "coordination.k8s.io/v1beta1": ("Lease",),
        "extensions/v1beta1": ("Ingress",),
        "networking.k8s.io/v1beta1": ("Ingress", "IngressClass"),
        "rbac.authorization.k8s.io/v1beta1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
        "scheduling.k8s.io/v1beta1": ("PriorityClass",),
        "storage.k8s.io/v1beta1": ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"),
    },
    "v1.25": {
        "autoscaling/v2beta1": ("HorizontalPodAutoscaler",),
        "batch/v1beta1": ("CronJob",),
        "discovery.k8s.io/v1beta1": ("EndpointSlice",),
        "events.k8s.io/v1beta1": ("Event",),
        "node.k8s.io/v1beta1": ("RuntimeClass",),
        "policy/v1beta1": ("PodDisruptionBudget", "PodSecurityPolicy"),
    },
    "v1.26": {
        "autoscaling/v2beta2": ("HorizontalPodAutoscaler",),
        "flowcontrol.apiserver.k8s.io/v1beta1": ("FlowSchema", "PriorityLevelConfiguration"),
    },
    "v1.27": {"storage.k8s.io/v1beta1": ("CSIStorageCapacity",)},
    "v1.29": {"flowcontrol.apiserver.k8s.io/v1beta2": ("FlowSchema", "PriorityLevelConfiguration")},
}
INSTEAD = {"PodSecurityPolicy": "Pod Security Admission takes its place"}


def problem(api_version: str, kind: str, target: Target) -> tuple[str, str] | None:
    """Why the server has no such kind, and what to write instead; None where it may have it."""
    if f"{api_version} {kind}" in _kubernetes(target.kubernetes):
        return None
    hint = _hint(api_version, kind, target)
    return None if hint is None else (f'no matches for kind "{kind}" in version "{api_version}"', hint)


def not_checked_hint(api_version: str, kind: str, target: Target) -> str:
    """What to do about a kind that the server may have and that we have no schema of."""
    if f"{api_version} {kind}" in _kubernetes(target.kubernetes):
        return f"Kubernetes {target.kubernetes} has it; `kubectl apply --dry-run=server` asks a cluster"
    if not target.others:
        return "--crds FILE names the CustomResourceDefinition"
    close = _close(kind, (name for name in target.others if _group(name) == _group(api_version)))
    return f"--crds has no CustomResourceDefinition of it{f'; did you mean {close}?' if close else ''}"


def _hint(api_version: str, kind: str, target: Target) -> str | None:
    """What to write instead; empty where we do not know; None where the group is not known."""
    group = _group(api_version)
    if group in catalog.GATEWAY_GROUPS:
        return _of_gateway_api(api_version, kind, target)
    if group in _groups():
        return _of_kubernetes(api_version, kind, target)
    versions = [name.split()[0] for name in target.others if _group(name) == group and _kind(name) == kind]
    return f"the CustomResourceDefinition of --crds serves {_listed(versions)}" if versions else None


def _of_gateway_api(api_version: str, kind: str, target: Target) -> str:
    served = catalog.since(api_version, kind)
    if served:
        return f"{served[0]} to {served[-1]} serve it"
    known = _of_gateway(target)
    others = _serving(kind, known)
    if others:
        return _served_by(others, kind)
    close = _close(kind, known)
    return f"did you mean {close}?" if close else "no release of the Gateway API serves it"


def _of_kubernetes(api_version: str, kind: str, target: Target) -> str:
    known = _kubernetes(target.kubernetes)
    instead = _serving(kind, known) or _serving(kind, _of_gateway(target))
    gone = _removed_by(api_version, kind, target)
    if gone:
        written = f"write {_preferred(instead)}" if instead else INSTEAD.get(kind, "nothing takes its place")
        return f"Kubernetes {gone} removed it; {written}"
    later = _added_by(api_version, kind, target)
    if later:
        return f"Kubernetes {later} has it; --kubernetes names another release"
    if instead:
        return _served_by(instead, kind)
    close = _close(kind, (name for name in known if name.split()[0] == api_version))
    if close:
        return f"did you mean {close}?"
    close = _close(kind, known)
    if not close:
        return f"Kubernetes {target.kubernetes} has no such kind"
    return f"did you mean {close} of {_preferred(_serving(close, known))}?"


def _of_gateway(target: Target) -> Iterable[str]:
    """The kinds of the Gateway API that the target has, each as `version kind`."""
    names: Iterable[str] = catalog.releases()["gatewayAPI"][target.gateway_api][target.channel]
    return names


def _served_by(versions: Sequence[str], kind: str) -> str:
    return f"{_listed(versions)} {'serves' if len(versions) == 1 else 'serve'} {kind}"


def _removed_by(api_version: str, kind: str, target: Target) -> str | None:
    """The release that removed a kind, where that was before the target's or with it."""
    for release, versions in REMOVED.items():
        if kind in versions.get(api_version, ()):
            return release
    passed = [release for release in catalog.in_order("kubernetes") if target.kubernetes_at_least(release)]
    having = [release for release in passed if f"{api_version} {kind}" in _kubernetes(release)]
    return passed[passed.index(having[-1]) + 1] if having else None


def _added_by(api_version: str, kind: str, target: Target) -> str | None:
    """The first release after the target's that has a kind."""
    for release in catalog.in_order("kubernetes"):
        if not target.kubernetes_at_least(release) and f"{api_version} {kind}" in _kubernetes(release):
            return release
    return None


def _close(kind: str, names: Iterable[str]) -> str | None:
    """The kind that was probably meant."""
    by_spelling = {_kind(name).lower(): _kind(name) for name in names}
    close = nearest(kind.lower(), by_spelling)
    return by_spelling[close] if close else None


def _serving(kind: str, names: Iterable[str]) -> list[str]:
    return [name.split()[0] for name in names if _kind(name) == kind]


def _preferred(api_versions: Iterable[str]) -> str:
    """The version to write: generally available before all others, then the newest."""
    return max(api_versions, key=lambda version: ("beta" not in version and "alpha" not in version, version))


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(set(names)))


def _group(name: str) -> str:
    return name.split()[0].rpartition("/")[0]


def _kind(name: str) -> str:
    return name.split()[1]


@functools.cache
def _kinds() -> dict[str, dict[str, list[str]]]:
    kinds: dict[str, dict[str, list[str]]] = json.loads(resources.read("schemas", "kubernetes/kinds.json"))
    return kinds


@functools.cache
def _kubernetes(release: str) -> frozenset[str]:
    """Every kind that a release of Kubernetes has: `apps/v1 Deployment`."""
    return frozenset(
        f"{api_version} {kind}" for api_version, kinds in _kinds()[release].items() for kind in kinds
    )


@functools.cache
def _groups() -> frozenset[str]:
    """Every group of Kubernetes, also those that it no longer has."""
    served = (version for kinds in _kinds().values() for version in kinds)
    gone = (version for versions in REMOVED.values() for version in versions)
    return frozenset(version.rpartition("/")[0] for version in (*served, *gone))
