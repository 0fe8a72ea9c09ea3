"""What `kubectl canary verify` does."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import DriveFlags, ReleaseFlags
from kubectl_canary.commands.run import requests
from kubectl_canary.commands.run.calls import Call, call_of
from kubectl_canary.commands.run.releases import generator_of
from kubectl_canary.commands.run.sending import Sender, place
from kubectl_canary.commands.verify import VerifyFlags
from kubectl_canary.driving import causes, expectations, splits, verdicts
from kubectl_canary.driving.causes import Cause
from kubectl_canary.driving.position import position
from kubectl_canary.driving.recognition import STATUS, Mark, mark_of
from kubectl_canary.driving.splits import Count, Expected, Sample
from kubectl_canary.driving.verdicts import EXITS, Verdict
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say, write
from kubectl_canary.records import dataclass, replace
from kubectl_canary.release.application import Version
from kubectl_canary.release.plan import Phase
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.reports.splits import Verified, as_data, as_text
from kubectl_canary.routing.requests import Request
from kubectl_canary.routing.simulation import simulate

AGENT = ("user-agent", "kubectl-canary")
GRPC = (("content-type", "application/grpc"), ("te", "trailers"))
LONG = 5  # seconds, after which somebody who waits wants to know for how long
OF_TESTERS, MOST = 150, 20_000  # requests; fewer of testers would not tell 95 % from all of them


def run(release_flags: ReleaseFlags, flags: VerifyFlags, cluster_flags: ClusterFlags) -> int:
    """Send requests and say how they were split; the exit code is the verdict.

    Raises UsageError for what cannot be asked, WorldError where nothing answers.
    """
    call = call_of("verify", release_flags, DriveFlags(), cluster_flags)
    flags = _said(call, flags)
    mark = _mark(flags)
    versions = _versions(call, flags, mark)
    phase = _phase(call, flags.phase)
    asked = _request(call, flags)
    planned = Planned(call, generator_of(call.release, release_flags))
    expected = planned.expected(phase, asked)
    tested = planned.tested(phase, asked, expected)
    sender = Sender(place(asked, flags), flags, mark, versions)
    sample = sender.sample(asked, _number(flags, expected))
    testers = None if tested is None else sender.counted(tested, OF_TESTERS)
    held = [*sender.stickiness(asked, sample, expected)]
    verified = _verified(
        call, f"{asked.method} {asked.url} in `{phase.name}`", expected, sample, testers, held
    )
    write(as_data(verified) if flags.output == "json" else as_text(verified))
    return EXITS[verified.verdict]


def _verified(
    call: Call, asked: str, expected: Expected, sample: Sample, testers: Count | None, held: list[Cause]
) -> Verified:
    """What was counted, with its verdict and what is known to be why."""
    application = call.release.plan.application
    names = {version: application.called(version) for version in Version}
    judgement, by_testers = splits.judged(sample, expected), []
    known = [*causes.causes(sample, expected, names), *held]
    if testers is not None:
        by_testers = [splits.judge(testers, Fraction(1)).verdict]
        known += causes.of_testers(testers, names)
    commands = {verb: call.command(verb) for verb in ("status", "doctor")}
    return Verified(
        asked,
        names,
        expected,
        judgement,
        verdicts.together([judgement.verdict, *by_testers]) or Verdict.INCONCLUSIVE,
        None if testers is None else (application.testers.title if application.testers else "", testers),
        [replace(cause, cure=cause.cure.format(**commands)) for cause in known],
    )


def _number(flags: VerifyFlags, expected: Expected) -> int:
    """How many requests are sent."""
    wanted = splits.sufficient(expected.share)
    if flags.requests is None and wanted > MOST:
        say(f"{MOST} requests can tell that the split is wrong, not that it is right: --requests {wanted}")
    number = flags.requests or min(wanted, MOST)
    if flags.rate and number > LONG * flags.rate:
        say(f"{number} requests are sent, in about {number / flags.rate:.0f} s")
    return number


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


def _versions(call: Call, flags: VerifyFlags, mark: Mark) -> dict[str, Version]:
    """What stands at the mark for each version; a tag that both sides have somewhere tells nothing."""
    workloads = call.release.plan.application.workloads
    old = {flags.stable} if flags.stable else {workload.runs(Version.OLD).called for workload in workloads}
    new = {flags.canary} if flags.canary else {workload.runs(Version.NEW).called for workload in workloads}
    told = {**dict.fromkeys(old - new, Version.OLD), **dict.fromkeys(new - old, Version.NEW)}
    if {*told.values()} != {Version.OLD, Version.NEW}:
        raise UsageError(
            f"`{', '.join(sorted(old & new))}` stands for both versions",
            "say --stable VALUE and --canary VALUE",
        )
    if mark.kind == STATUS and not all(value.isdecimal() for value in told):
        raise UsageError("a status is a number", "say --stable 200 and --canary 201, or another --by")
    return told


def _phase(call: Call, name: str | None) -> Phase:
    """The phase that --phase names, else the one that the cluster is in."""
    plan, current = call.release.plan, call.release.current
    if name is not None:
        return plan.find(name, current.name if current else None)
    cluster = call.cluster
    there = position(plan, cluster.read()[0], {})
    if not there.is_named:
        raise UsageError(
            f"the cluster is in no phase, nearest is `{there.nearest}`",
            f"say --phase, or look: {call.command('status')}",
        )
    say(f"the cluster is in `{there.phase.name}`")
    return there.phase


def _request(call: Call, flags: VerifyFlags) -> Request:
    """The request with all headers that are sent, since a rule may look at each."""
    said = [requests.header(text) for text in flags.headers]
    names = {name.lower() for name, _ in said}
    if "host" in names:
        raise UsageError(
            "the header Host is the URL's", "name the host in the URL, and its address by --resolve"
        )
    if names & {"connection", "content-length", "transfer-encoding"}:
        raise UsageError("-H says nothing of how a request is sent", "leave that header out")
    url, method = flags.url or "/", flags.method or ("POST" if flags.grpc else "GET")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise UsageError("the URL has a user", "say -H 'Authorization: …'")
    own = [header for header in (AGENT, *(GRPC if flags.grpc else ())) if header[0] not in names]
    return requests.request(url, method, [*own, *said], call.release.plan.application)


@dataclass(frozen=True)
class Planned:
    """What phases say of requests, by their documents."""

    call: Call
    generator: Generator

    def expected(self, phase: Phase, asked: Request) -> Expected:
        """What phases say. Raises UsageError where not both versions, and only they, answer."""
        try:
            share = self._share(phase, asked)
        except ValueError as error:
            raise UsageError(
                f"{asked.method} {asked.url} tells nothing of `{phase.name}`: {error}",
                f"name a URL that a rule of the release takes{self._example(phase)}; {self._simulated(phase, asked)}",
            ) from None
        return Expected(share, *self._around(phase, asked), expectations.share_of_pods(phase))

    def _around(self, phase: Phase, asked: Request) -> tuple[dict[str, Fraction], dict[str, Fraction]]:
        """What the phases before and after one say, the nearest first."""
        phases = self.call.release.plan.phases
        number = phases.index(phase) if phase in phases else 0
        return self._shares(phases[:number][::-1], asked), self._shares(phases[number + 1 :], asked)

    def _shares(self, phases: Sequence[Phase], asked: Request) -> dict[str, Fraction]:
        found = {phase.name: self._known(phase, asked) for phase in phases}
        return {name: share for name, share in found.items() if share is not None}

    def _example(self, phase: Phase) -> str:
        routes = requests.documents(self.call.release, self.generator, phase)
        known = expectations.example(self.call.release.plan.application, routes)
        return f", such as {known}" if known else ""

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
        if self._known(phase, request) != 1:
            say(
                f"testers are not tried: of this URL, requests with {testers.title} do not all reach the canary"
            )
            return None
        return request

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
        headers = [word for name, value in asked.headers for word in ("-H", f"{name}: {value}")]
        method = [] if asked.method == "GET" else ["-X", asked.method]
        return self.call.command("simulate", asked.url, *method, *headers, "--phase", phase.name)
