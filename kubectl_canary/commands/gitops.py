"""`kubectl canary gitops`."""

from __future__ import annotations

from dataclasses import dataclass

import click

from kubectl_canary.commands import inputs
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import ReleaseFlags, flags_of, release_flags


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
    click.option("--repository", metavar="URL", help="Where the engine reads, instead of the remote's URL."),
    click.option("--branch", metavar="NAME", help="The branch that it follows, instead of the upstream."),
    click.option(
        "--path", metavar="FOLDER", help="The folder in the repository, instead of where it is rendered."
    ),
    click.option("--secret", metavar="NAME", help="Flux: the Secret with which it reads the repository."),
    click.option(
        "--engine-namespace",
        "place",
        metavar="NAMESPACE",
        help="Where the engine looks for it (default: argocd, or flux-system).",
    ),
    click.option(
        "-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", help="yaml (default) or json."
    ),
)
def command(release_flags: ReleaseFlags, flags: GitopsFlags) -> int:
    """Print what the engine needs."""
    if inputs.is_fleet(release_flags.files):
        from kubectl_canary.commands.run import fleet_gitops

        return fleet_gitops.run(release_flags, flags)
    from kubectl_canary.commands.run import gitops

    return gitops.run(release_flags, flags)
