"""`kubectl canary init`."""

from __future__ import annotations

from dataclasses import dataclass

import click

from kubectl_canary.commands import candidates
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import flags_of


@dataclass(frozen=True)
class InitFlags:
    """The flags of `init`: what the file says, and where it is written."""

    image: str
    tag: str | None
    canary_tag: str | None
    name: str | None
    namespace: str | None
    replicas: int
    port: int
    service_port: int
    hosts: tuple[str, ...]
    gateway: str
    gateway_namespace: str | None
    gateway_class: str | None
    tls: str | None
    header: str
    file: str
    force: bool


@verb(
    "init",
    "Write a commented canary.yaml that renders as it is.",
    """
  # An application behind an existing Gateway
  kubectl canary init --image registry.example.com/my-app --tag v1.0.0 --port 8080 \\
      --host app.example.com --gateway production-gw -n production

  # With the Gateway, and the next version at once
  kubectl canary init --image registry.example.com/my-app --tag v1.0.0 --canary-tag v1.1.0 --port 8080 \\
      --host app.example.com --gateway production-gw --gateway-class istio --tls my-app-tls
""",
)
@flags_of(
    InitFlags,
    click.option("--image", required=True, help="The image, with or without tag."),
    click.option("--tag", help="The tag that runs now; not needed where --image has one."),
    click.option("--canary-tag", help="The tag to release."),
    click.option("--name", help="The application's name (default: the last part of the image)."),
    click.option(
        "-n",
        "--namespace",
        shell_complete=candidates.completer(candidates.namespaces),
        help="The namespace.",
    ),
    click.option("--replicas", default=3, show_default=True, help="The pods of the stable version."),
    click.option("--port", default=8080, show_default=True, help="The port that the application listens on."),
    click.option("--service-port", default=80, show_default=True, help="The port of the Services."),
    click.option("--host", "hosts", multiple=True, help="A hostname. May be given several times."),
    click.option("--gateway", required=True, help="The Gateway's name."),
    click.option("--gateway-namespace", help="The Gateway's namespace, where it is another."),
    click.option("--gateway-class", help="Render the Gateway too, of this class."),
    click.option("--tls", help="The Secret with the certificate of the rendered Gateway's https listener."),
    click.option("--header", default="x-canary", show_default=True, help="The testers' header."),
    click.option(
        "-f",
        "--filename",
        "file",
        default="canary.yaml",
        show_default=True,
        shell_complete=candidates.files,
        help="Where to write; - prints.",
    ),
    click.option("--force", is_flag=True, help="Write over a file that is there."),
)
def command(flags: InitFlags) -> int:
    """Write the file."""
    from kubectl_canary.commands.run import init

    return init.run(flags)
