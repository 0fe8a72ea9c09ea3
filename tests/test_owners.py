"""Who else writes an object."""

from __future__ import annotations

import pytest

from kubectl_canary.driving.owners import owners

FLUX = "kustomize.toolkit.fluxcd.io"
HELM = {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "web"}


@pytest.mark.parametrize(
    ("metadata", "title", "suspend"),
    [
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:web/shop"}},
            "Argo CD (application shop)",
            "argocd app set shop",
        ),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "team_shop:apps/Deployment:web/shop"}},
            "Argo CD (application team/shop)",
            "argocd app set team/shop",
        ),
        (
            {"labels": {f"{FLUX}/name": "apps", f"{FLUX}/namespace": "flux-system"}},
            "Flux (kustomization apps in flux-system)",
            "flux suspend kustomization apps -n flux-system",
        ),
        (
            {"labels": {"helm.toolkit.fluxcd.io/name": "shop"}, "annotations": HELM},
            "Flux (helmrelease shop)",
            "flux suspend helmrelease shop`",
        ),
    ],
)
def test_an_engine_that_undoes_is_named(metadata: dict[str, object], title: str, suspend: str) -> None:
    (owner,) = owners({"metadata": metadata})
    assert owner.title == title
    assert owner.reconciles
    assert owner.git
    assert suspend in owner.suspend


def test_helm_undoes_nothing() -> None:
    (owner,) = owners({"metadata": {"annotations": HELM}})
    assert (owner.title, owner.reconciles) == ("Helm (release shop in web)", False)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"labels": None, "annotations": None},
        {"labels": {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm"}},
    ],
)
def test_a_label_of_everybodys_is_no_owner(metadata: dict[str, object]) -> None:
    assert not owners({"metadata": metadata})
