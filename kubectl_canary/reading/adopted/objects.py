"""The Deployment and the Service of a release among the user's manifests, and the labels of its canary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_canary.api.equality import same
from kubectl_canary.findings import Path
from kubectl_canary.reading.adopted.problems import ADOPT, Problems, listed, meant
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import dataclass
from kubectl_canary.release.adoption import DEPLOYMENT, SERVICE
from kubectl_canary.release.application import POOL_API, Sides
from kubectl_canary.release.companions import ENDING

# which of the labels that both selectors have is taken first
TRACKS = ("app", "app.kubernetes.io/name", "app.kubernetes.io/instance")
OTHER_WORKLOADS = {
    "StatefulSet": "its pods have names and volumes that only one of them may have",
    "DaemonSet": "it has one pod on each node, so that no share has pods of its own",
    "Job": "it runs once and serves no requests",
    "CronJob": "it runs at times and serves no requests",
}
LONGEST_LABEL = 63
DEPLOYMENTS: Path = (*ADOPT, "deployment")


@dataclass(frozen=True)
class Wanted:
    """A Deployment that the canary file names, with its Service; None is the only one there is.

    `images` are new ones by container, said at `place`. `pools` are InferencePools in a Service's place. `release` is
    the name of the release that is under way: others may have added Deployments since it began.
    """

    deployment: str | None
    service: str | None
    images: dict[str, str]
    place: Path
    name_key: str
    track_label: str | None
    pools: Sides[str] | None = None
    release: str | None = None

    @property
    def name_place(self) -> Path:
        """Where the file says its name."""
        return (*self.place, self.name_key)


def wanted_of(adopt: dict[str, Any]) -> list[Wanted]:
    """The Deployments that are released together."""
    named, track = adopt.get("deployment"), adopt.get("trackLabel")
    if not isinstance(named, list):
        pools = Sides(**adopt["inferencePool"]) if "inferencePool" in adopt else None
        return [Wanted(named, adopt.get("service"), {}, ADOPT, "deployment", track, pools)]
    return [
        Wanted(
            item["name"], item.get("service"), item.get("images", {}), (*DEPLOYMENTS, index), "name", track
        )
        for index, item in enumerate(named)
    ]


def at(value: Any, *path: str) -> Any:
    """What stands at a path of maps; None where nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def of_kind(manifests: Sequence[Manifest], api_version: str, kind: str) -> list[Manifest]:
    """The manifests of a kind."""
    return [
        manifest
        for manifest in manifests
        if (manifest.text("apiVersion"), manifest.text("kind")) == (api_version, kind)
    ]


def name_of(manifest: Manifest) -> str:
    """The object's name; empty where it has none."""
    return manifest.text("metadata", "name")


def chosen(
    candidates: Sequence[Manifest],
    wanted: str | None,
    path: Path,
    kind: str,
    problems: Problems,
    deployment: str = "",
) -> Manifest | None:
    """The one of a name, or the only one; `path` is where the canary file names it.

    `deployment` is the name of the Deployment that it goes with.
    """
    names = [name_of(manifest) for manifest in candidates]
    fitting = [manifest for manifest in candidates if wanted in (None, name_of(manifest))]
    if len(fitting) == 1:
        return fitting[0]
    if wanted is not None and fitting:
        places = " and ".join(str(manifest.where(("metadata", "name"))) for manifest in fitting)
        problems.add(path, f"{kind} `{wanted}` stands several times: {places}")
    elif wanted is not None:
        problems.add(path, f"no {kind} `{wanted}` in the manifests; {meant(wanted, names)}")
    elif names:
        likely = deployment if deployment in names else names[0]
        whose = f" of Deployment {deployment}" if deployment else ""
        message = f"which {kind}{whose}? There are {listed(names)}"
        problems.add(path[:-1], message, f"write {path[-1]}: {likely}")
    elif not problems.findings:
        problems.add((*ADOPT, "from"), f"no {kind} in the manifests")
    return None


def deployment_of(
    manifests: Sequence[Manifest], namespace: str | None, asked: Wanted, problems: Problems
) -> Manifest:
    """The Deployment that is named, or the only one; of the namespace, if there is one. Raises Refused where not."""
    wanted, every = asked.deployment, of_kind(manifests, *DEPLOYMENT)
    near = [manifest for manifest in every if manifest.text("metadata", "namespace") in ("", namespace)]
    candidates = near if namespace is not None and near else every
    if wanted is None and len(candidates) > 1 and asked.release in [*map(name_of, candidates)]:
        wanted = asked.release
    others = [manifest for manifest in manifests if manifest.text("kind") in OTHER_WORKLOADS]
    refused = [manifest for manifest in others if name_of(manifest) == wanted or not candidates]
    if refused and wanted not in [name_of(manifest) for manifest in candidates]:
        kind = refused[0].text("kind")
        message = f"{kind} `{name_of(refused[0])}` cannot be released by shares: {OTHER_WORKLOADS[kind]}"
        problems.add(asked.name_place, message, "a Deployment can")
        raise problems.refusal()
    deployment = chosen(candidates, wanted, asked.name_place, "Deployment", problems)
    if deployment is None:
        raise problems.refusal()
    return deployment


def counterpart_of(manifests: Sequence[Manifest], deployment: Manifest, problems: Problems) -> Manifest:
    """The Deployment of the new set that stable's becomes. Raises Refused where it cannot."""
    name, path = name_of(deployment), (*ADOPT, "from")
    near = deployment.text("metadata", "namespace")
    named = [
        manifest
        for manifest in of_kind(manifests, *DEPLOYMENT)
        if (name_of(manifest), manifest.text("metadata", "namespace")) == (name, near)
    ]
    if len(named) != 1:
        count = "several" if named else "none"
        problems.add(path, f"Deployment `{name}` runs, and `from` has {count} of that name")
        raise problems.refusal()
    if at(named[0].value, "spec", "paused") is True:
        message = f"Deployment `{name}` is paused, so that no pods of a new version would come"
        problems.add(path, message, "take `paused` out of it")
    elif not _same_selector(named[0].value, deployment.value):
        message = f"Deployment `{name}` has another selector than what runs, and a selector cannot be changed"
        problems.add(path, message)
    problems.stop()
    return named[0]


def _same_selector(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return same(at(one, "spec", "selector"), at(other, "spec", "selector"))


def pod_labels(deployment: dict[str, Any]) -> dict[str, str]:
    """The labels of a Deployment's pods."""
    return dict(at(deployment, "spec", "template", "metadata", "labels") or {})


def service_of(
    manifests: Sequence[Manifest], deployment: Manifest, asked: Wanted, problems: Problems
) -> Manifest:
    """The Service that is named, or the only one that selects the Deployment's pods. Raises Refused for any other."""
    near, wanted, path = deployment.text("metadata", "namespace"), asked.service, (*asked.place, "service")
    candidates = [
        manifest
        for manifest in of_kind(manifests, *SERVICE)
        if manifest.text("metadata", "namespace") == near  # a Service selects the pods of its namespace alone
    ]
    pods = pod_labels(deployment.value)
    selecting = [manifest for manifest in candidates if selects(manifest.value, pods)]
    if wanted is None and not selecting:
        problems.add((*ADOPT, "from"), f"no Service selects the pods of Deployment {name_of(deployment)}")
    among = candidates if wanted else selecting
    service = chosen(among, wanted, path, "Service", problems, name_of(deployment))
    if service is None:
        raise problems.refusal()
    if service not in selecting:
        has = (
            "selects other pods than those of"
            if at(service.value, "spec", "selector")
            else "has no selector for"
        )
        message = f"Service `{name_of(service)}` {has} Deployment {name_of(deployment)}"
        problems.add(path, message)
        raise problems.refusal()
    return service


def selector_of(service: dict[str, Any]) -> dict[str, str]:
    """The labels by which a Service or an InferencePool selects. Source: InferencePool v1, `selector.matchLabels`."""
    selector = at(service, "spec", "selector")
    return (at(selector, "matchLabels") if service.get("kind") == POOL_API[0] else selector) or {}


def selects(service: dict[str, Any], pods: dict[str, str]) -> bool:
    """Whether a Service or an InferencePool catches pods with these labels."""
    selector = selector_of(service)
    return bool(selector) and all(pods.get(key) == text for key, text in selector.items())


def track_of(
    deployment: Manifest, service: Manifest, wanted: str | None, problems: Problems
) -> dict[str, str]:
    """The labels by which the canary's pods differ, with the canary's values."""
    selector = at(deployment.value, "spec", "selector", "matchLabels") or {}
    selected = selector_of(service.value)
    keys = _track_keys(selector, selected, wanted, service.text("kind"), problems)
    if not keys and not problems.findings:
        message = f"Deployment {name_of(deployment)} selects its pods by no matchLabels"
        problems.add((*ADOPT, "deployment"), message, "the canary's pods could not be told from stable's")
    labels = {**selected, **selector}
    track = {key: f"{labels[key]}{ENDING}" for key in keys}
    for key, text in track.items():
        if len(text) > LONGEST_LABEL:
            message = f"the label {key} would be `{text}`, which has more than {LONGEST_LABEL} characters"
            problems.add(ADOPT, message, "name another by trackLabel")
    return track


def _track_keys(
    selector: dict[str, str], selected: dict[str, str], wanted: str | None, kind: str, problems: Problems
) -> list[str]:
    """The label that both selectors share, one of each where they share none."""
    shared = [key for key in selector if selected.get(key) == selector[key]]
    if wanted is not None and wanted not in shared:
        message = (
            f"the selectors of Deployment and {kind} do not share `{wanted}`; they share {listed(shared)}"
        )
        problems.add((*ADOPT, "trackLabel"), message)
        return []
    if wanted is not None:
        return [wanted]
    preferred = [key for key in TRACKS if key in shared]
    if preferred or shared:
        return (preferred or sorted(shared))[:1]
    return [sorted(selector)[0], sorted(selected)[0]] if selector and selected else []
