"""What Argo CD and Flux are told of a release: where it is in Git.

Sources: Argo CD, Declarative Setup and Automated Sync Policy; Flux, GitRepository and Kustomization (`spec.wait` stands
for all health checks).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_canary.errors import UsageError
from kubectl_canary.release.application import Application, Engine
from kubectl_canary.reports.plans import wait_text

SHORT_SSH = re.compile(
    r"(?P<user>[^/:@]+)@(?P<host>\[[^\]]+\]|[^/:@\[\]]+):/?(?P<path>.+)"
)  # git@example.com:shop.git
URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z+.-]*)://(?P<login>[^/?#]*@)?(?P<rest>[^?#]*)(?P<query>.*)")
SCHEMES = ("http", "https", "ssh")
# while Flux waits for health it takes no newer commit, and neither the way back
PATIENCE = "1m"


@dataclass(frozen=True)
class Watched:
    """What an engine reads: a repository, the branch, the folder from its top, and the Secret with a login for Flux.

    `has_folders` says that manifests lie in folders of that folder too.
    """

    url: str
    branch: str
    path: str
    secret: str | None = None
    has_folders: bool = False


def bare(url: str) -> str:
    """A URL without what is secret in it: a login, but for the name that ssh needs, and a query."""
    found = URL.fullmatch(url)
    if found is None:
        return url
    name = (found["login"] or "").rstrip("@").partition(":")[0]
    login = f"{name}@" if name and found["scheme"].lower() == "ssh" else ""
    return f"{found['scheme']}://{login}{found['rest']}"


def readable(url: str, engine: Engine, secret: str | None) -> str:
    """A URL as an engine reads it, with nothing secret in it. Raises UsageError for one that it does not read."""
    url = bare(url)
    if engine is Engine.FLUX and (short := SHORT_SSH.fullmatch(url)):
        url = f"ssh://{short['user']}@{short['host']}/{short['path']}"
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if not (scheme in SCHEMES and rest.strip("/")) and not SHORT_SSH.fullmatch(url):
        raise UsageError(
            f"no engine reads {url}", "say --repository with a URL that begins with https:// or ssh://"
        )
    if engine is Engine.FLUX and scheme == "ssh" and not secret:
        cure = f"flux create secret git NAME --url={shlex.quote(url)}"
        raise UsageError(
            "Flux reads over ssh with a key alone", f"`{cure}` makes one; then say --secret NAME"
        )
    return url


def argo_cd(application: Application, watched: Watched, namespace: str) -> list[dict[str, Any]]:
    """The Application: synced by itself, what is gone from Git is gone from the cluster."""
    destination = {"server": "https://kubernetes.default.svc", "namespace": application.namespace}
    source: dict[str, Any] = {
        "repoURL": watched.url,
        "targetRevision": watched.branch,
        "path": watched.path,
    }
    if watched.has_folders:
        source["directory"] = {"recurse": True}
    spec = {
        "project": "default",
        "source": source,
        "destination": destination,
        # what is tried again is what is newest, such as the way back
        "syncPolicy": {"automated": {"prune": True}, "retry": {"limit": 5, "refresh": True}},
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
        **_target_namespace(application),
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


def _target_namespace(application: Application) -> dict[str, str]:
    """Where the user's own objects go, which may name no namespace, as long as none is in another one."""
    if application.adopted is None or application.namespace is None:
        return {}
    named = {given.value["metadata"].get("namespace") for given in application.adopted.new}
    return {"targetNamespace": application.namespace} if named <= {None, application.namespace} else {}


def holding_up(engine: Engine | None, name: str) -> Iterator[str]:
    """What may keep an engine from taking the way back of what it calls `name`, and what to do about it."""
    if engine is Engine.ARGOCD:
        cure = f"`argocd app terminate-op {name}`"
        yield f"while Argo CD waits for pods it takes no newer commit, and this is one: {cure} ends such a sync"
    if engine is Engine.FLUX:
        yield f"while Flux waits for pods it takes no newer commit: this one may take {PATIENCE}, its timeout, longer"
