"""The user's files in a phase: their own texts with what the phase changes, and the file of the canary's objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading import in_place, splice, yamltext
from kubectl_canary.reading.adopted.file import own_file
from kubectl_canary.reading.adopted.rules import is_route
from kubectl_canary.reading.in_place import Left, Standing
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.records import replace
from kubectl_canary.release.adoption import DEPLOYMENT, documents, key_of
from kubectl_canary.release.application import Application
from kubectl_canary.release.documents import Key
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.rendering import record

Values = Mapping[Key, dict[str, Any]]


def texts(there: Standing, application: Application, phase: Phase) -> dict[str, str]:
    """The user's files in a phase, each with the lines changed that the phase changes.

    Raises Refused where a text cannot be changed so.
    """
    wanted = {document.part.key: document.value for document in documents(application, phase)}
    changed = {name: _in_phase(there, name, wanted, application.namespace) for name in there.base}
    if there.kustomization and phase.canary_replicas:
        name = there.kustomization
        changed[name] = in_place.with_resource(changed[name], there.shown(name), own_file(application.name))
    return changed


def left(there: Standing, plan: Plan, phase: Phase, changed: Mapping[str, str]) -> Left | None:
    """What the canary's file has to say in a phase in which the files are `changed`; None where there is no canary."""
    objects = [yamltext.block(value, 0) for value in _of_canary(there, plan.application, phase)]
    if not objects:
        return None
    text = "".join(f"---\n{block}\n" for block in objects)
    kept = tuple(in_place.kept(there.base, changed))
    return Left(phase.name, kept, text, record.of_plan(plan, phase).notes())


def between(before: Left | None, after: Left) -> Left:
    """What the canary's file says while files are written: also what the phase before has changed."""
    others = [kept for kept in (before.kept if before else ()) if kept not in after.kept]
    return replace(after, kept=(*after.kept, *others))


def strays(there: Standing, application: Application) -> Iterator[Finding]:
    """Where routes of the user's send to a Service of the canary's that the release has not written there."""
    names = {workload.service.names.canary for workload in application.workloads}
    for manifest in (known for name in there.base for known in there.objects_of(name) if is_route(known)):
        for path, backend in _backends(manifest.value, ()):
            if backend in names:
                message = f"{manifest.title} sends to {backend}, which goes with the release: nothing takes that back"
                yield Finding("in-place", "warning", path, message, manifest.where(path), "take it out")


def _backends(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The names of what a route sends to, each with its place."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        if isinstance(child, dict) and (key == "backendRef" or path[-1:] == ("backendRefs",)):
            yield (*path, key, "name"), str(child.get("name"))
        yield from _backends(child, (*path, key))


def _in_phase(there: Standing, name: str, wanted: Values, namespace: str | None) -> str:
    text = there.base[name]
    for number, found in groupby(there.objects_of(name), lambda manifest: manifest.index):
        after: Any = None
        for manifest in found:
            after = manifest.document.value if after is None else after
            value = wanted.get(key_of(manifest.value, namespace))
            if value is not None:
                after = _with(after, manifest.inside, _as_written(value, own(manifest)))
        text = splice.spliced(text, after, there.shown(name), number)
    return text


def own(manifest: Manifest) -> dict[str, Any]:
    """An object as its file has it, without what a list says for it."""
    value = manifest.document.value
    for step in manifest.inside:
        value = value[step]
    as_written: dict[str, Any] = value
    return as_written


def _as_written(value: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A value without the kind and the namespace that its file leaves to others."""
    kept = {key: child for key, child in value.items() if key in own or key not in ("apiVersion", "kind")}
    return kept if "namespace" in own["metadata"] else without_namespace(kept)


def without_namespace(value: dict[str, Any]) -> dict[str, Any]:
    """An object as it is where its namespace is left to others."""
    metadata = {key: child for key, child in value["metadata"].items() if key != "namespace"}
    return {**value, "metadata": metadata}


def _with(value: Any, path: Path, new: Any) -> Any:
    """A value with another at a path."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        return [_with(child, rest, new) if place == step else child for place, child in enumerate(value)]
    return {**value, step: _with(value[step], rest, new)}


def _of_canary(there: Standing, application: Application, phase: Phase) -> Iterator[dict[str, Any]]:
    """The objects that are in no file of the user's, without a namespace beside a Deployment whose file says none."""
    written = [manifest for name in there.base for manifest in there.objects_of(name)]
    objects = {key_of(manifest.value, application.namespace): manifest for manifest in written}
    says = any("namespace" in objects[key].value["metadata"] for key in _deployments(application, objects))
    for document in documents(application, phase):
        if document.part.key not in objects:
            is_near = document.part.namespace == application.namespace
            yield without_namespace(document.value) if is_near and not says else document.value


def _deployments(application: Application, objects: Mapping[Key, Manifest]) -> list[Key]:
    names = [workload.names.stable for workload in application.workloads]
    return [
        key
        for key in objects
        if key[:2] == DEPLOYMENT and key[2] == application.namespace and key[3] in names
    ]
