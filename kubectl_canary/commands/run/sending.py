"""Sends the requests of `kubectl canary verify`, and counts who answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from kubectl_canary.commands.verify import VerifyFlags
from kubectl_canary.driving import splits
from kubectl_canary.driving.recognition import Mark, Reply, Unknown, version_of
from kubectl_canary.driving.splits import Cause, Count, Expected, Sample
from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.findings import visible
from kubectl_canary.outside import files, traffic
from kubectl_canary.outside.terminal import live_line
from kubectl_canary.outside.traffic import Answer, Place, Question, Socket
from kubectl_canary.release.application import Version
from kubectl_canary.routing.requests import PORTS, Request

FIRST = 20  # answers of which one has to be there, or nobody is asked on
WITH_BODY = ("POST", "PUT", "PATCH")
GRPC = (("content-type", "application/grpc"), ("te", "trailers"))
EMPTY_MESSAGE = b"\0\0\0\0\0"  # not compressed, no bytes
AGENT = ("user-agent", "kubectl-canary")


def place(asked: Request, flags: VerifyFlags) -> Place:
    """Where a request is sent. Raises UsageError, WorldError for flags that cannot be."""
    if flags.ca_file is not None and not files.is_there(flags.ca_file):
        raise WorldError(f"there is no {flags.ca_file}, the certificates to trust")
    resolved = [_resolved(text) for text in flags.resolve]
    addresses = next(
        (known for host, port, known in resolved if (host, port) == (asked.host, asked.port)), ()
    )
    if resolved and not addresses:
        raise UsageError(
            f"no --resolve is of {asked.host}:{asked.port}",
            f"say --resolve {asked.host}:{asked.port}:{resolved[0][2][0][0]}",
        )
    http2 = flags.grpc or flags.http == "2"
    return Place(asked.scheme, asked.host, asked.port, addresses, http2, flags.ca_file, flags.insecure)


def _resolved(text: str) -> tuple[str, int, tuple[Socket, ...]]:
    """A host, its port, and where it is instead."""
    host, _, rest = text.partition(":")
    port, _, where = rest.partition(":")
    try:
        number = int(port)
        known = tuple(_socket(item, number) for item in where.split(","))
    except ValueError:
        hint = "say --resolve app.example.com:80:203.0.113.7"
        raise UsageError(f"--resolve {text}: not HOST:PORT:ADDRESS", hint) from None
    return host.lower(), number, known


def _socket(text: str, usual: int) -> Socket:
    """An address, with brackets or without, and a port. Raises ValueError where it is none."""
    parts = urlsplit(f"//{text}") if text.count(":") < 2 or text.startswith("[") else urlsplit(f"//[{text}]")
    if not parts.hostname:
        raise ValueError("it has no address")
    return parts.hostname, parts.port or usual


@dataclass(frozen=True)
class Sender:
    """Sends requests to a place, and counts who answers."""

    place: Place
    flags: VerifyFlags
    mark: Mark
    versions: Mapping[str, Version]

    def sample(self, asked: Request, number: int) -> Sample:
        """That many, half over new connections."""
        sample, question = Sample(), self._question(asked)
        questions = [replace(question, keeps=bool(turn % 2)) for turn in range(number)]
        for answer in self._answers(questions):
            found = self._version(answer)
            group = (
                sample.fresh
                if answer.connection is None
                else sample.kept.setdefault(answer.connection, Count())
            )
            _add(group, found)
            _add(sample.addresses.setdefault(answer.address, Count()), found)
            cookie = next((value for name, value in answer.headers if name == "set-cookie"), None)
            if cookie and isinstance(found, Version):
                sample.cookies.setdefault(found, cookie.partition(";")[0])
        return sample

    def counted(self, asked: Request, number: int) -> Count:
        """Some over new connections."""
        count = Count()
        for answer in self._answers([self._question(asked)] * number):
            _add(count, self._version(answer))
        return count

    def stickiness(self, asked: Request, sample: Sample, expected: Expected) -> Iterator[Cause]:
        """Whether a cookie that was set holds clients at a version, by asking with it."""
        probe = splits.probe(sample, expected)
        if probe is None:
            return
        version, cookie, number = probe
        with_cookie = replace(asked, headers=(*asked.headers, ("cookie", cookie)))
        cause = splits.sticky(version, cookie, self.counted(with_cookie, number))
        if cause is not None:
            yield cause

    def _question(self, asked: Request) -> Question:
        body = EMPTY_MESSAGE if self.flags.grpc else b"" if asked.method in WITH_BODY else None
        authority = asked.host if asked.port == PORTS[asked.scheme] else f"{asked.host}:{asked.port}"
        own = [("host", authority), *(GRPC if self.flags.grpc else ())]
        said = {name.lower() for name, _ in asked.headers}
        agent = () if AGENT[0] in said else (AGENT,)
        target = f"{asked.path}{'?' if asked.query else ''}{asked.query}"
        return Question(asked.method, target, (*own, *agent, *asked.headers), body)

    def _answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """The answers. Raises WorldError where the first ones are none."""
        line, number, failed = live_line(), 0, 0
        try:
            for answer in traffic.send(self.place, questions, self.flags.rate):
                number += 1
                failed += answer.status is None
                if failed == number == min(FIRST, len(questions)):
                    raise _unanswered(self.place, answer.why)
                if line is not None:
                    line.show(f"{number} of {len(questions)} requests are answered")
                yield answer
        finally:
            if line is not None:
                line.clear()

    def _version(self, answer: Answer) -> Version | Unknown:
        if answer.status is None:
            return Unknown(f"no answer from {answer.address}: {answer.why}")
        return version_of(Reply(answer.status, answer.headers, answer.text), self.mark, self.versions)


def _unanswered(place: Place, why: str) -> WorldError:
    """Nothing answers, and what to do."""
    where = f"{place.host}:{place.port}"
    hint = traffic.HOW.format(place)
    if "certificate" in why.lower():
        hint = "say --ca-file FILE with the certificate's authority, or --insecure"
    return WorldError(f"no answer from {where}: {why}", hint)


def _add(count: Count, found: Version | Unknown) -> None:
    if isinstance(found, Unknown):
        count.add(None, visible(found.why))
    else:
        count.add(found)
