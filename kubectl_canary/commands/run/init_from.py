"""What `kubectl canary init --from` does."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kubectl_canary.api import formats
from kubectl_canary.commands import inputs
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.init import CLUSTER, HEADER, InitFlags, ManifestFlags
from kubectl_canary.commands.run.init import (
    SHOWN,
    head,
    later,
    put,
    read_back,
    release_lines,
    tail,
    tail_of_streams,
)
from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.findings import nearest
from kubectl_canary.outside import files
from kubectl_canary.outside.kubectl import Kubectl
from kubectl_canary.outside.output import say
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.adopted.file import Sets
from kubectl_canary.reading.choices import Choice, Wanted, choice, containers
from kubectl_canary.reading.manifests import Manifest, read, with_texts
from kubectl_canary.reading.snapshot import KINDS, OPTIONAL, Snapshot, snapshot
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned

GIT = "git:"
PIPED = "the same manifests | "


@dataclass(frozen=True)
class _Found:
    """A set of manifests and its name in the canary file, and what of it is to be written first, with notes on it."""

    manifests: Sequence[Manifest]
    name: str
    texts: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def run(flags: InitFlags, manifests: ManifestFlags, cluster: ClusterFlags) -> int:
    """Write the file. Raises UsageError for what is ambiguous or lacks, Refused for what cannot be released."""
    source = str(manifests.source)
    found = _in_cluster(flags, manifests, cluster) if source == CLUSTER else _read(source, flags.file)
    chosen = choice(found.manifests, _wanted(flags, manifests))
    text = _text(found.name, chosen, flags, manifests)
    _check(text, found.manifests)
    if found.texts:
        files.write_all(manifests.into, found.texts)
    for line in (*chosen.lines(), *found.notes):
        say(line)
    put(text, flags, PIPED if source == "-" else "")
    return 0


def _read(source: str, file: str) -> _Found:
    try:
        manifests = inputs.manifest_set(source)
    except (UsageError, WorldError) as error:
        raise type(error)(f"--from: {error.message}", error.hint) from None
    is_named = source == "-" or source.startswith(GIT)
    return _Found(manifests, source if is_named else files.relative(source, file))


# --- what runs in a cluster -----------------------------------------------------------


def _in_cluster(flags: InitFlags, manifests: ManifestFlags, cluster: ClusterFlags) -> _Found:
    """What runs, as manifests that are written once the canary file is known to be good."""
    folder = posixpath.normpath(manifests.into)
    _refuse_files(flags, folder)
    objects = Kubectl(cluster.words()).every(KINDS, OPTIONAL, flags.namespace)
    taken = snapshot(objects, manifests.deployment)
    found = [
        manifest
        for name, text in taken.texts.items()
        for manifest in with_texts(read(f"{folder}/{name}", text), text)
    ]
    relative = files.relative(folder, flags.file).rstrip("/")
    return _Found(found, f"{relative}/", taken.texts, tuple(_notes(taken, folder)))


def _refuse_files(flags: InitFlags, folder: str) -> None:
    """Raises UsageError where something is in the way, before the cluster is asked."""
    if flags.force:
        return
    if files.names_in(folder):
        hint = "--force writes over files of the same names, --into names another folder"
        raise UsageError(f"{folder} is there already, and is not empty", hint)
    if files.is_there(flags.file):
        raise UsageError(f"{flags.file} is there already", "--force writes over it, -f names another file")


def _notes(taken: Snapshot, folder: str) -> Iterator[str]:
    """What a user should know of what was taken, and of what was not."""
    yield f"wrote {folder}/ ({len(taken.texts)} files)"
    if taken.secrets:
        listed = ", ".join(taken.secrets)
        yield f"not written, since files are no place for them: the Secrets that the pods use: {listed}"
    if taken.owner:
        yield f"warning: {taken.owner} makes this Deployment, and may undo what a release changes"
    others = [name for name in files.names_in(folder) if name not in taken.texts]
    if others:
        yield f"warning: {folder} has other files too, which are released with these: {', '.join(others)}"


def _wanted(flags: InitFlags, manifests: ManifestFlags) -> Wanted:
    return Wanted(manifests.deployment, manifests.service, manifests.routes, flags.namespace)


def _text(source: str, chosen: Choice, flags: InitFlags, manifests: ManifestFlags) -> str:
    _refuse_header(chosen, flags)
    written = chosen.deployment.manifest.text("metadata", "namespace")
    namespace = flags.namespace if flags.namespace != written else None
    lines = [
        *head(flags.name or chosen.deployment.name, namespace),
        "  adopt:                              # these manifests are released, and stay as they are",
        *_adopt_lines(source, chosen, manifests),
        *_canary_lines(chosen.deployment.manifest, flags.canary_tag, manifests.canary_images),
        *(tail_of_streams() if chosen.streams else tail(flags.header)),
    ]
    return "\n".join(lines) + "\n"


def _refuse_header(chosen: Choice, flags: InitFlags) -> None:
    """Raises UsageError for a header where a route has none."""
    if chosen.streams and flags.header != HEADER:
        message = f"--header {flags.header}: {chosen.streams[0]} splits connections without looking into them"
        raise UsageError(message, "leave it out, or name the other routes alone by --route")


def _adopt_lines(source: str, chosen: Choice, manifests: ManifestFlags) -> list[str]:
    quoted = yamltext.scalar
    first = f"    from: {quoted(source)}"
    routes = ", ".join(_routes(chosen)) if manifests.routes else ""
    return [
        f"{first:<37} # what should run; `stable: git:v41` beside it names what runs, where that differs",
        f"    deployment: {quoted(chosen.deployment.name)}",
        f"    service: {quoted(chosen.service.name)}",
        *([f"    routes: [{routes}]"] if routes else []),
    ]


def _routes(chosen: Choice) -> Iterator[str]:
    """The routes as `adopt.routes` names them: with the kind where another kind has the name too."""
    names = [route.name for route in chosen.routes]
    for route in chosen.routes:
        kind = f"kind: {route.manifest.text('kind')}, " if names.count(route.name) > 1 else ""
        yield f"{{{kind}name: {yamltext.scalar(route.name)}}}"


# --- the new version ------------------------------------------------------------------


def _canary_lines(deployment: Manifest, tag: str | None, images: Sequence[str]) -> list[str]:
    if tag is not None and images:
        raise UsageError("--canary-tag and --canary-image", "give one of them; an image says its tag")
    single = len(containers(deployment)) == 1
    if tag is not None:
        if not single:
            raise _which(deployment, "--canary-tag", "IMAGE")
        return release_lines(f"{{tag: {yamltext.scalar(tag)}}}")
    if images:
        return release_lines(_canary(deployment, images))
    return later(_example(deployment))


def _canary(deployment: Manifest, images: Sequence[str]) -> str:
    """What `spec.canary` says for the values of --canary-image."""
    named: dict[str, str] = {}
    for word in images:
        name, equals, image = word.rpartition("=")
        if not image:
            raise UsageError(f"--canary-image {word}: no image", "give --canary-image IMAGE")
        if equals:
            _refuse_unknown(deployment, name, image)
        elif len(containers(deployment)) != 1:
            raise _which(deployment, "--canary-image", image)
        elif len(images) == 1:
            return f"{{image: {yamltext.scalar(image)}}}"
        name = name or str(containers(deployment)[0].get("name"))
        if name in named:
            raise UsageError(f"--canary-image: two images for container `{name}`", "give one of them")
        named[name] = image
    return _images(named)


def _images(images: dict[str, str]) -> str:
    listed = ", ".join(f"{yamltext.scalar(name)}: {yamltext.scalar(image)}" for name, image in images.items())
    return f"{{images: {{{listed}}}}}"


def _refuse_unknown(deployment: Manifest, name: str, image: str) -> None:
    names = _names(deployment, "initContainers")
    if name not in names:
        meant = nearest(name, names) or names[0]
        there = ", ".join(f"`{known}`" for known in names)
        raise UsageError(
            f"--canary-image: no container `{name}`; there are {there}",
            f"give --canary-image {meant}={image}",
        )


def _names(deployment: Manifest, *more: str) -> list[str]:
    pod = deployment.value["spec"]["template"]["spec"]
    return [str(container.get("name")) for key in ("containers", *more) for container in pod.get(key) or ()]


def _which(deployment: Manifest, flag: str, image: str) -> UsageError:
    names = _names(deployment)
    listed = ", ".join(f"`{name}`" for name in names)
    return UsageError(
        f"{flag}: which container? {deployment.title} has {listed}",
        f"give --canary-image {names[0]}={image}",
    )


def _example(deployment: Manifest) -> str:
    """What a release would say: a tag where that is enough."""
    running = {str(known.get("name")): str(known.get("image")) for known in containers(deployment)}
    next_ones = {
        name: f"{formats.split_image(image)[0] or 'IMAGE'}:v1.1.0" for name, image in running.items()
    }
    return "{tag: v1.1.0}" if len(running) == 1 else _images(dict(list(next_ones.items())[:1]))


# --- the proof ------------------------------------------------------------------------


def _check(text: str, found: Sequence[Manifest]) -> None:
    """What init writes is read back, and every phase rendered; so is the release that it only shows."""
    plan = read_back(text.replace(SHOWN, "  canary:"), lambda _: Sets(found, found))
    generator = Generator()
    for phase in plan.phases:
        generator.render(planned(plan.application, phase))
