"""The flags that verbs have in common that judge manifests."""

from __future__ import annotations

from dataclasses import dataclass

import click

from kubectl_canary.api import catalog
from kubectl_canary.commands import candidates
from kubectl_canary.commands.flags import flags_of

SEVERITIES = ("error", "warning")


@dataclass(frozen=True)
class JudgeFlags:
    """By what to judge manifests, and for whom it fails: the flags of every verb that judges them."""

    gateway_api: str | None
    channel: str | None
    kubernetes: str | None
    from_cluster: bool
    crds: tuple[str, ...]
    admission_only: bool
    ignored: tuple[str, ...]
    fail_on: str
    implementation: str | None


judge_flags = flags_of(
    JudgeFlags,
    click.option(
        "--gateway-api",
        metavar="RELEASE",
        shell_complete=candidates.completer(candidates.releases("gatewayAPI")),
        help="The Gateway API's release, v1.0 to the newest (default), or 1.4.1.",
    ),
    click.option(
        "--channel", type=click.Choice(catalog.CHANNELS), help="standard (default) or experimental."
    ),
    click.option(
        "--kubernetes",
        metavar="RELEASE",
        shell_complete=candidates.completer(candidates.releases("kubernetes")),
        help="Kubernetes' release, 1.31 to the newest (default).",
    ),
    click.option(
        "--from-cluster", is_flag=True, help="Ask the cluster which release and channel its CRDs are."
    ),
    click.option(
        "--crds",
        multiple=True,
        metavar="FILE|DIR",
        shell_complete=candidates.files,
        help="CustomResourceDefinitions of others.",
    ),
    click.option("--admission-only", is_flag=True, help="No lint: exactly what the API server would say."),
    click.option(
        "--ignore",
        "ignored",
        multiple=True,
        metavar="RULE[=PATH]",
        shell_complete=candidates.completer(candidates.rules),
        help="Leave a rule out, or at one path.",
    ),
    click.option(
        "--fail-on",
        type=click.Choice([*SEVERITIES, "never"]),
        default="error",
        help="Exit with 1 from here on (error).",
    ),
    click.option(
        "--implementation",
        metavar="NAME[@VERSION]",
        shell_complete=candidates.completer(candidates.implementations),
        help="Hold routes against what this one claims; default: what the Gateway's class says.",
    ),
    as_="judge_flags",
)
