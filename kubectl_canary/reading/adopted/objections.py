"""What of the user's manifests cannot be released: found in what they are together, said in the canary file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from kubectl_canary.api.catalog import Target
from kubectl_canary.api.equality import same
from kubectl_canary.api.shape import misshapen
from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading.adopted import pools
from kubectl_canary.reading.adopted.objects import at, name_of, of_kind, selects
from kubectl_canary.reading.adopted.problems import ADOPT, Problems, meant
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.release import adoption, companions
from kubectl_canary.release.adoption import CONFIG_MAP, DEPLOYMENT, SERVICE
from kubectl_canary.release.application import IMPORT_API, Application, Given, Workload
from kubectl_canary.release.documents import Key
from kubectl_canary.release.plan import Pods
from kubectl_canary.release.selectors import selects_stable_alone

SECRET = ("v1", "Secret")
LOOKED_INTO = (
    "Deployment",
    "GRPCRoute",
    "HTTPRoute",
    "HorizontalPodAutoscaler",
    "Ingress",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "Service",
    "TCPRoute",
    "TLSRoute",
)
# what the API server lets nobody change; of a Service's address only whether it has one
IMMUTABLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "ClusterRoleBinding": (("roleRef",),),
    "Job": (("spec", "template"), ("spec", "selector")),
    "RoleBinding": (("roleRef",),),
    "Service": (("spec", "clusterIP"),),
    "StatefulSet": (("spec", "selector"), ("spec", "serviceName"), ("spec", "volumeClaimTemplates")),
}
FROM: Path = (*ADOPT, "from")
TAKEN = "take it out, or rename it; where another release has made it, end that one first"
PER_TRACK: Path = (*ADOPT, "perTrack")


def refuse_twice(manifests: Sequence[Manifest], key: str, namespace: str | None, problems: Problems) -> None:
    """Objects that stand twice in a set: the last one would win, and nobody says which that is."""
    first: dict[Key, Manifest] = {}
    for manifest in manifests:
        if not isinstance(manifest.value, dict) or not name_of(manifest):
            problems.add((*ADOPT, key), f"{manifest.where(())}: this is no object with a name")
            continue
        known = first.setdefault(adoption.key_of(manifest.value, namespace), manifest)
        if known is not manifest:
            places = f"{known.where(())} and {manifest.where(())}"
            problems.add((*ADOPT, key), f"{manifest.title} stands twice: {places}", "leave one of them out")


def refuse_misshapen(manifests: Sequence[Manifest], target: Target, problems: Problems) -> None:
    """Text where a release looks for a map, and fields without which nothing can be found."""
    for manifest in manifests:
        api_version, name = manifest.text("apiVersion"), manifest.text("kind")
        kind = target.find(api_version, name) if name in LOOKED_INTO else None
        for path, message in misshapen(manifest.value, kind.schema) if kind is not None else ():
            problems.findings.append(Finding("adopt", "error", path, message, manifest.where(path)))


def check(application: Application, sets: Mapping[str, Sequence[Manifest]], problems: Problems) -> None:
    """Everything that cannot be is a problem; the sets by their names in the canary file."""
    new = sets["from"]
    for workload in application.workloads:
        if workload.service.is_pool:
            pools.check(workload, sets, application.namespace, problems)
        else:
            _check_service(application, workload, new, problems)
            _check_imported(application, workload, problems)
        _check_replicas(application, workload, problems)
        _check_labels(application, workload, new, problems)
    _check_tracks(application, new, problems)
    _check_placed(application, new, problems)
    _check_per_track(application, problems)
    _check_versions(application, problems)
    _check_immutable(application, problems)
    _check_configuration(application, problems)
    problems.stop()  # what is copied has to be there
    _check_names(application, problems)


def _sets(application: Application) -> tuple[dict[Key, Given], dict[Key, Given]]:
    """The old and the new documents."""
    adopted = application.adopted
    stable, new = (adopted.stable, adopted.new) if adopted is not None else ((), ())
    return adoption.by_key(application, stable), adoption.by_key(application, new)


def _check_service(
    application: Application, workload: Workload, new: Sequence[Manifest], problems: Problems
) -> None:
    """The Service as the new set has it: the route sends to it while the release lasts."""
    service = workload.service
    own = (service.names.stable, application.namespace or "")
    named = [
        manifest.value
        for manifest in of_kind(new, *SERVICE)
        if (name_of(manifest), manifest.text("metadata", "namespace")) == own
    ]
    if not named:
        message = f"Service `{service.names.stable}` serves, and `from` has none of that name"
        problems.add(FROM, message, "take it out once nothing sends to it any more")
        return
    there = [port.get("port") for port in at(named[0], "spec", "ports") or ()]
    for port in service.ports:
        if port and port not in there:
            message = (
                f"Service {service.names.stable} has no port {port} in `from`, and the route sends to that"
            )
            problems.add(FROM, message, "keep it beside the new one, and take it out with a later release")
    selector = at(named[0], "spec", "selector") or {}
    pods = (workload.new or workload.old).pod_labels
    track = workload.track
    if not track.keys() & selector.keys() or not selects(named[0], pods):
        message = f"Service {service.names.stable} selects by {_text(selector)} in `from`"
        hint = f"the pods there have {_text(pods)}, and {_text(track)} is the canary's"
        problems.add(FROM, message, hint)


def _check_imported(application: Application, workload: Workload, problems: Problems) -> None:
    """Routes that send to a ServiceImport: without an export, or an import, of its own nobody finds the canary."""
    names, (_, new) = workload.service.names, _sets(application)
    if IMPORT_API in workload.service.apis and not adoption.exporting(application, workload, new):
        message = (
            f"a route sends to ServiceImport {names.stable}, and `from` has no ServiceExport of that name"
        )
        hint = f"put it into the manifests: without a copy of it nobody would import {names.canary}"
        problems.add(FROM, message, hint)


def _check_labels(
    application: Application, workload: Workload, new: Sequence[Manifest], problems: Problems
) -> None:
    """Pods of others with the labels that the canary's pods would be told by."""
    own = workload.selectors.canary
    for manifest in new:
        labels = at(manifest.value, "spec", "template", "metadata", "labels")
        is_near = manifest.text("metadata", "namespace") in ("", application.namespace or "")
        if is_near and isinstance(labels, dict) and own.items() <= labels.items():
            message = f"the canary's pods would be told by {_text(own)}, and those of {manifest.title} have that too"
            problems.add(ADOPT, message, "rename it, or name another label by trackLabel")


def _check_tracks(application: Application, new: Sequence[Manifest], problems: Problems) -> None:
    """Objects for pods of several Deployments whose canaries differ in different labels: no selector follows both."""
    known = [(companions.tracks(workload), workload.names.stable) for workload in application.workloads]
    for manifest in new:
        caught = [
            one for one in known if selects_stable_alone(companions.selector_of(manifest.value), one[0])
        ]
        if len({frozenset(tracks.track) for tracks, _ in caught}) > 1:
            names = " and ".join(name for _, name in caught)
            told = " and ".join(_text(dict(tracks.track)) for tracks, _ in caught)
            message = f"{manifest.title} selects the pods of {names}, and their canaries differ in {told}"
            problems.add(
                FROM, message, "name a label that all of them have by trackLabel, or write one for each"
            )


def _check_placed(application: Application, new: Sequence[Manifest], problems: Problems) -> None:
    """Policies that say a namespace, where what they are about says none: nobody could say that both are one."""
    names = {route.name for route in application.routes} | {
        service.names.stable for service in application.services
    }
    for manifest in new if application.namespace is None else ():
        namespace, spec = manifest.text("metadata", "namespace"), manifest.value.get("spec")
        refs = companions.target_refs(spec) if isinstance(spec, dict) else []
        if namespace and any(ref.get("name") in names for ref in refs):
            message = f"{manifest.title} says its namespace, and the Deployment says none"
            cure = f"write metadata.namespace: {namespace} into the canary file, or say -n {namespace}"
            problems.add(FROM, message, cure)


def _text(labels: dict[str, str]) -> str:
    return ", ".join(f"{key}: {text}" for key, text in labels.items()) or "nothing"


def _check_replicas(application: Application, workload: Workload, problems: Problems) -> None:
    """`replicas` that go: `kubectl apply` has the server set what it does not say any more to 1."""
    key: Key = (*DEPLOYMENT, application.namespace, workload.names.stable)
    old, new = (side[key].value["spec"].get("replicas") for side in _sets(application))
    if old is not None and new is None:
        name = workload.names.stable
        message = f"Deployment `{name}` says `replicas` no more: applied, it would go down to one pod at `promote-roll`"
        hint = "keep it for this release, and hand replicas over on a day without one: docs/adopt.md says how"
        problems.add(FROM, message, hint)
    elif 0 in (old, new):
        message = f"Deployment `{workload.names.stable}` has 0 `replicas`: nobody would answer what is not the canary's"
        problems.add(FROM, message, "write how many pods serve")


def _check_versions(application: Application, problems: Problems) -> None:
    """One object in two versions of its API: it would be made as the new one, and deleted as the old one."""
    old, new = _sets(application)
    versions = {(key[0].rpartition("/")[0], *key[1:]): key[0] for key in old}
    for key in new:
        was = versions.get((key[0].rpartition("/")[0], *key[1:]), key[0])
        if key not in old and was != key[0]:
            message = f"{key[1]} {key[3]} is {was} in what runs, and {key[0]} in `from`"
            problems.add(FROM, message, f"write {was} for this release, and the other one between releases")


def _check_immutable(application: Application, problems: Problems) -> None:
    """Fields that the API server lets nobody change, in objects that both sets have."""
    old, new = _sets(application)
    for key in old.keys() & new.keys():
        for path in IMMUTABLE.get(key[1], ()):
            before, after = (at(side[key].value, *path) for side in (old, new))
            if not same(before, after):
                message = f"{'.'.join(path)} of {key[1]} {key[3]} differs, and cannot be changed"
                problems.add(
                    FROM, message, "give the new one another name, or delete it by hand before the release"
                )


def _check_per_track(application: Application, problems: Problems) -> None:
    _, new = _sets(application)
    names = sorted(key[3] for key in new if key[:2] == CONFIG_MAP)
    for name in application.adopted.per_track if application.adopted is not None else ():
        if name not in names:
            problems.add(PER_TRACK, f"no ConfigMap `{name}` in the manifests; {meant(name, names)}")


def _check_configuration(application: Application, problems: Problems) -> None:
    """ConfigMaps and Secrets of one name whose content differs: both versions would read the new one."""
    if not application.has_release or application.adopted is None:
        return
    for key, value in _changed_configuration(application):
        kind, name = key[1], key[3]
        if key[:2] != CONFIG_MAP or name not in application.adopted.per_track:
            message = f"{kind} {name} has other content than what runs, and both versions would read it"
            also = f", or list it: perTrack: [{name}]" if key[:2] == CONFIG_MAP else ""
            problems.add(FROM, message, f"give the new one a name of its own{also}")
        elif value.get("immutable") or not all(map(_rolls, _readers(application, name))):
            why = (
                f"ConfigMap {name} is immutable, and differs: stable could never read the new content"
                if value.get("immutable")
                else f"ConfigMap {name} differs and the pods do not: stable would not roll to read it"
            )
            problems.add(PER_TRACK, why, "rename it, and name the new one in the Deployment")


def _readers(application: Application, config_map: str) -> list[Workload]:
    """The workloads whose new pods use a ConfigMap; all where none does by name."""
    return [
        workload
        for workload in application.workloads
        if config_map in companions.config_names((workload.new or workload.old).whole_pod)
    ] or list(application.workloads)


def _rolls(workload: Workload) -> bool:
    """Whether stable's pods are others after the release."""
    return workload.new is not None and workload.new != workload.old


def _changed_configuration(application: Application) -> Iterator[tuple[Key, dict[str, object]]]:
    """The ConfigMaps and Secrets that both sets have and that differ, as they are now."""
    old, new = _sets(application)
    for key, given in old.items():
        if key[:2] in (CONFIG_MAP, SECRET) and key in new and not same(given.value, new[key].value):
            yield key, given.value


def _check_names(application: Application, problems: Problems) -> None:
    """Objects of the user's that have the names of the canary's."""
    old, new = _sets(application)
    for key in _canary_keys(application, new.values()):
        if key in old or key in new:
            message = (
                f"{key[1]} {key[3]} is in the manifests already; that is what the canary's would be called"
            )
            problems.add(FROM, message, TAKEN)


def _canary_keys(application: Application, new: Collection[Given]) -> Iterator[Key]:
    """What tells the canary's objects from all others."""
    if application.adopted is None:
        return
    for workload in application.workloads:
        yield (*DEPLOYMENT, application.namespace, workload.names.canary)
        if not workload.service.is_pool:
            yield (*SERVICE, application.namespace, workload.service.names.canary)
        for given in adoption.exporting(application, workload, adoption.by_key(application, new)):
            yield adoption.key_of(companions.exporting(given.value), application.namespace)
    for name in application.adopted.per_track:
        yield (*CONFIG_MAP, application.namespace, f"{name}{companions.ENDING}")
    released = [(workload, Pods(1, 1, 1)) for workload in application.workloads]
    for given in new:
        namespace = adoption.key_of(given.value, application.namespace)[2]
        clones = {
            (rule.kind, rule.route, str(rule.rule)): ({"sectionName": "clone"},)
            for rule in application.governed
            if application.route_of(rule).namespace == namespace
        }
        near = released if namespace == application.namespace else ()
        copied = companions.companion(given.value, near, clones)
        if copied is not None:
            yield adoption.key_of(copied, application.namespace)
