"""The user's own manifests → the application that they are, with every complaint at its place in the canary file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.api.catalog import Target
from kubectl_canary.api.equality import same
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding, Path, in_order, nearest
from kubectl_canary.reading import versions
from kubectl_canary.reading.manifests import Manifest, in_namespace
from kubectl_canary.reading.sources import Sources
from kubectl_canary.release import adoption, routes, strategic
from kubectl_canary.release.adoption import CONFIG_MAP, DEPLOYMENT, ENDING, SERVICE
from kubectl_canary.release.application import (
    Adopted,
    Application,
    Configuration,
    GatewayRef,
    Given,
    Governed,
    Route,
    Service,
    Sides,
    Testers,
    Workload,
)

ADOPT: Path = ("spec", "adopt")
# what the manifests say, and a canary file that adopts them cannot
GREENFIELD = (
    "image",
    "stable",
    "container",
    "pod",
    "podMetadata",
    "deployment",
    "service",
    "route",
    "autoscaling",
    "disruptionBudget",
)
# which of the labels that both selectors have is taken first
TRACKS = ("app", "app.kubernetes.io/name", "app.kubernetes.io/instance")
OTHER_WORKLOADS = {
    "StatefulSet": "its pods have names and volumes that only one of them may have",
    "DaemonSet": "it has one pod on each node, so that no share has pods of its own",
    "Job": "it runs once and serves no requests",
    "CronJob": "it runs at times and serves no requests",
}
SINGLE = ("image", "tag", "container")  # what is said of the application's container alone
LONGEST_LABEL = 63
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
class Sets:
    """The manifests that run, and those that should run."""

    stable: Sequence[Manifest]
    new: Sequence[Manifest]


SetReader = Callable[[Sources], Sets]


@dataclass
class _Problems:
    """What is wrong, with its path in the canary file."""

    findings: list[Finding] = field(default_factory=list)

    def add(self, path: Path, message: str, hint: str = "") -> None:
        self.findings.append(Finding("adopt", "error", path, message, hint=hint))

    def stop(self, sources: Sources) -> None:
        """Raises Refused where anything is wrong."""
        if self.findings:
            located = [replace(finding, where=sources.value_where(finding.path)) for finding in self.findings]
            names = " + ".join(dict.fromkeys(document.file for document in sources.documents))
            raise Refused(f"{names} is not valid", in_order(located))


@dataclass(frozen=True)
class Common:
    """What a canary file says of every release, adopted or not."""

    name: str
    namespace: str | None
    testers: Testers | None
    target: Target
    drain: int


def findings(spec: dict[str, Any]) -> Iterator[Finding]:
    """Keys that say what the manifests say."""
    for key in GREENFIELD:
        if key in spec:
            message = "the manifests that `adopt` names say this; leave it out"
            yield Finding("adopt", "error", ("spec", key), message)
    canary = spec.get("canary") or {}
    if "tag" in canary and "image" in canary:
        message = "`tag` and `image` both; `image` is the whole reference"
        yield Finding("adopt", "error", ("spec", "canary", "image"), message)
    yield from versions.own_findings(canary)


def application(sources: Sources, common: Common, sets: Sets) -> Application:
    """The application that the manifests are. Raises Refused with every finding."""
    problems = _Problems()
    adopt, canary = sources.value["spec"]["adopt"], sources.value["spec"].get("canary") or {}
    stable, new = (_without_hooks(manifests) for manifests in (sets.stable, sets.new))
    for key, manifests in (("stable", stable), ("from", new)) if "stable" in adopt else (("from", new),):
        _refuse_twice(manifests, key, common.namespace, problems)
    problems.stop(sources)
    deployment = _deployment(stable, adopt, problems)
    target = _counterpart(new, deployment, problems)
    problems.stop(sources)
    common = replace(common, namespace=_namespace(deployment, common, problems))
    places = [id(manifest) for manifest in (*stable, *new)]
    stable, new = (_placed(manifests, common.namespace) for manifests in (stable, new))
    deployment, target = ((*stable, *new)[places.index(id(manifest))] for manifest in (deployment, target))
    service = _service(stable, deployment, adopt, problems)
    problems.stop(sources)
    governed, port = _governed(stable, service, adopt, common, problems)
    track = _track(deployment, service, adopt, problems)
    problems.stop(sources)
    changed = _overlaid(target, canary, common.target.kubernetes, problems)
    problems.stop(sources)
    given_new = tuple(
        Given(changed) if manifest is target and changed is not target.value else _given(manifest)
        for manifest in new
    )
    adopted = Adopted(tuple(map(_given, stable)), given_new, track, tuple(adopt.get("perTrack", ())))
    sources.left_out = [manifest.title for manifest in sets.new if _is_hook(manifest)]
    sources.given = {id(manifest.value): manifest for manifest in (*stable, *new)}
    sources.given[id(changed)] = target
    has_release = bool(canary) or "stable" in adopt
    workload = _workload(deployment, changed if has_release else None, service, port, adopted)
    workload = replace(workload, replicas=Sides(workload.replicas.stable, canary.get("replicas")))
    _check_configuration(adopted, workload, common, problems)
    _check_names(adopted, workload, common, problems)
    problems.stop(sources)
    return Application(
        name=common.name,
        namespace=common.namespace,
        labels={},
        annotations={},
        workloads=(workload,),
        route=Route(governed[0].route, GatewayRef("")),
        governed=governed,
        testers=common.testers,
        target=common.target,
        drain=common.drain,
        adopted=adopted,
    )


def _is_hook(manifest: Manifest) -> bool:
    return bool(manifest.text("metadata", "annotations", HOOK))


def _without_hooks(manifests: Sequence[Manifest]) -> list[Manifest]:
    return [manifest for manifest in manifests if not _is_hook(manifest)]


def _placed(manifests: Sequence[Manifest], namespace: str | None) -> list[Manifest]:
    """The manifests in the namespace that the release is in, where they say none and their kind has one."""
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


# --- what is found ------------------------------------------------------------------


def _refuse_twice(
    manifests: Sequence[Manifest], key: str, namespace: str | None, problems: _Problems
) -> None:
    """Objects that stand twice in a set: the last one would win, and nobody says which that is."""
    first: dict[Any, Manifest] = {}
    for manifest in manifests:
        if not isinstance(manifest.value, dict) or not _name(manifest):
            where = manifest.where(())
            problems.add((*ADOPT, key), f"{where}: this is no object with a name")
            continue
        known = first.setdefault(adoption.key_of(manifest.value, namespace), manifest)
        if known is not manifest:
            places = f"{known.where(())} and {manifest.where(())}"
            problems.add((*ADOPT, key), f"{manifest.title} stands twice: {places}", "leave one of them out")


def _of_kind(manifests: Sequence[Manifest], api_version: str, kind: str) -> list[Manifest]:
    return [
        manifest
        for manifest in manifests
        if (manifest.text("apiVersion"), manifest.text("kind")) == (api_version, kind)
    ]


def _name(manifest: Manifest) -> str:
    return manifest.text("metadata", "name")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _chosen(
    candidates: Sequence[Manifest], wanted: str | None, place: tuple[str, str], problems: _Problems
) -> Manifest | None:
    """The one of a name, or the only one; `place` is the key of `adopt` and the kind."""
    key, kind = place
    path, names = (*ADOPT, key), [_name(manifest) for manifest in candidates]
    fitting = [manifest for manifest in candidates if wanted in (None, _name(manifest))]
    if len(fitting) == 1:
        return fitting[0]
    if wanted is not None and fitting:
        places = " and ".join(str(manifest.where(("metadata", "name"))) for manifest in fitting)
        problems.add(path, f"{kind} `{wanted}` stands several times: {places}")
    elif wanted is not None:
        close = nearest(wanted, names)
        meant = f"did you mean `{close}`?" if close else f"there are {_listed(names)}"
        problems.add(path, f"no {kind} `{wanted}` in the manifests; {meant}")
    elif names:
        problems.add(ADOPT, f"which {kind}? There are {_listed(names)}", f"write {key}: {names[0]}")
    else:
        problems.add((*ADOPT, "from"), f"no {kind} in the manifests")
    return None


def _deployment(manifests: Sequence[Manifest], adopt: dict[str, Any], problems: _Problems) -> Manifest:
    wanted = adopt.get("deployment")
    candidates = _of_kind(manifests, *DEPLOYMENT)
    others = [manifest for manifest in manifests if manifest.text("kind") in OTHER_WORKLOADS]
    refused = [manifest for manifest in others if _name(manifest) == wanted or not candidates]
    if refused and wanted not in [_name(manifest) for manifest in candidates]:
        kind = refused[0].text("kind")
        message = f"{kind} `{_name(refused[0])}` cannot be released by shares: {OTHER_WORKLOADS[kind]}"
        problems.add((*ADOPT, "deployment"), message, "a Deployment can")
        return refused[0]
    chosen = _chosen(candidates, wanted, ("deployment", "Deployment"), problems)
    return chosen or Manifest(manifests[0].document if manifests else _nothing(), 0, {})


def _nothing() -> Any:
    from kubectl_canary.reading.yamltext import Document

    return Document("", None)


def _counterpart(manifests: Sequence[Manifest], deployment: Manifest, problems: _Problems) -> Manifest:
    """The Deployment of the new set that stable's becomes."""
    name = _name(deployment)
    same_name = [manifest for manifest in _of_kind(manifests, *DEPLOYMENT) if _name(manifest) == name]
    if name and len(same_name) != 1 and not problems.findings:
        message = (
            f"Deployment `{name}` runs, and `from` has {'none' if not same_name else 'several'} of that name"
        )
        problems.add((*ADOPT, "from"), message)
    elif same_name and _get(same_name[0].value, "spec", "paused") is True:
        message = f"Deployment `{name}` is paused, so that no pods of a new version would come"
        problems.add((*ADOPT, "from"), message, "take `paused` out of it")
    elif same_name and not _same_selector(same_name[0].value, deployment.value):
        message = f"Deployment `{name}` has another selector than what runs, and a selector cannot be changed"
        problems.add((*ADOPT, "from"), message)
    return same_name[0] if same_name else deployment


def _same_selector(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return same(_get(one, "spec", "selector"), _get(other, "spec", "selector"))


def _get(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _namespace(deployment: Manifest, common: Common, problems: _Problems) -> str | None:
    written = deployment.text("metadata", "namespace") or None
    if written and common.namespace and written != common.namespace:
        message = f"`{common.namespace}`, and {deployment.title} says `{written}`"
        problems.add(("metadata", "namespace"), message)
    return written or common.namespace


def _pod_labels(deployment: dict[str, Any]) -> dict[str, str]:
    return dict(_get(deployment, "spec", "template", "metadata", "labels") or {})


def _service(
    manifests: Sequence[Manifest], deployment: Manifest, adopt: dict[str, Any], problems: _Problems
) -> Manifest:
    candidates, wanted = _of_kind(manifests, *SERVICE), adopt.get("service")
    pods = _pod_labels(deployment.value)
    selecting = [manifest for manifest in candidates if _selects(manifest.value, pods)]
    chosen = _chosen(candidates if wanted else selecting, wanted, ("service", "Service"), problems)
    if chosen is None:
        if wanted is None and not selecting:
            problems.findings[-1] = replace(
                problems.findings[-1],
                message=f"no Service selects the pods of Deployment {_name(deployment)}",
            )
        return deployment
    if chosen not in selecting:
        has = "has no selector" if not _get(chosen.value, "spec", "selector") else "selects other pods"
        message = f"Service `{_name(chosen)}` {has} than those of Deployment {_name(deployment)}"
        problems.add(
            (*ADOPT, "service"), message.replace("has no selector than those of", "has no selector for")
        )
    return chosen


def _selects(service: dict[str, Any], pods: dict[str, str]) -> bool:
    selector = _get(service, "spec", "selector") or {}
    return bool(selector) and all(pods.get(key) == text for key, text in selector.items())


# --- rules --------------------------------------------------------------------------


def _governed(
    manifests: Sequence[Manifest],
    service: Manifest,
    adopt: dict[str, Any],
    common: Common,
    problems: _Problems,
) -> tuple[tuple[Governed, ...], int]:
    """The governed rules, and the port of the Service that they send to."""
    http = [manifest for manifest in manifests if manifest.text("kind") == "HTTPRoute"]
    chosen: list[tuple[Manifest, int]] = []
    path: Path = (*ADOPT, "routes")
    for number, wanted in enumerate(adopt.get("routes", ())):
        route = _chosen(
            [known for known in http if known.text("metadata", "name") == wanted["name"]] or http,
            wanted["name"],
            ("routes", "HTTPRoute"),
            problems,
        )
        if route is not None:
            for place, rule in enumerate(wanted.get("rules") or _sending(route, service, common)):
                index = _rule_index(route, rule, (*path, number, "rules", place), problems)
                if index is not None:
                    chosen.append((route, index))
    if "routes" not in adopt:
        chosen = [(route, index) for route in http for index in _sending(route, service, common)]
    if problems.findings:
        return (Governed(""),), 0
    return _checked(chosen, service, common, problems)


def _sending(route: Manifest, service: Manifest, common: Common) -> list[int]:
    """The places of the rules that send to the Service."""
    rules = _get(route.value, "spec", "rules") or []
    return [index for index, rule in enumerate(rules) if _ports(rule, route, service, common)]


def _ports(rule: Any, route: Manifest, service: Manifest, common: Common) -> list[Any]:
    """The ports of the Service that a rule sends to, one a backendRef."""
    own = route.text("metadata", "namespace") or common.namespace
    return [
        ref.identity[3]
        for ref in routes.backends(rule if isinstance(rule, dict) else {})
        if ref.identity[:3] == ("Service", "", _name(service)) and ref.namespace(own) == common.namespace
    ]


def _rule_index(route: Manifest, wanted: Any, path: Path, problems: _Problems) -> int | None:
    rules = _get(route.value, "spec", "rules") or []
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        if 0 <= wanted < len(rules):
            return wanted
        problems.add(path, f"HTTPRoute {_name(route)} has the rules 0 to {len(rules) - 1}")
        return None
    if isinstance(wanted, dict):
        fitting = [index for index, rule in enumerate(rules) if wanted in routes.matches_of(rule)]
        said = "the match"
    else:
        fitting = [index for index, rule in enumerate(rules) if rule.get("name") == wanted]
        said = f"the name `{wanted}`"
    if len(fitting) == 1:
        return fitting[0]
    names = [str(rule["name"]) for rule in rules if rule.get("name")]
    close = nearest(str(wanted), names) if isinstance(wanted, str) else None
    meant = f"; did you mean `{close}`?" if close else f"; rules are called {_listed(names)}"
    count = "no rule" if not fitting else f"{len(fitting)} rules"
    problems.add(path, f"HTTPRoute {_name(route)} has {count} of {said}{meant}")
    return None


def _checked(
    chosen: Sequence[tuple[Manifest, int]], service: Manifest, common: Common, problems: _Problems
) -> tuple[tuple[Governed, ...], int]:
    """The rules as governed ones. What cannot be released together is a problem."""
    path: Path = (*ADOPT, "routes")
    found = list(dict.fromkeys(id(route) for route, _ in chosen))
    if not chosen:
        hint = "a release splits the requests of an HTTPRoute; routes of other kinds are not adopted"
        problems.add((*ADOPT, "from"), f"no rule of an HTTPRoute sends to Service {_name(service)}", hint)
    elif len(found) > 1:
        names = list(dict.fromkeys(_name(route) for route, _ in chosen))
        message = (
            f"several routes send to Service {_name(service)}: {_listed(names)}; a release takes one of them"
        )
        problems.add(path if len(path) < 3 else ADOPT, message, f"write routes: [{{name: {names[0]}}}]")
    ports: set[Any] = set()
    governed: list[Governed] = []
    for route, index in chosen:
        rule = route.value["spec"]["rules"][index]
        own = _ports(rule, route, service, common)
        ports |= set(own)
        if len(own) != 1:
            often = "does not send" if not own else "sends several times"
            problems.add(
                ADOPT, f"rule {index} of HTTPRoute {_name(route)} {often} to Service {_name(service)}"
            )
        if (route.text("metadata", "namespace") or common.namespace) != common.namespace:
            problems.add(
                ADOPT, f"HTTPRoute {_name(route)} is in another namespace than Service {_name(service)}"
            )
        governed.append(Governed(_name(route), rule.get("name") or index))
        if common.testers is not None and _matches_header(rule, common.testers.header):
            header = common.testers.header
            message = (
                f"rule {index} of HTTPRoute {_name(route)} matches the testers' header `{header}` already"
            )
            problems.add(("spec", "testers"), message, "let the testers use another: testers: {header: NAME}")
    if len(ports) > 1:
        listed = " and ".join(map(str, sorted(ports, key=str)))
        message = f"the rules send to ports {listed} of Service {_name(service)}; a release takes one of them"
        problems.add(ADOPT, message, "name the rules by `routes`")
    return tuple(governed), next((port for port in ports if isinstance(port, int)), 0)


def _matches_header(rule: dict[str, Any], name: str) -> bool:
    headers = (header for match in rule.get("matches") or () for header in match.get("headers") or ())
    return any(str(header.get("name")).lower() == name.lower() for header in headers)


# --- the canary's labels --------------------------------------------------------------


def _track(
    deployment: Manifest, service: Manifest, adopt: dict[str, Any], problems: _Problems
) -> dict[str, str]:
    """The labels by which the canary's pods differ, with the canary's values."""
    selector = _get(deployment.value, "spec", "selector", "matchLabels") or {}
    selected = _get(service.value, "spec", "selector") or {}
    shared = [key for key in selector if selected.get(key) == selector[key]]
    wanted = adopt.get("trackLabel")
    if wanted is not None and wanted not in shared:
        message = (
            f"the selectors of Deployment and Service do not share `{wanted}`; they share {_listed(shared)}"
        )
        problems.add((*ADOPT, "trackLabel"), message)
        return {}
    preferred = [key for key in TRACKS if key in shared]
    keys = [wanted] if wanted else (preferred or sorted(shared))[:1]
    if not keys and selector and selected:
        keys = [sorted(selector)[0], sorted(selected)[0]]
    if not keys:
        message = f"Deployment {_name(deployment)} selects its pods by no matchLabels"
        problems.add((*ADOPT, "deployment"), message, "the canary's pods could not be told from stable's")
    labels = {**selected, **selector}
    track = {key: f"{labels[key]}{ENDING}" for key in keys}
    for key, text in track.items():
        if len(text) > LONGEST_LABEL:
            problems.add(
                ADOPT,
                f"the label {key} would be `{text}`, which has more than 63 characters",
                "name another by trackLabel",
            )
    return track


# --- versions ---------------------------------------------------------------------------


def _containers(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    return list(_get(deployment, "spec", "template", "spec", "containers") or [])


def _overlaid(
    target: Manifest, canary: dict[str, Any], kubernetes: str, problems: _Problems
) -> dict[str, Any]:
    """The new Deployment with what `spec.canary` lays over it; the very same where that is nothing."""
    template = _overlay(target, canary, problems)
    place = strategic.Place.of_kind("Deployment", kubernetes)
    deployment: dict[str, Any] = target.value
    merged: dict[str, Any] = strategic.merged(deployment, {"spec": {"template": template}}, place)
    return deployment if same(merged, deployment) else merged


def _overlay(target: Manifest, canary: dict[str, Any], problems: _Problems) -> dict[str, Any]:
    """What `spec.canary` says, as a strategic merge patch of the pod's template."""
    names = [str(container.get("name")) for container in _containers(target.value)]
    single = next((key for key in SINGLE if key in canary), None)
    if single is not None and len(names) != 1:
        message = f"Deployment {_name(target)} has {len(names)} containers: {_listed(names)}"
        hint = f"write images: {{{names[0] if names else 'NAME'}: IMAGE}}"
        problems.add(("spec", "canary", single), message, hint)
        return {}
    pod: dict[str, Any] = dict(canary.get("pod", {}))
    containers = _patched_container(target.value, canary) if single is not None else []
    images = _patched_images(target.value, canary.get("images", {}), problems)
    for key, patches in (("containers", [*containers, *images["containers"]]), *list(images.items())[1:]):
        if patches:
            pod[key] = [*(pod.get(key) or []), *patches]
    metadata = {"metadata": canary["podMetadata"]} if "podMetadata" in canary else {}
    return {**metadata, **({"spec": pod} if pod else {})}


def _patched_container(deployment: dict[str, Any], canary: dict[str, Any]) -> list[dict[str, Any]]:
    """What `image`, `tag` and `container` say of the only container."""
    (container,) = _containers(deployment)
    running = str(container.get("image"))
    image = canary.get("image") or (_tagged(running, canary["tag"]) if "tag" in canary else running)
    return [{**canary.get("container", {}), "name": container.get("name"), "image": image}]


def _patched_images(
    deployment: dict[str, Any], images: dict[str, str], problems: _Problems
) -> dict[str, list[dict[str, Any]]]:
    """What `images` says, by the list of containers that each name is in."""
    pod = _get(deployment, "spec", "template", "spec") or {}
    names = {
        key: [container.get("name") for container in pod.get(key) or ()]
        for key in ("containers", "initContainers")
    }
    every = [str(name) for listed in names.values() for name in listed]
    for name in images:
        if name not in every:
            close = nearest(name, every)
            meant = f"did you mean `{close}`?" if close else f"there are {_listed(every)}"
            problems.add(("spec", "canary", "images", name), f"no container `{name}`; {meant}")
    return {
        key: [{"name": name, "image": image} for name, image in images.items() if name in listed]
        for key, listed in names.items()
    }


def _tagged(image: str, tag: str) -> str:
    repository, _, _ = formats.split_image(image)
    return f"{repository}:{tag}"


def _main_container(old: dict[str, Any], new: dict[str, Any] | None) -> str:
    """The container whose image tells the versions apart: the first one that differs, else the first."""
    images = {container.get("name"): container.get("image") for container in _containers(new or old)}
    containers = _containers(old)
    differing = [known for known in containers if images.get(known.get("name")) != known.get("image")]
    kept = [known for known in differing if known.get("name") in images]
    return str((kept or containers)[0].get("name"))


def _configuration(deployment: dict[str, Any], main: str) -> Configuration:
    template = deployment["spec"]["template"]
    pod, metadata = template["spec"], template.get("metadata") or {}
    containers = _containers(deployment)
    container = next((known for known in containers if known.get("name") == main), containers[0])
    others = [known for known in containers if known is not container]
    return Configuration(
        image=str(container.get("image")),
        container={key: value for key, value in container.items() if key != "image"},
        pod={**pod, "containers": others},
        pod_labels=dict(metadata.get("labels") or {}),
        pod_annotations=dict(metadata.get("annotations") or {}),
    )


def _workload(
    deployment: Manifest,
    new: dict[str, Any] | None,
    service: Manifest,
    port: int,
    adopted: Adopted,
) -> Workload:
    name, served = _name(deployment), _name(service)
    selector = _get(deployment.value, "spec", "selector", "matchLabels") or {}
    main = _main_container(deployment.value, new)
    tracked = {**selector, **{key: text for key, text in adopted.track.items() if key in selector}}
    scaling = _scaling(adopted, name)
    replicas = None if scaling is not None else int(_get(deployment.value, "spec", "replicas") or 1)
    return Workload(
        names=Sides(name, f"{name}{ENDING}"),
        selectors=Sides(selector, tracked),
        service=Service(Sides(served, f"{served}{ENDING}"), port, None),
        old=_configuration(deployment.value, main),
        new=_configuration(new, main) if new is not None else None,
        replicas=Sides(replicas, None),
        deployment={key: value for key, value in deployment.value["spec"].items() if key == "strategy"},
        autoscaling=scaling,
    )


def _scaling(adopted: Adopted, name: str) -> dict[str, Any] | None:
    """The fewest and the most pods that a scaler of the user's keeps; None where there is none."""
    for given in adopted.stable:
        spec = given.value.get("spec") or {}
        if given.value.get("kind") in adoption.SCALERS and _get(spec, "scaleTargetRef", "name") == name:
            least = spec.get("minReplicas", spec.get("minReplicaCount", 1))
            most = spec.get("maxReplicas", spec.get("maxReplicaCount", 100))
            return {"minReplicas": max(1, int(least)), "maxReplicas": int(most)}
    return None


# --- what cannot be ---------------------------------------------------------------------


def _check_names(adopted: Adopted, workload: Workload, common: Common, problems: _Problems) -> None:
    """Objects of the user's that have the names of the canary's."""
    names = {(*DEPLOYMENT, workload.names.canary), (*SERVICE, workload.service.names.canary)}
    for given in (*adopted.stable, *adopted.new):
        key = adoption.key_of(given.value, common.namespace)
        if (key[0], key[1], key[3]) in names:
            message = (
                f"{key[1]} {key[3]} is in the manifests already; that is what the canary's would be called"
            )
            problems.add((*ADOPT, "from"), message, "take it out, or rename it")


def _check_configuration(adopted: Adopted, workload: Workload, common: Common, problems: _Problems) -> None:
    """ConfigMaps and Secrets of one name whose content differs: both versions would read the new one."""
    old, new = (
        {adoption.key_of(given.value, common.namespace): given.value for given in side}
        for side in (adopted.stable, adopted.new)
    )
    names = {key[3] for key in new if key[:2] == CONFIG_MAP}
    for name in adopted.per_track:
        if name not in names:
            close = nearest(name, sorted(names))
            meant = f"did you mean `{close}`?" if close else f"there are {_listed(sorted(names))}"
            problems.add((*ADOPT, "perTrack"), f"no ConfigMap `{name}` in the manifests; {meant}")
    if workload.new is None:
        return
    rolls = not same(workload.old.pod, workload.new.pod) or workload.old.settings != workload.new.settings
    rolls = rolls or workload.old.image != workload.new.image
    for key in old.keys() & new.keys():
        api, name = key[:2], key[3]
        if api not in (CONFIG_MAP, ("v1", "Secret")) or same(old[key], new[key]):
            continue
        if name not in adopted.per_track or api != CONFIG_MAP:
            message = f"{key[1]} {name} has other content than what runs, and both versions would read it"
            listed = f", or list it: perTrack: [{name}]" if api == CONFIG_MAP else ""
            problems.add((*ADOPT, "from"), message, f"give the new one a name of its own{listed}")
        elif not rolls:
            message = f"ConfigMap {name} differs and the pods do not: stable would not roll to read it"
            problems.add((*ADOPT, "perTrack"), message, "rename it, and name the new one in the Deployment")
