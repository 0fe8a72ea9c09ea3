"""`kubectl canary render`."""

from __future__ import annotations

from kubectl_canary.commands import inputs
from kubectl_canary.commands.common import verb
from kubectl_canary.commands.flags import (
    ReleaseFlags,
    flags_of,
    goal_flag,
    release_flags,
    skip_flag,
    start_flag,
)
from kubectl_canary.commands.parameters import option
from kubectl_canary.records import dataclass
from kubectl_canary.release.groups import GROUPS


@dataclass(frozen=True)
class RenderFlags:
    """The flags of `render` itself."""

    phase_name: str | None
    origin: str | None
    all_phases: bool
    only: tuple[str, ...]
    only_removed: bool
    everything: bool
    output: str
    skip: bool
    handed_over: bool


@verb(
    "render",
    "Print the documents of a phase, ready for `kubectl apply -f -`, write those of all phases into a\n"
    "folder, or edit your own manifests so that they are the phase.\n\n"
    "A phase is a complete state: all objects, in the order in which to apply them. Without --phase it is the\n"
    "phase that the file declares (spec.phase).",
    """
  # Bring the phase that the file declares into the cluster
  kubectl canary render | kubectl apply -f -

  # Another phase
  kubectl canary render --phase 25% | kubectl apply -f -

  # The way back from where the release stands: the route alone
  kubectl canary render --phase rollback --only route | kubectl apply -f -

  # Delete what the last phase leaves behind
  kubectl canary render --phase promoted --removed | kubectl delete -f -

  # All phases as files: OUT/current/ for Argo CD or Flux, OUT/phases/ for review
  kubectl canary render --all -o dir=OUT

  # All targets of a fleet, each in OUT/NAME
  kubectl canary render -f fleet.yaml --all -o dir=OUT

  # Your own files in the phase: only the lines that it changes do
  kubectl canary render -o in-place

  # The phase as a component of kustomize, for `components:` of an overlay over your own manifests
  kubectl canary render -o kustomize=OUT
""",
)
@release_flags
@flags_of(
    RenderFlags,
    goal_flag("--phase", "phase_name", help="The phase, instead of the file's. `plan` lists them."),
    start_flag(
        "--from",
        "origin",
        help="Where a way back starts, instead of the file's phase; in place it is the folder's.",
    ),
    option("--all", "all_phases", is_flag=True, help="All phases, with -o dir=OUT or kustomize=OUT."),
    option(
        "--only", choices=tuple(sorted(GROUPS)), multiple=True, help=f"Some objects: {', '.join(GROUPS)}."
    ),
    option("--removed", "only_removed", is_flag=True, help="What the phase before had and this one has not."),
    option(
        "--everything",
        is_flag=True,
        help="Of adopted manifests also what the release leaves as it is.",
    ),
    option(
        "-o",
        "--output",
        default="yaml",
        metavar="FORMAT",
        help="yaml (default), json, dir=OUT, kustomize=OUT or in-place.",
    ),
    skip_flag,
    option(
        "--replicas-handed-over",
        "handed_over",
        is_flag=True,
        help="With -o dir: nothing that applies the folder owns the Deployments' replicas any more.",
    ),
)
def command(release_flags: ReleaseFlags, flags: RenderFlags) -> int:
    """Render."""
    if inputs.is_fleet(release_flags.files):
        from kubectl_canary.commands.run import fleet_render

        return fleet_render.run(release_flags, flags)
    from kubectl_canary.commands.run import render

    return render.run(release_flags, flags)
