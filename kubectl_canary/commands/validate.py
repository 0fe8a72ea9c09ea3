"""`kubectl canary validate`."""

from __future__ import annotations

from kubectl_canary.commands import candidates
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, cluster_flags, flags_of, overlay_flags
from kubectl_canary.commands.judging import JudgeFlags, judge_flags
from kubectl_canary.commands.parameters import argument, option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class ValidateFlags:
    """The arguments and flags of `validate` itself."""

    names: tuple[str, ...]
    list_implementations: bool
    list_rules: bool
    explain: str | None
    output: str


@verb(
    "validate",
    "Say what the API server would say to manifests, without one, and then what it does not say: that a route is\n"
    "accepted and still wrong.\n\n"
    "Takes files, folders and - for standard input; without any, canary.yaml. A canary file is judged by all its\n"
    "phases, patches and ways back.",
    """
  # The canary file here: every phase, every patch, every way back
  kubectl canary validate

  # As CI renders it: overlays merged, another tag
  kubectl canary validate canary.yaml prod.yaml --canary-tag v1.2.0

  # A folder, for the Gateway API that the cluster has
  kubectl canary validate k8s/ --gateway-api v1.4

  # What another tool renders
  kustomize build . | kubectl canary validate -

  # Exactly what the API server would say, for programs
  kubectl canary validate k8s/ --admission-only -o json

  # Annotations in a pull request
  kubectl canary validate rendered/ -o github

  # Does what the phases need work there?
  kubectl canary validate --implementation envoy-gateway

  # The rules that look at what the API server accepts
  kubectl canary validate --list-rules

  # Why a rule is there
  kubectl canary validate --explain header-rule-loses
""",
)
@argument("names", multiple=True, metavar="[FILE|DIR|-]...", takes_files=True)
@overlay_flags
@judge_flags
@cluster_flags
@flags_of(
    ValidateFlags,
    option("--list-implementations", is_flag=True, help="Print what each implementation claims."),
    option("--list-rules", is_flag=True, help="Print each lint rule: its severity, and why it is there."),
    option(
        "--explain",
        metavar="RULE",
        candidates=candidates.rules,
        help="Print a rule: why, where that is written, what passes and what fails.",
    ),
    option(
        "-o",
        "--output",
        choices=("text", "json", "sarif", "github", "junit"),
        default="text",
        help="text (default), json, sarif, github or junit.",
    ),
)
def command(
    release_flags: ReleaseFlags, judge_flags: JudgeFlags, cluster_flags: ClusterFlags, flags: ValidateFlags
) -> int:
    """Validate."""
    from kubectl_canary.commands.run import validate

    return validate.run(release_flags, judge_flags, cluster_flags, flags)
