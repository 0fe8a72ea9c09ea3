"""What `kubectl canary abort` does."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from kubectl_canary.commands import inputs
from kubectl_canary.commands.declaring import DeclareFlags
from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.run.declaring import Files, Step, held
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding
from kubectl_canary.outside.output import say
from kubectl_canary.reading import declaring
from kubectl_canary.reading.release import Release
from kubectl_canary.release import lifecycle
from kubectl_canary.release.application import Version
from kubectl_canary.release.plan import Phase
from kubectl_canary.reports import commits, engines


def run(release_flags: ReleaseFlags, declare_flags: DeclareFlags, *, at_once: bool) -> int:
    """Write the next step back; the first one waits for nothing. Raises Refused where there is none."""
    with held(release_flags, declare_flags) as files:
        release, here = files.load()
        step = step_of(files, release, here)
        if here.is_way_back and not at_once:
            files.mind_time(release, lasts=0)
        code = files.write(step)
    if not here.is_way_back:
        application = release.plan.application
        for line in engines.holding_up(application.gitops.engine, application.name):
            say(line)
    return code


def step_of(files: Files, release: Release, here: Phase) -> Step:
    """The step back from a phase, or the end of the release. Raises Refused where there is none."""
    to = lifecycle.back(release.plan, here)
    if to is not None:
        return Step(declaring.declared(to), f"phase {here.name} → {to.name}", before=here)
    _refuse_new_manifests(files)
    application = release.plan.application
    title = f"{application.called(Version.OLD)} stays stable, and no release is under way"
    subject = commits.subject_of_end(application, is_promoted=False)
    return Step(declaring.without_release(release.spec), title, subject, here)


def _refuse_new_manifests(files: Files) -> None:
    """Raises Refused where the manifests are still those of the release: without it they would be what runs."""
    adopt = files.source.value["spec"].get("adopt") or {}
    if "stable" not in adopt:
        return
    sets = inputs.sets(files.source)
    if [known.value for known in sets.stable] != [known.value for known in sets.new]:
        path = ("spec", "adopt", "stable")
        message = f"{adopt['from']} is what the release brought, and {adopt['stable']} is what runs"
        where = files.source.value_where(path)
        finding = Finding("adopt", "error", path, message, where, _as_it_was(adopt))
        raise Refused("the manifests are not as they were", [finding])


def _as_it_was(adopt: Mapping[str, str]) -> str:
    """How the manifests become what runs again."""
    kind, _, ref = adopt["stable"].partition(":")
    if kind != "git":
        return f"make {adopt['from']} what {adopt['stable']} is, and commit it"
    ref, _, path = ref.partition(":")
    words = ("git", "restore", f"--source={ref}", "--staged", "--worktree", "--", path or adopt["from"])
    return f"beside the canary file `{shlex.join(words)}`, commit it, and abort again"
