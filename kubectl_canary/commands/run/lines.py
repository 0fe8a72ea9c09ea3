"""What `kubectl canary patch -o kubectl` prints: lines for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import ReleaseFlags, command_line
from kubectl_canary.commands.patch import PatchFlags
from kubectl_canary.release import actions
from kubectl_canary.release.changes import Step
from kubectl_canary.reports import shells


def lines(
    printed: Sequence[Step],
    notes: Sequence[str],
    drain: int,
    flags: PatchFlags,
    release_flags: ReleaseFlags,
    cluster_flags: ClusterFlags,
) -> str:
    """The steps as one block, and the notes at its end; `drain` is in seconds."""
    kubectl = shells.KubectlLine(cluster_flags.words())
    refusal = _refusal(printed, release_flags, kubectl)
    style = shells.Style(flags.shell, flags.kind, flags.strict, kubectl, refusal)
    return shells.block([*actions.of_steps(printed, drain), *map(actions.Note, notes)], style)


def _refusal(
    printed: Sequence[Step], release_flags: ReleaseFlags, kubectl: shells.KubectlLine
) -> shells.Refusal | None:
    """What goes back all the same where a way back is refused; None on the way forward."""
    back = printed[0].phase if printed else None
    if back is None or back.origin is None or not back.is_way_back:
        return None
    documents = command_line("rollback", "--print", "--from", back.origin, release=release_flags)
    return shells.Refusal(f"{documents} | {kubectl.line('apply', '-f', '-', quote=shlex.quote)}")
