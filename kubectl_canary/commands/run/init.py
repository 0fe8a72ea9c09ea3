"""What `kubectl canary init` does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from kubectl_canary import __version__
from kubectl_canary.api import formats
from kubectl_canary.commands.flags import CANARY_FILE
from kubectl_canary.commands.init import InitFlags
from kubectl_canary.commands.program import program
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import path_text
from kubectl_canary.outside import files, places
from kubectl_canary.outside.output import say, write
from kubectl_canary.reading import release, sources, testing, yamltext
from kubectl_canary.reading.adopted.file import SetReader
from kubectl_canary.release.phases import SEED_PHASES, PhaseSpec, default
from kubectl_canary.release.plan import Plan

SCHEMA = "https://raw.githubusercontent.com/kubectl-canary/kubectl-canary/v{}/schemas/canary.schema.json"
BY_DEFAULT = next(iter(testing.DEFAULT.items()))  # what testers send where no flag says it
SHOWN = "  # canary:"  # how the line begins that shows what starts a release


def run(flags: InitFlags) -> int:
    """Write the file. Raises UsageError for flags that make none, WorldError where it cannot be written."""
    if flags.image is None:
        hint = "give --image registry.example.com/my-app, or --from k8s/ where manifests are there already"
        raise UsageError("which image runs now?", hint)
    if flags.gateway is None:
        raise UsageError("which Gateway do the requests come by?", "give --gateway production-gw")
    image, image_tag, digest = formats.split_image(flags.image)
    if not image:
        raise UsageError("--image: the image's name is empty", "give --image registry.example.com/my-app")
    if digest:
        raise UsageError(
            "--image has a digest", "give a tag, and write the digest into spec.stable.image later"
        )
    if flags.tag and image_tag:
        hint = f"take `:{image_tag}` out of --image, or leave --tag out"
        raise UsageError("--tag and a tag in --image", hint)
    if not flags.tag and not image_tag:
        raise UsageError("which tag runs now?", "give --tag v1.0.0")
    if flags.tls and not flags.gateway_class:
        raise UsageError(
            "--tls goes with --gateway-class", "the certificate belongs to a Gateway that we render"
        )
    text = _text(image, flags.tag or image_tag, flags)
    read_back(text)
    put(text, flags)
    return 0


def refuse_files(file: str, folder: str) -> None:
    """Raises UsageError where files are in the way of manifests and a canary file that are to be written."""
    if places.names_in(folder):
        hint = "--force writes over files of the same names, --into names another folder"
        raise UsageError(f"{folder} is there already, and is not empty", hint)
    if files.is_there(file):
        raise UsageError(f"{file} is there already", "--force writes over it, -f names another file")


def put(text: str, flags: InitFlags, before: str = "") -> None:
    """Write or print the file, and say what comes next; `before` is what has to stand before that command."""
    if flags.file == "-":
        write(text)
        return
    places.write(flags.file, text, over=flags.force)
    option = "" if flags.file == CANARY_FILE else f" -f {shlex.quote(flags.file)}"
    say(f"wrote {flags.file} ({text.count(chr(10))} lines). Next: {before}{program()} plan{option}")


def _text(image: str, tag: str, flags: InitFlags) -> str:
    def quoted(value: object) -> str:
        return yamltext.scalar(value)

    name = flags.name or image.rpartition("/")[2].replace("_", "-").replace(".", "-")
    lines = [
        *head(name, flags.namespace),
        f"  image: {quoted(image)}",
        f"  stable: {{tag: {quoted(tag)}, replicas: {flags.replicas}}}",
        *(
            release_lines(f"{{tag: {quoted(flags.canary_tag)}}}")
            if flags.canary_tag
            else later("{tag: v1.1.0}")
        ),
        "  container:                          # every field of a core/v1 Container may stand here",
        f"    port: {flags.port}",
        f"  service: {{port: {flags.service_port}}}",
        "  route:",
        *(["    hostnames:", *(f"      - {quoted(host)}" for host in flags.hosts)] if flags.hosts else []),
        "    gateway:",
        f"      name: {quoted(flags.gateway)}",
        *([f"      namespace: {quoted(flags.gateway_namespace)}"] if flags.gateway_namespace else []),
        *_create_lines(flags.gateway_class, flags.tls),
        *tail(flags),
    ]
    return "\n".join(lines) + "\n"


def head(name: str, namespace: str | None) -> list[str]:
    """The lines of a canary file up to `spec`."""
    return [
        f"# yaml-language-server: $schema={SCHEMA.format(__version__)}",
        "apiVersion: kubectl-canary/v1alpha1",
        "kind: Canary",
        "metadata:",
        f"  name: {yamltext.scalar(name)}",
        *([f"  namespace: {yamltext.scalar(namespace)}"] if namespace else []),
        "spec:",
    ]


def tail(flags: InitFlags) -> list[str]:
    """The lines of the testers and the phases."""
    carrier, name = next(iter(flags.sent), BY_DEFAULT)
    return [
        f'  testers: {{{carrier}: {yamltext.scalar(name)}, value: "true"}}   # who sends it reaches the canary first',
        "  phases:                             # before 5%, say, `mirror 20%` copies requests",
        *phase_lines(SEED_PHASES),
    ]


def tail_of_streams() -> list[str]:
    """The lines of the phases where routes split connections: nobody is told from others in them."""
    return [
        "  testers: false                      # they are known by a header, and connections have none",
        "  phases:",
        *phase_lines(default(has_testers=False)),
    ]


def phase_lines(phases: Sequence[PhaseSpec]) -> Iterator[str]:
    """The lines of phases, with their pauses."""
    for phase in phases:
        yield f"    - {{name: {yamltext.scalar(phase.name)}, pause: {phase.pause // 60}m}}"


def release_lines(canary: str | None) -> list[str]:
    """The lines that start a release of what `spec.canary` says; None where entries of Deployments say all."""
    return [
        *([f"  canary: {canary}"] if canary else []),
        "  phase: deploy                       # where the release stands: what `render` prints",
    ]


def later(canary: str) -> list[str]:
    """The line that shows how a release starts."""
    line = f"{SHOWN} {canary}"
    return [f"{line:<37} # the next version; with it, `phase: deploy` starts the release"]


def _create_lines(gateway_class: str | None, tls: str | None) -> list[str]:
    if not gateway_class:
        return []
    certificate = f", tls: {{secret: {yamltext.scalar(tls)}, only: true}}" if tls else ""
    return [f"      create: {{className: {yamltext.scalar(gateway_class)}{certificate}}}"]


def read_back(text: str, sets: SetReader | None = None) -> Plan:
    """The plan of a file that is not written yet, over the manifests that it adopts.

    Raises UsageError with what is wrong.
    """
    document = yamltext.read(text, CANARY_FILE)[0]
    try:
        return release.read(sources.Sources(document.value, [document]), None, sets).plan
    except Refused as refused:
        complaints = [f"{path_text(finding.path)}: {finding.message}" for finding in refused.findings]
        made_by = "flags and manifests" if sets else "flags"
        raise UsageError(f"the {made_by} make no valid canary file", "\n".join(complaints)) from None
