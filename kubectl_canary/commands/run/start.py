"""What `kubectl canary start` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from kubectl_canary.api import formats
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run import in_place, releases
from kubectl_canary.commands.run.declaring import Files, Step, held
from kubectl_canary.commands.start import StartFlags
from kubectl_canary.errors import CanaryError, Refused, UsageError, WorldError
from kubectl_canary.findings import Finding, Path
from kubectl_canary.reading import declaring, promotion
from kubectl_canary.reading.declaring import Edits
from kubectl_canary.reading.release import Release
from kubectl_canary.reading.sources import Sources
from kubectl_canary.records import replace
from kubectl_canary.release import observed
from kubectl_canary.release.application import Version
from kubectl_canary.release.plan import PhaseKind

DEPLOY = PhaseKind.DEPLOY.value
STABLE: Path = ("spec", "stable")
BY_MANIFESTS = "write the new version into them, and `start --from git:REF` with a tag or commit of what runs"
ASSUMED = "assumed"  # a tag to plan with, where images or manifests say what is released
CLUSTER, GIT = "cluster", "git:"


def run(
    release_flags: ReleaseFlags,
    flags: StartFlags,
    declare_flags: DeclareFlags,
    cluster_flags: ClusterFlags,
    version: str | None,
) -> int:
    """Write a new release. Raises Refused while one is under way, or where stable runs that version."""
    with held(release_flags, declare_flags) as files:
        return files.write(step_of(files, flags, cluster_flags, version))


def step_of(files: Files, flags: StartFlags, cluster_flags: ClusterFlags, version: str | None) -> Step:
    """The step that begins a release. Raises as `run`."""
    spec = files.source.value.get("spec") or {}
    files.refuse_under_way()
    new = _version(spec, version, flags.images)
    edits: dict[Path, Any] = {**_stable(files, flags.origin, cluster_flags, new), **new}
    if not edits:
        raise UsageError(
            "start: which version?", "give a tag, --image, or --from git:REF for changed manifests"
        )
    title = f"{_called(version, flags)}, phase {DEPLOY}"
    return Step({**edits, declaring.PHASE: DEPLOY}, title, judge=partial(_judge, files))


def _judge(files: Files, release: Release) -> None:
    """Raises Refused, or as `in_place.promoted`, for a release that could not end."""
    _refuse_same(release)
    if release.plan.application.adopted is not None and promotion.overlays(release.spec):
        try:
            in_place.promoted(files.release_flags)
        except CanaryError as error:
            error.hint = f"its end could not be written into the manifests; {BY_MANIFESTS}"
            raise


def _refuse_same(release: Release) -> None:
    """Raises Refused where stable runs all that is to be released."""
    findings = [release.placed(replace(known, severity="error")) for known in release.plan.version_findings()]
    if findings and release.plan.application.adopted is None:
        raise Refused("there is nothing to release", findings)


def _version(spec: Mapping[str, Any], version: str | None, images: Sequence[str]) -> Edits:
    """What of the file says what to release."""
    if version is not None and images:
        raise UsageError("a tag and --image", "give one of them; an image says its tag")
    if version is not None:
        return {(*declaring.CANARY, "tag"): version}
    if len(images) == 1 and "=" not in images[0]:
        return {(*declaring.CANARY, "image"): images[0]}
    listed = (spec.get("adopt") or {}).get("deployment")
    return dict(_of_container(image, listed if isinstance(listed, list) else []) for image in images)


def _of_container(word: str, entries: Sequence[Any]) -> tuple[Path, str]:
    """Where the image of a container is written: beside its Deployment, where there are several."""
    name, equals, image = word.rpartition("=")
    if not equals or not image:
        raise UsageError(f"--image {word}: of which container?", "give --image CONTAINER=IMAGE")
    owner, _, container = name.rpartition("/")
    if not entries:
        return (*declaring.CANARY, "images", container), image
    places = [index for index, entry in enumerate(entries) if owner in ("", entry.get("name"))]
    if len(places) != 1:
        names = ", ".join(str(entry.get("name")) for entry in entries)
        message = f"--image {word}: of which Deployment? There are {names}"
        raise UsageError(message, "give --image DEPLOYMENT/CONTAINER=IMAGE")
    return ("spec", "adopt", "deployment", places[0], "images", container), image


def _stable(files: Files, origin: str | None, cluster_flags: ClusterFlags, version: Edits) -> Edits:
    """What of the file says what runs, where it is to be taken from elsewhere. Raises UsageError for no such place."""
    adopts = "adopt" in files.source.value["spec"]
    if origin is None:
        return {}
    if origin == CLUSTER:
        return _running(files, cluster_flags, version)
    if not origin.startswith(GIT):
        raise UsageError(
            f"--from {origin}: neither a cluster nor a commit", "say --from cluster, or --from git:REF"
        )
    if not adopts:
        hint = "write spec.stable, or say --from cluster"
        raise UsageError(f"--from {origin}: it is of manifests, and the file adopts none", hint)
    return {("spec", "adopt", "stable"): origin}


def _running(files: Files, cluster_flags: ClusterFlags, version: Edits) -> Edits:
    """What runs in the cluster, as the file says it. Raises Refused where manifests that are adopted say otherwise."""
    tag = version.get((*declaring.CANARY, "tag"), ASSUMED)
    release = releases.load(replace(files.release_flags, canary_tag=tag))
    application = release.plan.application
    names = [f"deployment.apps/{workload.names.stable}" for workload in application.workloads]
    kubectl = cluster_flags.pinned()
    there = kubectl.get(names, application.namespace or kubectl.namespace)
    found = {known["metadata"]["name"]: known for known in there}
    edits: dict[Path, Any] = {}
    for workload in application.workloads:
        runs = workload.runs(Version.OLD)
        deployment = found.get(workload.names.stable)
        if deployment is None:
            raise WorldError(f"there is no Deployment {workload.names.stable}", "is it the right namespace?")
        image = observed.image(deployment, runs.container_name)
        if not image:
            message = f"Deployment {workload.names.stable} has no container `{runs.container_name}`"
            raise WorldError(message, "is it this application's?")
        if image != runs.image:
            edits |= _written(files, workload.names.stable, image, runs.image)
    return edits


def _written(files: Files, name: str, image: str, said: str) -> Edits:
    """How the file says an image of stable's. Raises Refused where the user's manifests say it."""
    source = files.source
    if "adopt" in source.value["spec"]:
        path = ("spec", "adopt", "from")
        message = f"Deployment {name} runs {image} in the cluster, and {said} in the manifests"
        finding = Finding(
            "stable", "error", path, message, source.value_where(path), "write what runs into them first"
        )
        raise Refused("stable is not what runs", [finding])
    repository, tag, digest = formats.split_image(image)
    if tag and not digest and repository == formats.split_image(said)[0]:
        return {(*STABLE, "tag"): tag, **_without(source, "image")}
    return {(*STABLE, "image"): image, **_without(source, "tag")}


def _without(source: Sources, key: str) -> Edits:
    return {(*STABLE, key): declaring.GONE} if key in source.value["spec"]["stable"] else {}


def _called(version: str | None, flags: StartFlags) -> str:
    return version or ", ".join(flags.images) or f"what differs from {flags.origin}"
