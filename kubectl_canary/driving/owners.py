"""Who else writes an object: engines that bring it back to what Git says, and Helm, which does not.

Sources: Argo CD, resource tracking (the annotation alone: the instance label is Helm's and everybody's); Flux,
kustomize-controller and helm-controller, labels of what they apply; Helm, annotations of a release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubectl_canary.records import dataclass

ARGO = "argocd.argoproj.io/tracking-id"  # `application:group/kind:namespace/name`
FLUX = {"kustomize.toolkit.fluxcd.io": "kustomization", "helm.toolkit.fluxcd.io": "helmrelease"}
HELM = "meta.helm.sh/release-name"
HELM_NAMESPACE = "meta.helm.sh/release-namespace"


@dataclass(frozen=True)
class Owner:
    """Who writes an object beside us, and under which name.

    `reconciles` says that it undoes what others write. `git` is the way through Git, `suspend` how to make it pause;
    both are empty where nothing is undone.
    """

    engine: str
    name: str
    reconciles: bool
    git: str = ""
    suspend: str = ""

    @property
    def title(self) -> str:
        """`Argo CD (application shop)`."""
        return f"{self.engine} ({self.name})"


def owners(value: Mapping[str, Any]) -> list[Owner]:
    """Who writes an object beside us; Helm is none where Flux runs it."""
    metadata = value.get("metadata") or {}
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    found = [*_argo(annotations), *_flux(labels)]
    return found or list(_helm(annotations))


def _argo(annotations: Mapping[str, str]) -> list[Owner]:
    application = annotations.get(ARGO, "").partition(":")[0]
    if not application:
        return []
    namespace, _, name = application.rpartition("_")  # of an application outside Argo CD's own namespace
    called = f"{namespace}/{name}" if namespace else name
    git = "render the phase into the folder that the application reads, and commit it"
    suspend = f"`argocd app set {called} --sync-policy none` (and no application that syncs it back)"
    return [Owner("Argo CD", f"application {called}", True, git, suspend)]


def _flux(labels: Mapping[str, str]) -> list[Owner]:
    found = []
    for group, kind in FLUX.items():
        name = labels.get(f"{group}/name")
        if name:
            namespace = labels.get(f"{group}/namespace")
            place = f" -n {namespace}" if namespace else ""
            where = f" in {namespace}" if namespace else ""
            git = f"render the phase into what the {kind} reads, and commit it"
            found.append(
                Owner("Flux", f"{kind} {name}{where}", True, git, f"`flux suspend {kind} {name}{place}`")
            )
    return found


def _helm(annotations: Mapping[str, str]) -> list[Owner]:
    name = annotations.get(HELM)
    if not name:
        return []
    namespace = annotations.get(HELM_NAMESPACE)
    where = f" in {namespace}" if namespace else ""
    return [Owner("Helm", f"release {name}{where}", False)]
