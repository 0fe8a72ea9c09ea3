"""What Argo CD and Flux are told of a release: where it is in Git.

Sources: Argo CD, Declarative Setup and Automated Sync Policy; Flux, GitRepository and Kustomization (`spec.wait` stands
for all health checks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_canary.errors import UsageError
from kubectl_canary.release.application import Application, Engine
from kubectl_canary.reports.plans import wait_text

SHORT_SSH = re.compile(r"(?P<host>[^/:]+):(?P<path>(?!//).+)")  # git@example.com:shop.git
LOGIN = re.compile(r"(?<=^https://)[^/@]*@|(?<=^http://)[^/@]*@")
READ_BY_FLUX = ("http://", "https://", "ssh://")
READ_BY_ARGO_CD = (*READ_BY_FLUX, "git@")
# while Flux waits for health it takes no newer commit, and neither the way back
PATIENCE = "1m"


@dataclass(frozen=True)
class Watched:
    """What an engine reads: a repository, the branch, the folder from its top, and the Secret with a login for Flux."""

    url: str
    branch: str
    path: str
    secret: str | None = None


def readable(url: str, engine: Engine, secret: str | None) -> str:
    """A URL as an engine reads it, without a login. Raises UsageError for one that it does not read."""
    url = LOGIN.sub("", url)
    if engine is Engine.FLUX and "://" not in url and (short := SHORT_SSH.fullmatch(url)):
        url = f"ssh://{short['host']}/{short['path']}"
    known = READ_BY_FLUX if engine is Engine.FLUX else READ_BY_ARGO_CD
    if not url.startswith(known):
        raise UsageError(
            f"no engine reads {url}", "say --repository with a URL that begins with https:// or ssh://"
        )
    if engine is Engine.FLUX and url.startswith("ssh://") and not secret:
        cure = f"flux create secret git NAME --url={url}"
        raise UsageError(
            "Flux reads over ssh with a key alone", f"`{cure}` makes one; then say --secret NAME"
        )
    return url


def has_login(url: str) -> bool:
    """Whether a URL has a name or a password in it."""
    return LOGIN.search(url) is not None


def argo_cd(application: Application, watched: Watched, namespace: str) -> list[dict[str, Any]]:
    """The Application: synced by itself, what is gone from Git is gone from the cluster."""
    destination = {"server": "https://kubernetes.default.svc", **_namespace(application)}
    source = {"repoURL": watched.url, "targetRevision": watched.branch, "path": watched.path}
    spec = {
        "project": "default",
        "source": source,
        "destination": destination,
        "syncPolicy": {"automated": {"prune": True}},
    }
    metadata = {"name": application.name, "namespace": namespace}
    return [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}]


def flux(application: Application, watched: Watched, namespace: str) -> list[dict[str, Any]]:
    """The GitRepository and the Kustomization: what is gone from Git is gone from the cluster, health is waited for."""
    metadata = {"name": application.name, "namespace": namespace}
    secret = {"secretRef": {"name": watched.secret}} if watched.secret else {}
    source = {
        "interval": wait_text(application.gitops.interval) or PATIENCE,
        "url": watched.url,
        "ref": {"branch": watched.branch},
        **secret,
    }
    spec = {
        "interval": "10m",
        "retryInterval": PATIENCE,
        "timeout": PATIENCE,
        "sourceRef": {"kind": "GitRepository", "name": application.name},
        "path": f"./{watched.path}",
        "prune": True,
        "wait": True,
    }
    return [
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": metadata,
            "spec": source,
        },
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": metadata,
            "spec": spec,
        },
    ]


def holding_up(application: Application) -> Iterator[str]:
    """What may keep an engine from taking the way back, and what to do about it."""
    if application.gitops.engine is Engine.ARGOCD:
        cure = f"`argocd app terminate-op {application.name}`"
        yield f"while Argo CD waits for pods it takes no newer commit, and this is one: {cure} ends such a sync"
    if application.gitops.engine is Engine.FLUX:
        yield f"while Flux waits for pods it takes no newer commit: this one may take {PATIENCE}, its timeout, longer"


def _namespace(application: Application) -> dict[str, str]:
    return {"namespace": application.namespace} if application.namespace else {}
