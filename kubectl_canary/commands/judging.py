"""The flags that verbs have in common that judge manifests."""

from __future__ import annotations

from kubectl_canary.api import catalog
from kubectl_canary.commands import candidates
from kubectl_canary.commands.flags import flags_of
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass

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
    option(
        "--gateway-api",
        metavar="RELEASE",
        candidates=candidates.releases("gatewayAPI"),
        help="The Gateway API's release, v1.0 to the newest (default), or 1.4.1.",
    ),
    option("--channel", choices=catalog.CHANNELS, help="standard (default) or experimental."),
    option(
        "--kubernetes",
        metavar="RELEASE",
        candidates=candidates.releases("kubernetes"),
        help="Kubernetes' release, 1.31 to the newest (default).",
    ),
    option("--from-cluster", is_flag=True, help="Ask the cluster which release and channel its CRDs are."),
    option(
        "--crds",
        multiple=True,
        metavar="FILE|DIR",
        takes_files=True,
        help="CustomResourceDefinitions of others.",
    ),
    option("--admission-only", is_flag=True, help="No lint: exactly what the API server would say."),
    option(
        "--ignore",
        "ignored",
        multiple=True,
        metavar="RULE[=PATH]",
        candidates=candidates.rules,
        help="Leave a rule out, or at one path.",
    ),
    option(
        "--fail-on",
        choices=(*SEVERITIES, "never"),
        default="error",
        help="Exit with 1 from here on (error).",
    ),
    option(
        "--implementation",
        metavar="NAME[@VERSION]",
        candidates=candidates.implementations,
        help="Hold routes against what this one claims; default: what the Gateway's class says.",
    ),
    as_="judge_flags",
)
