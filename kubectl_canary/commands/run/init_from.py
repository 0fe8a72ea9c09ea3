"""What `kubectl canary init --from` does."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from kubectl_canary.commands import inputs
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.init import CLUSTER, InitFlags, ManifestFlags
from kubectl_canary.commands.run import next_version
from kubectl_canary.commands.run.init import (
    SHOWN,
    head,
    put,
    read_back,
    refuse_files,
    tail,
    tail_of_streams,
)
from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.outside import places
from kubectl_canary.outside.kubectl import Kubectl
from kubectl_canary.outside.output import say
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.adopted.file import Sets
from kubectl_canary.reading.choices import Choice, Wanted, choice
from kubectl_canary.reading.manifests import Manifest, read, with_texts
from kubectl_canary.reading.snapshot import KINDS, OPTIONAL, Snapshot, snapshot
from kubectl_canary.records import dataclass, field
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
        places.write_all(manifests.into, found.texts)
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
    return _Found(manifests, source if is_named else places.relative(source, file))


# --- what runs in a cluster -----------------------------------------------------------


def _in_cluster(flags: InitFlags, manifests: ManifestFlags, cluster: ClusterFlags) -> _Found:
    """What runs, as manifests that are written once the canary file is known to be good."""
    folder = posixpath.normpath(manifests.into)
    if not flags.force:
        refuse_files(flags.file, folder)
    objects = Kubectl(cluster.words()).every(KINDS, OPTIONAL, flags.namespace)
    taken = snapshot(objects, manifests.deployments)
    found = [
        manifest
        for name, text in taken.texts.items()
        for manifest in with_texts(read(f"{folder}/{name}", text), text)
    ]
    relative = places.relative(folder, flags.file).rstrip("/")
    return _Found(found, f"{relative}/", taken.texts, tuple(_notes(taken, folder)))


def _notes(taken: Snapshot, folder: str) -> Iterator[str]:
    """What a user should know of what was taken, and of what was not."""
    yield f"wrote {folder}/ ({len(taken.texts)} files)"
    if taken.secrets:
        listed = ", ".join(taken.secrets)
        yield f"not written, since files are no place for them: the Secrets that the pods use: {listed}"
    for name, owner in taken.owners.items():
        which = f"Deployment {name}" if len(taken.owners) > 1 else "this Deployment"
        if owner:
            yield f"warning: {owner} makes {which}, and may undo what a release changes"
    others = [name for name in places.names_in(folder) if name not in taken.texts]
    if others:
        yield f"warning: {folder} has other files too, which are released with these: {', '.join(others)}"


def _wanted(flags: InitFlags, manifests: ManifestFlags) -> Wanted:
    return Wanted(manifests.deployments, manifests.services, manifests.routes, flags.namespace)


def _text(source: str, chosen: Choice, flags: InitFlags, manifests: ManifestFlags) -> str:
    _refuse_testers(chosen, flags)
    first = chosen.deployments[0]
    written = first.text("metadata", "namespace")
    namespace = flags.namespace if flags.namespace != written else None
    lines = [
        *head(flags.name or first.text("metadata", "name"), namespace),
        "  adopt:                              # these manifests are released, and stay as they are",
        *_adopt_lines(source, chosen, manifests),
        *next_version.lines(chosen.deployments, flags.canary_tag, manifests.canary_images),
        *(tail_of_streams() if chosen.streams else tail(flags)),
    ]
    return "\n".join(lines) + "\n"


def _refuse_testers(chosen: Choice, flags: InitFlags) -> None:
    """Raises UsageError for something that testers send and a route does not see."""
    for carrier, name in flags.sent:
        flag = f"--{carrier} {name}"
        if chosen.streams:
            message = f"{flag}: {chosen.streams[0]} splits connections without looking into them"
            raise UsageError(message, "leave it out, or name the other routes alone by --route")
        if carrier == "query" and chosen.without_query:
            message = f"{flag}: {chosen.without_query[0]} knows no query parameters"
            raise UsageError(
                message, "let testers send a header: --header NAME, or name the other routes alone by --route"
            )


def _adopt_lines(source: str, chosen: Choice, manifests: ManifestFlags) -> list[str]:
    quoted = yamltext.scalar
    first = f"    from: {quoted(source)}"
    routes = ", ".join(_routes(chosen)) if manifests.routes else ""
    return [
        f"{first:<37} # what should run; `stable: git:v41` beside it names what runs, where that differs",
        *_deployment_lines(chosen, manifests.canary_images),
        *([f"    routes: [{routes}]"] if routes else []),
    ]


def _deployment_lines(chosen: Choice, images: Sequence[str]) -> Iterator[str]:
    """One Deployment and its Service, or a list of those that are released together, each with its images."""
    quoted = yamltext.scalar
    if len(chosen.parts) == 1:
        yield f"    deployment: {quoted(chosen.parts[0].deployment.name)}"
        yield f"    service: {quoted(chosen.parts[0].service.name)}"
        return
    of_each = next_version.images_of_each(chosen.deployments, images)
    yield "    deployment:"
    for part, named in zip(chosen.parts, of_each, strict=True):
        own = f", images: {yamltext.flow(named)}" if named else ""
        yield f"      - {{name: {quoted(part.deployment.name)}, service: {quoted(part.service.name)}{own}}}"


def _routes(chosen: Choice) -> Iterator[str]:
    """The routes as `adopt.routes` names them: with kind and namespace where others of the name differ in them."""
    for route in chosen.routes:
        alike = [known.manifest for known in chosen.routes if known.name == route.name]
        said = {"name": route.name}
        for key, path in (("namespace", ("metadata", "namespace")), ("kind", ("kind",))):
            if len({known.text(*path) for known in alike}) > 1:
                said = {key: route.manifest.text(*path), **said}
        yield f"{{{', '.join(f'{key}: {yamltext.scalar(text)}' for key, text in said.items() if text)}}}"


# --- the proof ------------------------------------------------------------------------


def _check(text: str, found: Sequence[Manifest]) -> None:
    """What init writes is read back, and every phase rendered; so is the release that it only shows."""
    plan = read_back(text.replace(SHOWN, "  canary:"), lambda _: Sets(found, found))
    generator = Generator()
    for phase in plan.phases:
        generator.render(planned(plan.application, phase))
