"""What `kubectl canary init` does."""

from __future__ import annotations

import shlex

from kubectl_canary import __version__
from kubectl_canary.api import formats
from kubectl_canary.commands.flags import CANARY_FILE, program
from kubectl_canary.commands.init import InitFlags
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.findings import path_text
from kubectl_canary.outside import files
from kubectl_canary.outside.output import say, write
from kubectl_canary.reading import canaryfile, sources, yamltext
from kubectl_canary.release.phases import SEED_PHASES
from kubectl_canary.release.plan import plan

SCHEMA = "https://raw.githubusercontent.com/kubectl-canary/kubectl-canary/v{}/schemas/canary.schema.json"


def run(flags: InitFlags) -> int:
    """Write the file. Raises UsageError for flags that make none, WorldError where it cannot be written."""
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
    _check(text)
    if flags.file == "-":
        write(text)
        return 0
    files.write(flags.file, text, over=flags.force)
    option = "" if flags.file == CANARY_FILE else f" -f {shlex.quote(flags.file)}"
    say(f"wrote {flags.file} ({text.count(chr(10))} lines). Next: {program()} plan{option}")
    return 0


def _text(image: str, tag: str, flags: InitFlags) -> str:
    def quoted(value: object) -> str:
        return yamltext.scalar(value)

    name = flags.name or image.rpartition("/")[2].replace("_", "-").replace(".", "-")
    lines = [
        f"# yaml-language-server: $schema={SCHEMA.format(__version__)}",
        "apiVersion: kubectl-canary/v1alpha1",
        "kind: Canary",
        "metadata:",
        f"  name: {quoted(name)}",
        *([f"  namespace: {quoted(flags.namespace)}"] if flags.namespace else []),
        "spec:",
        f"  image: {quoted(image)}",
        f"  stable: {{tag: {quoted(tag)}, replicas: {flags.replicas}}}",
        *_release_lines(flags.canary_tag),
        "  container:                          # every field of a core/v1 Container may stand here",
        f"    port: {flags.port}",
        f"  service: {{port: {flags.service_port}}}",
        "  route:",
        *(["    hostnames:", *(f"      - {quoted(host)}" for host in flags.hosts)] if flags.hosts else []),
        "    gateway:",
        f"      name: {quoted(flags.gateway)}",
        *([f"      namespace: {quoted(flags.gateway_namespace)}"] if flags.gateway_namespace else []),
        *_create_lines(flags.gateway_class, flags.tls),
        f'  testers: {{header: {quoted(flags.header)}, value: "true"}}   # who sends it reaches the canary first',
        "  phases:                             # before 5%, say, `mirror 20%` copies requests",
        *(f"    - {{name: {quoted(phase.name)}, pause: {phase.pause // 60}m}}" for phase in SEED_PHASES),
    ]
    return "\n".join(lines) + "\n"


def _release_lines(canary_tag: str | None) -> list[str]:
    if canary_tag:
        return [
            f"  canary: {{tag: {yamltext.scalar(canary_tag)}}}",
            "  phase: deploy                       # where the release stands: what `render` prints",
        ]
    return [
        "  # canary: {tag: v1.1.0}             # the next version; with it, `phase: deploy` starts the release"
    ]


def _create_lines(gateway_class: str | None, tls: str | None) -> list[str]:
    if not gateway_class:
        return []
    certificate = f", tls: {{secret: {yamltext.scalar(tls)}, only: true}}" if tls else ""
    return [f"      create: {{className: {yamltext.scalar(gateway_class)}{certificate}}}"]


def _check(text: str) -> None:
    """What init writes is read back, so that it never writes a file that render refuses."""
    document = yamltext.read(text, "canary.yaml")[0]
    try:
        file = canaryfile.parse(sources.Sources(document.value, [document]))
        plan(file.application, file.phases)
    except Refused as refused:
        complaints = [f"{path_text(finding.path)}: {finding.message}" for finding in refused.findings]
        raise UsageError("the flags make no valid canary file", "\n".join(complaints)) from None
