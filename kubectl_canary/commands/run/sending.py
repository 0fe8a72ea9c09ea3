"""Sends the requests of `kubectl canary verify`, and counts who answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from kubectl_canary.commands.verify import VerifyFlags
from kubectl_canary.driving import causes, expectations
from kubectl_canary.driving.causes import Cause
from kubectl_canary.driving.recognition import Mark, Reply, Unknown, version_of
from kubectl_canary.driving.splits import Connection, Count, Expected, Sample
from kubectl_canary.errors import UsageError, WorldError
from kubectl_canary.expressions import regex
from kubectl_canary.findings import visible
from kubectl_canary.outside import files, traffic
from kubectl_canary.outside.output import say
from kubectl_canary.outside.terminal import live_line
from kubectl_canary.outside.traffic import Answer, Place, Question, Questions, Socket
from kubectl_canary.records import dataclass
from kubectl_canary.release.application import HTTPS, Version
from kubectl_canary.routing.requests import Request, authority_of

MOST_IN_VAIN = 20  # requests in a row without an answer, after which nobody is asked any more
WITH_BODY = ("POST", "PUT", "PATCH")
EMPTY_MESSAGE = b"\0\0\0\0\0"  # of gRPC: not compressed, no bytes
RESOLVED = regex(r"(?P<host>\[[^]]+\]|[^:\[\]]+):(?P<port>\d+):(?P<where>.+)")


def place(asked: Request, flags: VerifyFlags) -> Place:
    """Where a request is sent. Raises UsageError, WorldError for flags that cannot be."""
    if asked.scheme != HTTPS and (flags.ca_file is not None or flags.insecure):
        raise UsageError("--ca-file and --insecure go with https", f"name the URL as https://{asked.host}/")
    if flags.ca_file is not None and not files.is_there(flags.ca_file):
        raise WorldError(f"there is no {flags.ca_file}, the certificates to trust")
    if flags.grpc and flags.http == "1.1":
        raise UsageError("gRPC comes by HTTP/2", "leave --http out")
    addresses = _addresses(asked, flags.resolve)
    http2 = flags.grpc or flags.http == "2"
    return Place(asked.scheme, asked.host, asked.port, addresses, http2, flags.ca_file, flags.insecure)


def _addresses(asked: Request, resolve: tuple[str, ...]) -> list[Socket]:
    """Where the host of a request is, by what is resolved; nothing where nothing is."""
    found: list[Socket] = []
    for text in resolve:
        host, port, where = _resolved(text)
        if (host, port) == (asked.host, asked.port):
            found += [_socket(item, text, port) for item in where.split(",")]
    if resolve and not found:
        own = authority_of("", asked.host, asked.port)
        raise UsageError(f"no --resolve is of {own}", f"say --resolve {own}:{_resolved(resolve[0])[2]}")
    return found


def _resolved(text: str) -> tuple[str, int, str]:
    """A host, its port, and where it is instead."""
    found = RESOLVED.fullmatch(text)
    if found is None:
        raise _unresolved(text)
    return found["host"].strip("[]").lower(), int(found["port"]), found["where"]


def _socket(where: str, text: str, usual: int) -> Socket:
    """An address, with brackets or without, and a port."""
    is_plain_ipv6 = where.count(":") > 1 and not where.startswith("[")
    try:
        parts = urlsplit(f"//[{where}]" if is_plain_ipv6 else f"//{where}")
        address, port = parts.hostname, parts.port
    except ValueError:
        raise _unresolved(text) from None
    if not address:
        raise _unresolved(text)
    return address, port or usual


def _unresolved(text: str) -> UsageError:
    return UsageError(
        f"--resolve {text}: not HOST:PORT:ADDRESS", "say --resolve app.example.com:80:203.0.113.7"
    )


@dataclass(frozen=True)
class Sender:
    """Sends requests to a place, and counts who answers."""

    place: Place
    flags: VerifyFlags
    mark: Mark
    versions: Mapping[str, Version]

    def sample(self, asked: Request, number: int) -> Sample:
        """That many, half over new connections. Raises WorldError where nobody answers."""
        sample = Sample()
        for answer in self._answers(asked, number, keeps=True):
            if not sample.all.total and answer.status is None:
                first = answer
            found = self._version(answer)
            if answer.connection is None:
                _add(sample.fresh, found)
                _add(sample.addresses.setdefault(answer.address, Count()), found)
            else:
                _add(sample.kept.setdefault(answer.connection, Connection()), found)
            if isinstance(found, Version) and (cookie := _cookie(answer)):
                sample.cookies.setdefault(found, cookie)
            sample.answers += answer.status is not None
        if not sample.answers:
            raise _unanswered(self.place, first)
        return sample

    def counted(self, asked: Request, number: int) -> Count:
        """Some over new connections."""
        count = Count()
        for answer in self._answers(asked, number):
            _add(count, self._version(answer))
        return count

    def stickiness(self, asked: Request, sample: Sample, expected: Expected) -> Iterator[Cause]:
        """Whether a cookie that was set holds clients at a version, by asking with it."""
        probe = causes.probe(sample, expected)
        if probe is not None:
            version, cookie, number = probe
            count = self.counted(expectations.with_cookie(asked, cookie), number)
            if (cause := causes.sticky(version, cookie, count)) is not None:
                yield cause

    def _answers(self, asked: Request, number: int, keeps: bool = False) -> Iterator[Answer]:
        """The answers, up to where nobody gives any more."""
        line, question, in_vain = live_line(), self._question(asked), 0
        questions = Questions(number, lambda _: question)
        try:
            for done, answer in enumerate(
                traffic.send(self.place, questions, self.flags.rate, keeps=keeps), 1
            ):
                if line is not None:
                    line.show(f"{done} of {number} requests are answered")
                yield answer
                in_vain = in_vain + 1 if answer.status is None else 0
                if in_vain == MOST_IN_VAIN < number:
                    if line is not None:
                        line.clear()
                    say(f"{done} of {number} requests were sent: the last {in_vain} had no answer")
                    return
        finally:
            if line is not None:
                line.clear()

    def _question(self, asked: Request) -> Question:
        body = EMPTY_MESSAGE if self.flags.grpc else b"" if asked.method in WITH_BODY else None
        host = ("host", authority_of(asked.scheme, asked.host, asked.port))
        return Question(
            asked.method,
            f"{asked.path}{'?' if asked.query else ''}{asked.query}",
            (host, *asked.headers),
            body,
        )

    def _version(self, answer: Answer) -> Version | Unknown:
        if answer.status is None:
            return Unknown(f"no answer from {answer.address}: {answer.why}")
        return version_of(Reply(answer.status, answer.headers, answer.text), self.mark, self.versions)


def _cookie(answer: Answer) -> str:
    """The cookies that an answer sets, as they are sent back."""
    values = (value for name, value in answer.headers if name == "set-cookie")
    return "; ".join(value.partition(";")[0] for value in values)


def _unanswered(place: Place, answer: Answer) -> WorldError:
    """Nobody answers, and what to do."""
    hint = ""
    if "certificate" in answer.why.lower():
        hint = "say --ca-file FILE with the certificate's authority, or --insecure"
    elif not answer.is_reached:
        hint = traffic.HOW.format(place)
    elif place.http2:
        hint = "say --http 1.1 where the gateway speaks no HTTP/2 at this port"
    return WorldError(f"no answer from {place.host}:{place.port}: {answer.why}", hint)


def _add(count: Count, found: Version | Unknown) -> None:
    if isinstance(found, Unknown):
        count.add(None, visible(found.why))
    else:
        count.add(found)
