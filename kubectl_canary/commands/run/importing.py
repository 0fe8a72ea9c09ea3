"""What `kubectl canary import` does."""

from __future__ import annotations

import contextlib
import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import CANARY_FILE
from kubectl_canary.commands.importing import ImportFlags
from kubectl_canary.commands.program import program
from kubectl_canary.commands.run import next_version
from kubectl_canary.commands.run.init import SHOWN, head, read_back, refuse_files
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.expressions import regex
from kubectl_canary.integrations.importers import NEIGHBOURS, report
from kubectl_canary.integrations.importers.belongings import images, without_others
from kubectl_canary.integrations.importers.imported import Gateway, Imported, Neighbour, Wish
from kubectl_canary.outside import exchange, files, places
from kubectl_canary.outside.exchange import Change
from kubectl_canary.outside.output import write
from kubectl_canary.reading import snapshot, yamltext
from kubectl_canary.reading.adopted.file import Sets
from kubectl_canary.reading.adopted.objects import at
from kubectl_canary.reading.choices import Choice, Wanted, choice
from kubectl_canary.reading.manifests import Manifest, read
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned

BEGINNING = ("before", "deploy")  # phases in which no request comes to the canary
FILE = regex(r"\{file (?P<kind>[^/}]+)/(?P<name>[^}]+)\}")  # as `file_of` writes it
WIDEST = 100  # letters of a phase on a line
LONGEST = 200  # letters of an object's name in the name of its file


def run(flags: ImportFlags) -> int:
    """Write the files and the report.

    Raises UsageError for what is ambiguous or in the way, Refused for what cannot be imported.
    """
    folder = posixpath.normpath(flags.into)
    _refuse_files(flags, folder)
    manifests = [
        known for known in inputs.manifest_set(flags.source) if not _is_in(folder, known.document.file)
    ]
    neighbour = _neighbour(flags, manifests)
    taken = without_others(neighbour.imported(manifests, _wish(flags)), neighbour.name)
    _refuse_many_gateways(flags, taken)
    texts, routes = _texts(taken)
    _refuse_others(folder, texts)
    _refuse_older(folder, texts)
    released = [one for name, text in texts.items() for one in read(f"{folder}/{name}", text)]
    chosen = choice(released, Wanted(deployments=taken.deployments[:1], services=(taken.service,)))
    text = _canary_file(f"{places.relative(folder, flags.file).rstrip('/')}/", chosen, taken)
    _check(text, released)
    named = {**{f"{folder}/{name}": content for name, content in texts.items()}, flags.file: text}
    exchange.write(
        [Change(name, exchange.bytes_of(name), content.encode()) for name, content in named.items()]
    )
    paths = [f"{folder}/{name}" for name in routes]
    write(_report(flags)(taken, list(named), _steps(taken, flags, paths, starts=SHOWN not in text)))
    return 0


def _neighbour(flags: ImportFlags, manifests: Sequence[Manifest]) -> Neighbour:
    """The tool that leads the release; what it has made of others' objects, such as an Ingress, is its own.

    Raises UsageError where there is none.
    """
    source = "standard input" if flags.source == "-" else flags.source
    here = [known for known in NEIGHBOURS if known.is_here(manifests)]
    leading = [known for known in here if known.leads_alone]
    if len(leading) > 1:
        names = " and ".join(known.name for known in leading)
        raise UsageError(f"{names} both lead releases in {source}", "import the objects of one of them alone")
    if not here:
        *kinds, last = [f"{known.source} of {known.name}" for known in NEIGHBOURS]
        raise UsageError(f"there is no {', '.join(kinds)} or {last} in {source}", _cure(flags))
    return here[0]


def _wish(flags: ImportFlags) -> Wish:
    gateway = Gateway(flags.gateway, flags.gateway_namespace) if flags.gateway else None
    return Wish(gateway, flags.ingress_class)


def _cure(flags: ImportFlags) -> str:
    gateway = f" --gateway {shlex.quote(flags.gateway)}" if flags.gateway else ""
    kinds = "KIND,httproute,service,deployment,hpa"
    piped = f"kubectl get {kinds} -n NAMESPACE -o yaml | {program()} import -{gateway}"
    return f"from a cluster: {piped}, with KIND one of {', '.join(known.resource for known in NEIGHBOURS)}"


def _report(flags: ImportFlags) -> report.Report:
    return report.as_json if flags.output == "json" else report.as_text


def _refuse_files(flags: ImportFlags, folder: str) -> None:
    """Raises UsageError where something is in the way, before anything is read."""
    if flags.file == "-" or files.without_links(posixpath.dirname(flags.file)) == files.without_links(folder):
        message = f"-f {flags.file}: the canary file is a file, and not among the manifests that it adopts"
        raise UsageError(message, "name another file by -f, such as canary.yaml")
    if not places.has_folder(flags.file):
        raise UsageError(f"there is no folder for {flags.file}", "make it, or name another file by -f")
    if not flags.force:
        refuse_files(flags.file, folder)
    _refuse_lost(flags)


def _is_in(folder: str, file: str) -> bool:
    """Whether a file is one that an earlier import wrote."""
    return posixpath.normpath(file).startswith(f"{folder}/")


def _refuse_many_gateways(flags: ImportFlags, taken: Imported) -> None:
    """Raises UsageError for routes of several namespaces, which would each mean a Gateway of their own."""
    namespaces = sorted({route["metadata"].get("namespace", "") for route in taken.routes} - {""})
    if len(namespaces) > 1 and flags.gateway and flags.gateway_namespace is None:
        message = f"there are routes in the namespaces {', '.join(namespaces)}: in which is Gateway {flags.gateway}?"
        raise UsageError(message, "give --gateway-namespace")


def _refuse_lost(flags: ImportFlags) -> None:
    """Raises UsageError where --force would write over what is imported, or over a release under way."""
    if places.are_same(flags.file, flags.source):
        raise UsageError(
            f"-f {flags.file} is what is imported", "name another file by -f, such as canary.yaml"
        )
    phase, canary = _said(flags.file, "phase"), _said(flags.file, "canary")
    if phase not in (None, *BEGINNING):
        message = f"{flags.file} has a release at `{phase}`, which would be forgotten"
        raise UsageError(message, "end it first, or name another file by -f")
    if canary and phase is None:
        message = f"{flags.file} has a next version, which would be forgotten"
        raise UsageError(message, "take spec.canary out of it, or name another file by -f")


def _said(file: str, key: str) -> Any:
    """What `spec` of a canary file says; None where it says nothing, or there is no canary file."""
    with contextlib.suppress(Refused):
        text = (exchange.bytes_of(file) or b"").decode(errors="replace")
        return next((at(known.value, "spec", key) for known in yamltext.read(text, file)), None)
    return None


def _refuse_older(folder: str, texts: dict[str, str]) -> None:
    """Raises UsageError where a Deployment in the folder runs other images: a release has moved it on since."""
    for name, text in texts.items():
        before = exchange.bytes_of(f"{folder}/{name}")
        if before is None:
            continue
        with contextlib.suppress(Refused):
            old, new = (read(name, known) for known in (before.decode(errors="replace"), text))
            if old and new and old[0].text("kind") == "Deployment" and images(old[0]) != images(new[0]):
                message = (
                    f"{folder}/{name} runs {', '.join(images(old[0]).values())}, and what is imported others"
                )
                raise UsageError(message, "take the folder away first, where that is meant")


def _refuse_others(folder: str, texts: dict[str, str]) -> None:
    """Raises UsageError for other files in the folder: they would be released, too."""
    others = [name for name in places.names_in(folder) if name not in texts]
    if others:
        message = f"{folder} has other files, which would be released with these: {', '.join(others)}"
        raise UsageError(message, "take them away, or name another folder by --into")


# --- the manifests ----------------------------------------------------------


def _texts(taken: Imported) -> tuple[dict[str, str], list[str]]:
    """The text of each object by the name of its file, and the names of the routes among them."""
    texts: dict[str, str] = {}
    for manifest in taken.manifests:
        name = _file_name(manifest.text("kind"), manifest.text("metadata", "name"), texts)
        texts[name] = _text(manifest, taken)
    for made in taken.made:
        name = _file_name(made["kind"], made["metadata"]["name"], texts)
        texts[name] = f"{yamltext.block(made, 0)}\n"
    before = len(texts)
    for route in taken.routes:
        texts[_file_name(route["kind"], route["metadata"]["name"], texts)] = f"{yamltext.block(route, 0)}\n"
    return texts, list(texts)[before:]


def _file_name(kind: str, name: str, texts: dict[str, str]) -> str:
    """A name that no file has yet: objects of two namespaces may be called the same, and names may be long."""
    plain = f"{kind.lower()}-{name.replace(':', '-')[:LONGEST]}"
    names = (f"{plain}{'' if number == 1 else f'-{number}'}.yaml" for number in count(1))
    return next(name for name in names if name not in texts)


def _text(manifest: Manifest, taken: Imported) -> str:
    """As the user has it; what comes from a cluster without what the cluster has added."""
    if "uid" in (manifest.value.get("metadata") or {}):
        value = snapshot.written(manifest.value, snapshot.is_scaled(manifest, taken.manifests))
        return f"{yamltext.block(value, 0)}\n"
    return manifest.source or f"{yamltext.block(manifest.value, 0)}\n"


# --- the canary file --------------------------------------------------------


def _canary_file(source: str, chosen: Choice, taken: Imported) -> str:
    deployment = chosen.parts[0].deployment
    first = f"    from: {yamltext.scalar(source)}"
    lines = [
        *head(deployment.name, deployment.manifest.text("metadata", "namespace") or None),
        "  adopt:                              # these manifests are released, and stay as they are",
        f"{first:<37} # what should run",
        f"    deployment: {yamltext.scalar(deployment.name)}",
        f"    service: {yamltext.scalar(taken.service)}",
        *_route_lines(taken),
        *next_version.lines(chosen.deployments, None, _images(chosen, taken)),
        f"  testers: {yamltext.flow(taken.testers)}",
        "  phases:",
        *map(_phase_lines, taken.phases),
        *_gate_lines(taken),
    ]
    return "\n".join(lines) + "\n"


def _route_lines(taken: Imported) -> Iterator[str]:
    """The rules that are split, where a route has others to the same Service."""
    if taken.governed:
        yield "    routes:"
        named = [route["metadata"]["name"] for route in taken.routes]
        for route in taken.routes:
            kind, name = route["kind"], route["metadata"]["name"]
            rules = taken.governed.get((kind, name))
            if rules is None or rules:
                said = {"kind": kind, "name": name} if named.count(name) > 1 else {"name": name}
                yield f"      - {yamltext.flow({**said, **({'rules': rules} if rules else {})})}"


def _images(chosen: Choice, taken: Imported) -> list[str]:
    """The images of the canary that is there, where it has others; none where they cannot be told."""
    if taken.canary is None:
        return []
    old, new = (images(known) for known in (chosen.deployments[0], taken.canary))
    if len(old) == len(new) == 1:
        return [image for image in new.values() if image not in old.values()]
    return [f"{name}={image}" for name, image in new.items() if name in old and old[name] != image]


def _phase_lines(phase: dict[str, Any]) -> str:
    """A phase on a line, where it has room there."""
    line = yamltext.flow(phase)
    return f"    - {line}" if len(line) <= WIDEST else f"    - {yamltext.block(phase, 6)}"


def _gate_lines(taken: Imported) -> list[str]:
    lines = [f"  prometheus: {yamltext.flow(taken.prometheus)}"] if taken.prometheus else []
    return [*lines, f"  gates:{yamltext.after_key(list(taken.gates), 4)}"] if taken.gates else lines


def _check(text: str, released: list[Manifest]) -> None:
    """What is written is read back, and every phase rendered; so is the release that it only shows."""
    plan = read_back(text.replace(SHOWN, "  canary:"), lambda _: Sets(released, released))
    generator = Generator()
    for phase in plan.phases:
        generator.render(planned(plan.application, phase))


def _steps(taken: Imported, flags: ImportFlags, routes: list[str], *, starts: bool) -> list[str]:
    named = "" if flags.file == CANARY_FILE else f" -f {shlex.quote(flags.file)}"
    start = f"Start the release: {program()} apply --phase deploy{named}"
    if not starts:
        start = f"Write the next version into `spec.canary` of {flags.file}, and start: {start.partition(': ')[2]}"
    apply = f"kubectl apply {' '.join(f'-f {shlex.quote(name)}' for name in routes)}"
    folder = posixpath.normpath(flags.into)

    def file(found: re.Match[str]) -> str:
        return shlex.quote(f"{folder}/{_file_name(found['kind'], found['name'], {})}")

    return [FILE.sub(file, step).replace("{apply}", apply).replace("{start}", start) for step in taken.steps]
