"""`kubectl canary gitops`."""

from __future__ import annotations

from kubectl_canary.commands import inputs
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, flags_of, release_flags
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass


@dataclass(frozen=True)
class GitopsFlags:
    """The flags of `gitops` itself."""

    repository: str | None
    branch: str | None
    path: str | None
    secret: str | None
    place: str | None
    output: str


@verb(
    "gitops",
    "Print what Argo CD or Flux needs to bring the release from Git into the cluster: an Application, or a\n"
    "GitRepository and a Kustomization. `spec.gitops.engine` says which.\n\n"
    "Repository and branch are those that the checked-out branch follows, the path is where the release was rendered\n"
    "last. It is applied once; from then on, commits move the release. Of a fleet it is an ApplicationSet, or a\n"
    "GitRepository and a Kustomization for each target.",
    """
  # Once, after the first `render --all -o dir=rendered` was pushed
  kubectl canary gitops | kubectl apply -f -

  # What the engine is to read, said
  kubectl canary gitops --repository https://git.example.com/shop.git --branch main --path rendered/current
""",
)
@release_flags
@flags_of(
    GitopsFlags,
    option("--repository", metavar="URL", help="Where the engine reads, instead of the remote's URL."),
    option("--branch", metavar="NAME", help="The branch that it follows, instead of the upstream."),
    option("--path", metavar="FOLDER", help="The folder in the repository, instead of where it is rendered."),
    option("--secret", metavar="NAME", help="Flux: the Secret with which it reads the repository."),
    option(
        "--engine-namespace",
        "place",
        metavar="NAMESPACE",
        help="Where the engine looks for it (default: argocd, or flux-system).",
    ),
    option("-o", "--output", choices=("yaml", "json"), default="yaml", help="yaml (default) or json."),
)
def command(release_flags: ReleaseFlags, flags: GitopsFlags) -> int:
    """Print what the engine needs."""
    if inputs.is_fleet(release_flags.files):
        from kubectl_canary.commands.run import fleet_gitops

        return fleet_gitops.run(release_flags, flags)
    from kubectl_canary.commands.run import gitops

    return gitops.run(release_flags, flags)
