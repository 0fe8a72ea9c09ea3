"""What Argo CD and Flux are told of a release: where it is in Git.

Sources: Argo CD, Declarative Setup, Automated Sync Policy, ApplicationSet and Progressive Syncs; Flux, GitRepository
and Kustomization (`spec.wait` stands for all health checks).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_canary.errors import UsageError
from kubectl_canary.expressions import regex
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import Application, Engine
from kubectl_canary.release.fleets import Fleet, Order, Target
from kubectl_canary.reports.plans import wait_text

SHORT_SSH = regex(
    r"(?P<user>[^/:@]+)@(?P<host>\[[^\]]+\]|[^/:@\[\]]+):/?(?P<path>.+)"
)  # git@example.com:shop.git
URL = regex(r"(?P<scheme>[A-Za-z][A-Za-z+.-]*)://(?P<login>[^/?#]*@)?(?P<rest>[^?#]*)(?P<query>.*)")
SCHEMES = ("http", "https", "ssh")
# while Flux waits for health it takes no newer commit, and neither the way back
PATIENCE = "1m"
ARGO_CD_API = "argoproj.io/v1alpha1"
IN_CLUSTER = "in-cluster"  # what Argo CD calls the cluster that it runs in
WAVE = "kubectl-canary/wave"
MOST_ELEMENTS = 1000  # of an ApplicationSet that `kubectl apply` notes whole in an annotation, of 256 KiB
RECURSE = "{{- if .recurse }}\nspec:\n  source:\n    directory: {recurse: true}\n{{- end }}\n"


@dataclass(frozen=True)
class Repository:
    """What an engine reads: URL, branch, the Secret with a login for Flux; and how often it looks, in seconds."""

    url: str
    branch: str
    secret: str | None = None
    interval: int = 0


@dataclass(frozen=True)
class Folder:
    """A release in the repository, from its top: `has_folders` says that manifests lie in folders of it too.

    `target_namespace` is where Flux puts objects that name none; `cluster` is None for the engine's own.
    """

    path: str
    namespace: str
    has_folders: bool = False
    target_namespace: str | None = None
    cluster: str | None = None


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


def argo_cd(name: str, repository: Repository, folder: Folder, namespace: str) -> list[dict[str, Any]]:
    """The Application: synced by itself, what is gone from Git is gone from the cluster."""
    destination = {"server": "https://kubernetes.default.svc", "namespace": folder.namespace}
    spec = _application(repository, folder.path, destination)
    if folder.has_folders:
        spec["source"]["directory"] = {"recurse": True}
    metadata = {"name": name, "namespace": namespace}
    return [{"apiVersion": ARGO_CD_API, "kind": "Application", "metadata": metadata, "spec": spec}]


def _application(repository: Repository, path: str, destination: dict[str, Any]) -> dict[str, Any]:
    return {
        "project": "default",
        "source": {"repoURL": repository.url, "targetRevision": repository.branch, "path": path},
        "destination": destination,
        # what is tried again is what is newest, such as the way back
        "syncPolicy": {"automated": {"prune": True}, "retry": {"limit": 5, "refresh": True}},
    }


def application_sets(
    fleet: Fleet, repository: Repository, folders: Mapping[Target, Folder], namespace: str
) -> Iterator[dict[str, Any]]:
    """ApplicationSets that make an Application of each target, as many as etcd takes; one for rolling-sync.

    RollingSync takes from `automated` whether it prunes, and then switches that off (Argo CD, Progressive Syncs).
    """
    has_folders = any(folder.has_folders for folder in folders.values())
    rolls = fleet.order is Order.ROLLING_SYNC
    labels = {"labels": {WAVE: "{{.wave}}"}} if rolls else {}
    destination = {"name": "{{.cluster}}", "namespace": "{{.namespace}}"}
    shared: dict[str, Any] = {
        "template": {
            "metadata": {"name": f"{fleet.name}-{{{{.target}}}}", **labels},
            "spec": _application(repository, "{{.path}}", destination),
        }
    }
    if has_folders:
        shared["templatePatch"] = RECURSE
    if rolls:
        steps = [
            {"matchExpressions": [{"key": WAVE, "operator": "In", "values": [wave.name]}]}
            for wave in fleet.waves
        ]
        shared = {"strategy": {"type": "RollingSync", "rollingSync": {"steps": steps}}, **shared}
    elements = [_element(target, folder, has_folders=has_folders) for target, folder in folders.items()]
    size = len(elements) if rolls else MOST_ELEMENTS
    for number, first in enumerate(range(0, len(elements), size)):
        spec = {
            "goTemplate": True,
            "goTemplateOptions": ["missingkey=error"],
            "generators": [{"list": {"elements": elements[first : first + size]}}],
            "syncPolicy": {"preserveResourcesOnDeletion": True},  # a target that is left out goes on to run
            **shared,
        }
        metadata = {"name": f"{fleet.name}-{number + 1}" if number else fleet.name, "namespace": namespace}
        yield {"apiVersion": ARGO_CD_API, "kind": "ApplicationSet", "metadata": metadata, "spec": spec}


def _element(target: Target, folder: Folder, *, has_folders: bool) -> dict[str, Any]:
    element = {
        "target": target.name,
        "wave": target.wave.name,
        "path": folder.path,
        "cluster": folder.cluster or IN_CLUSTER,
        "namespace": folder.namespace,
    }
    return {**element, "recurse": folder.has_folders} if has_folders else element


def flux(name: str, repository: Repository, folder: Folder, namespace: str) -> list[dict[str, Any]]:
    """The GitRepository and the Kustomization: what is gone from Git is gone from the cluster, health is waited for."""
    return [_git_repository(name, repository, namespace), _kustomization(name, name, folder, namespace)]


def kustomizations(
    fleet: Fleet, repository: Repository, folders: Mapping[Target, Folder], namespace: str
) -> Iterator[dict[str, Any]]:
    """The GitRepository of a fleet, and a Kustomization for each target."""
    yield _git_repository(fleet.name, repository, namespace)
    for target, folder in folders.items():
        yield _kustomization(f"{fleet.name}-{target.name}", fleet.name, folder, namespace)


def _git_repository(name: str, repository: Repository, namespace: str) -> dict[str, Any]:
    secret = {"secretRef": {"name": repository.secret}} if repository.secret else {}
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "interval": wait_text(repository.interval) or PATIENCE,
            "url": repository.url,
            "ref": {"branch": repository.branch},
            **secret,
        },
    }


def _kustomization(name: str, source: str, folder: Folder, namespace: str) -> dict[str, Any]:
    target = {"targetNamespace": folder.target_namespace} if folder.target_namespace else {}
    cluster = {"kubeConfig": {"secretRef": {"name": folder.cluster}}} if folder.cluster else {}
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "interval": "10m",
            "retryInterval": PATIENCE,
            "timeout": PATIENCE,
            "sourceRef": {"kind": "GitRepository", "name": source},
            "path": f"./{folder.path}",
            "prune": True,
            "wait": True,
            **cluster,
            **target,
        },
    }


def target_namespace(application: Application) -> str | None:
    """Where the user's own objects go, which may name no namespace, as long as none is in another one."""
    if application.adopted is None or application.namespace is None:
        return None
    named = {given.value["metadata"].get("namespace") for given in application.adopted.new}
    return application.namespace if named <= {None, application.namespace} else None


def holding_up(engine: Engine | None, name: str) -> Iterator[str]:
    """What may keep an engine from taking the way back of what it calls `name`, and what to do about it."""
    if engine is Engine.ARGOCD:
        cure = f"`argocd app terminate-op {name}`"
        yield f"while Argo CD waits for pods it takes no newer commit, and this is one: {cure} ends such a sync"
    if engine is Engine.FLUX:
        yield f"while Flux waits for pods it takes no newer commit: this one may take {PATIENCE}, its timeout, longer"
