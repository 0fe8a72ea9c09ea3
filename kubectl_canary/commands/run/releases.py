"""What the verbs of a release begin and end with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_canary.commands import inputs
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say, write
from kubectl_canary.reading import promotion
from kubectl_canary.reading.release import Release
from kubectl_canary.release.plan import SAY_FROM, Phase, PhaseKind, starts_somewhere

if TYPE_CHECKING:
    from kubectl_canary.rendering.generator import Generator

OR_GIVE = ", or give --phase"


def load(flags: ReleaseFlags, *, needs_gates: bool = True) -> Release:
    """Read the release; without `needs_gates`, what is wrong with gates alone is said, and left out.

    Raises Refused with every finding, UsageError for flags that cannot be, WorldError for what cannot be read.
    """
    return inputs.load(flags.files, flags.settings, flags.short, flags.namespace, needs_gates=needs_gates)


def generator_of(release: Release, flags: ReleaseFlags) -> Generator:
    """What renders the release, for the Gateway API that its file names."""
    if flags.no_validate:
        say("warning: not validated (--no-validate): the API server may refuse what is printed")
    from kubectl_canary.rendering.generator import Generator  # not before a cluster is asked

    target, validating = release.plan.application.target, not flags.no_validate
    templates = inputs.templates(flags.templates)
    return Generator(templates, target, validating=validating, sources=release.sources)


def phase_of(release: Release, name: str | None, origin: str | None) -> Phase:
    """The phase that --phase and --from name; without them the one that the file declares."""
    if origin is not None and not starts_somewhere((name or "").strip()):
        raise UsageError("--from goes with --phase rollback or --phase rollback-promotion")
    if name is None:
        return release.declared(OR_GIVE)
    return release.plan.find(name, origin or (release.current.name if release.current else None))


def start_of(release: Release, origin: str | None, what: str = "") -> Phase:
    """The phase that --from names; without it the one that the file declares. `what` is what starts there."""
    start = release.plan.find(origin) if origin is not None else release.current
    if start is None:
        raise UsageError(f"{what} from which phase?".lstrip(), SAY_FROM)
    return start


def refuse_prune(release: Release) -> None:
    """Raises UsageError where the objects of a release are the user's: none of them has our mark."""
    if release.plan.application.adopted is not None:
        where = release.sources.where(("spec", "adopt"))
        message = f"{where}: --prune deletes what has the mark of this program, and your manifests have none"
        raise UsageError(
            message, "leave --prune out, and delete by hand what `kubectl canary doctor` calls a leftover"
        )


def finish(text: str, release: Release) -> int:
    """Print what was asked for, then what the user should know about it; answers with the exit code."""
    write(text)
    for warning in release.warnings:
        say(str(warning))
    return 0


def say_what_follows(release: Release, phase: Phase) -> None:
    """After promotion the file has to follow, or the next release brings the old version back."""
    if phase.kind is PhaseKind.PROMOTED:
        say(promotion.advice(release.spec, release.file))
