"""What `kubectl canary advance` does."""

from __future__ import annotations

from kubectl_canary.commands.advance import AdvanceFlags
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run.declaring import Files, Step, held
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.exchange import Change
from kubectl_canary.reading import declaring, promotion
from kubectl_canary.reading.release import Release
from kubectl_canary.release import lifecycle
from kubectl_canary.release.application import Version
from kubectl_canary.release.plan import Phase
from kubectl_canary.reports import commits


def run(release_flags: ReleaseFlags, flags: AdvanceFlags, declare_flags: DeclareFlags) -> int:
    """Write the next phase, or the end of the release. Raises Refused where it is too early, or no step to take."""
    if flags.no_cluster:
        raise UsageError("--no-cluster is of a fleet: a release asks none", "leave it out")
    with held(release_flags, declare_flags) as files:
        release, here = files.load()
        step = step_of(files, release, here, flags)
        if not flags.at_once:
            files.mind_time(release, lasts=here.lasts)
        return files.write(step)


def step_of(files: Files, release: Release, here: Phase, flags: AdvanceFlags) -> Step:
    """The step onward from a phase. Raises Refused where there is none, UsageError for a goal that is none."""
    to = lifecycle.onward(release.plan, here, flags.goal, skip=flags.skip)
    if to is None:
        return _end(release, here, files.release_flags)
    return Step(declaring.declared(to), f"phase {here.name} → {to.name}", before=here)


def _end(release: Release, here: Phase, release_flags: ReleaseFlags) -> Step:
    """The end of a release that is promoted: what was the canary is stable."""
    application = release.plan.application
    title = f"{application.called(Version.NEW)} is stable, and no release is under way"
    subject = commits.subject_of_end(application, is_promoted=True)
    more: tuple[Change, ...] = ()
    if "adopt" in release.spec and promotion.overlays(release.spec):
        from kubectl_canary.commands.run import in_place

        more = tuple(in_place.promoted(release_flags))
    return Step(declaring.promoted(release.spec), title, subject, here, more)
