"""What may stand behind a flag, asked while the user types: nothing here may fail, or take long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.parameters import Candidates

if TYPE_CHECKING:
    from kubectl_canary.release.plan import Phase

SHORT = ("canary_tag", "manifests", "stable_manifests")  # values of the file that have a flag of their own
PATIENCE = 2  # seconds for kubectl to ask a cluster; a shell waits for us


def phases(typed: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """The phases of the canary file at hand."""
    from kubectl_canary.commands import inputs

    names = [name for name in typed.get("files") or () if name != "-"] or ["canary.yaml"]
    plan = inputs.load(names, typed.get("settings") or (), _short(typed), reads_input=False).plan
    return ((phase.name, _said(phase)) for phase in plan.phases)


def _short(typed: dict[str, Any]) -> dict[str, str]:
    """The values that have a flag of their own, by that flag."""
    pairs = {f"--{name.replace('_', '-')}": typed.get(name) for name in SHORT}
    return {flag: value for flag, value in pairs.items() if value is not None}


def goals(typed: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """The phases, and the ways back."""
    yield from phases(typed)
    yield from (
        ("rollback", "The way back before promotion"),
        ("rollback-promotion", "The way back after it"),
    )
    yield ("rolled-back", "Without the canary")


def _said(phase: Phase) -> str:
    from kubectl_canary.release.phases import copies_text, percent
    from kubectl_canary.release.plan import pods_text

    mirror = f", {copies_text(phase.traffic.mirror, phase.traffic.to)}" if phase.traffic.mirror else ""
    return f"Canary {percent(phase.traffic.share)}, {pods_text(phase.canary_replicas)}{mirror}"


def namespaces(typed: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """The cluster's namespaces."""
    from kubectl_canary.outside.kubectl import Kubectl

    return ((name, "") for name in Kubectl(ClusterFlags.typed(typed).words()).namespaces(PATIENCE))


def contexts(typed: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """The contexts of the kubeconfig."""
    from kubectl_canary.outside.kubectl import Kubectl

    return ((name, "") for name in Kubectl(ClusterFlags.typed(typed).words()).contexts(PATIENCE))


def implementations(_: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Implementations with a conformance report."""
    from kubectl_canary.judging import implementations

    return ((name, "") for name in implementations.names())


def rules(_: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Lint rules."""
    from kubectl_canary.judging import lint

    return ((rule.id, rule.reason.partition("\n")[0]) for rule in lint.rules())


def releases(project: str) -> Candidates:
    """The releases of the Gateway API or of Kubernetes, the newest first."""

    def known(_: dict[str, Any]) -> Iterable[tuple[str, str]]:
        from kubectl_canary.api import catalog

        return ((release, "") for release in reversed(catalog.in_order(project)))

    return known


def addresses(typed: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """The addresses of the route of the canary file at hand, by its hostnames; a slash alone is its first."""
    from kubectl_canary.commands import inputs

    names = [name for name in typed.get("files") or () if name != "-"] or ["canary.yaml"]
    route = inputs.load(
        names, typed.get("settings") or (), _short(typed), reads_input=False
    ).plan.application.route
    yield "/", "The first hostname of the route"
    yield from ((f"http://{hostname}/", "") for hostname in route.hostnames if "*" not in hostname)
