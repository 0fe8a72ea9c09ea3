"""What `kubectl canary verify` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run import requests
from kubectl_canary.commands.run.driving import Call, call_of, cluster_of
from kubectl_canary.commands.run.releases import generator_of
from kubectl_canary.commands.run.sending import Sender, place
from kubectl_canary.commands.verify import VerifyFlags
from kubectl_canary.driving import expectations, splits, verdicts
from kubectl_canary.driving.position import position
from kubectl_canary.driving.recognition import Mark, mark_of
from kubectl_canary.driving.splits import Expected
from kubectl_canary.driving.verdicts import EXITS, Verdict
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say, write
from kubectl_canary.release.application import Version
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.reports.splits import Verified, as_data, as_text
from kubectl_canary.routing.requests import Request
from kubectl_canary.routing.simulation import simulate

OF_TESTERS, MOST = 50, 20_000  # requests


def run(release_flags: ReleaseFlags, flags: VerifyFlags, cluster_flags: ClusterFlags) -> int:
    """Send requests and say how they were split; the exit code is the verdict.

    Raises UsageError for what cannot be asked, WorldError where nothing answers.
    """
    call = call_of("verify", release_flags, DriveFlags(), cluster_flags)
    flags = _said(call, flags)
    mark, versions = _mark(flags), _versions(call, flags)
    phase = _phase(call, flags.phase)
    asked = _request(call, flags)
    planned = Planned(call, generator_of(call.release, release_flags))
    expected = planned.expected(phase, asked)
    tested = planned.tested(phase, asked, expected)
    sender = Sender(place(asked, flags), flags, mark, versions)
    number = flags.requests or min(splits.sufficient(expected.share), MOST)
    sample = sender.sample(asked, number)
    testers = sender.counted(tested, min(OF_TESTERS, number)) if tested is not None else None
    judgement = splits.judged(sample, expected)
    every = [
        judgement.verdict,
        *([splits.judge(testers, Fraction(1)).verdict] if testers is not None else []),
    ]
    application = call.release.plan.application
    names = {version: application.called(version) for version in Version}
    verified = Verified(
        phase.name,
        f"{asked.method} {asked.url}",
        names,
        expected,
        judgement,
        verdicts.together(every) or Verdict.INCONCLUSIVE,
        (_title(call), testers) if testers is not None else None,
        [*splits.causes(sample, expected, names), *sender.stickiness(asked, sample, expected)],
    )
    write(as_data(verified) if flags.output == "json" else as_text(verified))
    return EXITS[verified.verdict]


def _title(call: Call) -> str:
    testers = call.release.plan.application.testers
    return testers.title if testers is not None else ""


def _said(call: Call, flags: VerifyFlags) -> VerifyFlags:
    """The flags, with what the canary file says where they say nothing."""
    file = call.release.spec.get("verify") or {}
    return replace(
        flags,
        url=flags.url or file.get("url"),
        mark=flags.mark or file.get("by"),
        stable=flags.stable or file.get("stable"),
        canary=flags.canary or file.get("canary"),
    )


def _mark(flags: VerifyFlags) -> Mark:
    if flags.mark is None:
        hint = "say --by header:x-version, or write `verify: {by: header:x-version}` below `spec`"
        raise UsageError("nothing says how an answer tells its version", hint)
    try:
        return mark_of(flags.mark)
    except ValueError as error:
        raise UsageError(f"--by: {error}") from None


def _versions(call: Call, flags: VerifyFlags) -> dict[str, Version]:
    """What stands at the mark for each version."""
    application = call.release.plan.application
    old = flags.stable or application.called(Version.OLD)
    new = flags.canary or application.called(Version.NEW)
    if old == new:
        raise UsageError(f"`{old}` stands for both versions", "say --stable VALUE and --canary VALUE")
    return {old: Version.OLD, new: Version.NEW}


def _phase(call: Call, name: str | None) -> Phase:
    """The phase that --phase names, else the one that the cluster is in."""
    plan, current = call.release.plan, call.release.current
    if name is not None:
        return plan.find(name, current.name if current else None)
    cluster = cluster_of(call)
    cluster.has_leases = False
    there = position(plan, cluster.read()[0], {})
    if not there.is_named:
        raise UsageError(
            f"the cluster is in no phase, nearest is `{there.nearest}`",
            f"say --phase, or look: {call.command('status')}",
        )
    say(f"the cluster is in `{there.phase.name}`")
    return there.phase


def _request(call: Call, flags: VerifyFlags) -> Request:
    headers = [requests.header(text) for text in flags.headers]
    method = flags.method or ("POST" if flags.grpc else "GET")
    return requests.request(flags.url or "/", method, headers, call.release.plan.application)


@dataclass(frozen=True)
class Planned:
    """What phases say of requests, by their documents."""

    call: Call
    generator: Generator

    def expected(self, phase: Phase, asked: Request) -> Expected:
        """What a phase and the one before it say. Raises UsageError where not both versions, and only they, answer."""
        phases = self.call.release.plan.phases
        number = phases.index(phase) if phase in phases else 0
        try:
            share = self._share(phase, asked)
        except ValueError as error:
            raise UsageError(
                f"{asked.method} {asked.url} tells nothing of `{phase.name}`: {error}",
                f"name a URL that a rule of the release takes: {self._simulated(phase, asked)}",
            ) from None
        before = self._known(phases[number - 1], asked) if number else None
        return Expected(share, before, expectations.share_of_pods(phase))

    def tested(self, phase: Phase, asked: Request, expected: Expected) -> Request | None:
        """A tester's request, where the phase has testers and only they reach the canary for sure."""
        testers = self.call.release.plan.application.testers
        if testers is None or not phase.traffic.testers or expected.share == 1:
            return None
        request = expectations.of_tester(asked, testers)
        if request is None:
            say(
                f"testers are not tried: only a pattern is known ({testers.title}); say one of theirs with -H"
            )
            return None
        return request if self._known(phase, request) == 1 else None

    def _known(self, phase: Phase, asked: Request) -> Fraction | None:
        try:
            return self._share(phase, asked)
        except ValueError:
            return None

    def _share(self, phase: Phase, asked: Request) -> Fraction:
        release = self.call.release
        outcome = simulate(requests.documents(release, self.generator, phase), asked)
        return expectations.share_of_new(release.plan.application, phase, outcome)

    def _simulated(self, phase: Phase, asked: Request) -> str:
        return self.call.command("simulate", asked.url, "--phase", phase.name)
