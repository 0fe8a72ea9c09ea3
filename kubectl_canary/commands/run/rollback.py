"""What `kubectl canary rollback` does."""

from __future__ import annotations

from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.rollback import RollbackFlags
from kubectl_canary.commands.run.releases import finish, generator_of, load, start_of
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say
from kubectl_canary.release import actions
from kubectl_canary.release.plan import PhaseKind
from kubectl_canary.rendering.wayback import way_back
from kubectl_canary.reports import shells
from kubectl_canary.reports.documents import as_list, as_yaml


def run(release_flags: ReleaseFlags, flags: RollbackFlags) -> int:
    """Print the way back.

    Raises UsageError where there is none, nothing says from which phase, or a flag is about a cluster.
    """
    if flags.keep or flags.gradual:
        raise UsageError(
            "--keep and --gradual are about a cluster, and --print changes none", "leave --print out"
        )
    release = load(release_flags, needs_gates=False)
    start = start_of(release, flags.origin, "rollback")
    back = way_back(release.plan, generator_of(release, release_flags), start)
    if back is None:
        hint = "this is a way back already" if start.origin else "there is no canary in that phase"
        raise UsageError(f"no way back from `{start.name}`", hint)
    if back.phase.kind is PhaseKind.ROLLBACK_PROMOTION:
        full = release.plan.full.name
        rest = command_line("rollback", "--print", "--from", full, release=release_flags)
        say(f"requests stay at the canary here; once stable's pods are there: {rest} | kubectl apply -f -")
    if flags.output == "kubectl":
        documents = command_line("rollback", "--print", "--from", start.name, release=release_flags)
        style = shells.Style(flags.shell, refusal=shells.Refusal(f"{documents} | kubectl apply -f -"))
        lines = actions.of_step(back.step(), release.plan.application.drain)
        return finish(shells.block(lines, style), release)
    if flags.output == "json":
        return finish(as_list(back.documents()), release)
    return finish(as_yaml(back.documents()), release)
