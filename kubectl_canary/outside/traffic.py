"""Many HTTP requests to one place, over new connections and over connections that are kept.

No redirect is followed, no cookie kept, no proxy used: each answer is what the gateway says to one request.
"""

from __future__ import annotations

import itertools
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpcore

from kubectl_canary.errors import WorldError

WORKERS = 8  # connections at a time
PATIENCE = 10.0  # seconds for a connection, and for each part of an answer
LONGEST = 1_000_000  # bytes of an answer that are read
Socket = tuple[str, int]  # an address and a port
HOW = "say --resolve {0.host}:{0.port}:ADDRESS with the Gateway's address: kubectl get gateways -A"
TOO_LONG = "the answer is longer than 1,000,000 bytes"


@dataclass(frozen=True)
class Place:
    """Where requests are sent: addresses in the place of what the host's name says, if there are any."""

    scheme: str
    host: str
    port: int
    addresses: Sequence[Socket] = ()
    http2: bool = False
    ca_file: str | None = None
    insecure: bool = False


@dataclass(frozen=True)
class Question:
    """A request; the target is its path and query."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes | None = None
    keeps: bool = False


@dataclass(frozen=True)
class Answer:
    """An answer, or why there is none; `connection` names the one that was kept, None for a new one."""

    question: Question
    address: str
    connection: tuple[int, int] | None
    status: int | None
    headers: Sequence[tuple[str, str]] = ()
    text: str = ""
    why: str = ""


def addresses(place: Place) -> list[Socket]:
    """The addresses of a place, of the first kind that takes a connection.

    Raises WorldError where the name has none.
    """
    if place.addresses:
        return list(place.addresses)
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise WorldError(f"the name {place.host} has no address: {reason}", HOW.format(place)) from None
    known = [(family, (str(where[0]), place.port)) for family, _, _, _, where in found]
    kind = next((family for family, where in known if _is_open(where)), None)
    return list(dict.fromkeys(where for family, where in known if kind in (None, family)))


def _is_open(where: Socket) -> bool:
    try:
        socket.create_connection(where, PATIENCE).close()
    except OSError:
        return False
    return True


def send(place: Place, questions: Sequence[Question], rate: float) -> Iterator[Answer]:
    """The answers as they come, to that many questions a second at most; as many as can be where the rate is 0.

    Those that nobody waits for any more are not asked. Raises WorldError where certificates cannot be read.
    """
    sending = Sending(place, addresses(place), questions, rate)
    try:
        yield from sending.answers()
    finally:
        sending.over.set()


class Sending:
    """Questions that are being asked by several threads."""

    def __init__(
        self, place: Place, where: Sequence[Socket], questions: Sequence[Question], rate: float
    ) -> None:
        self.place, self.where, self.questions, self.rate = place, where, questions, rate
        self.context = _context(place) if place.scheme == "https" else None
        self.over = threading.Event()
        self.next = itertools.count()
        self.turns = itertools.count()
        self.answered: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()

    def answers(self) -> Iterator[Answer]:
        """Begin to ask, and answer with what comes."""
        self.started = time.monotonic()
        for worker in range(min(WORKERS, len(self.questions))):
            threading.Thread(target=self._work, args=(worker,), daemon=True).start()
        for _ in self.questions:
            answer = self.answered.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer

    def _work(self, worker: int) -> None:
        """Ask whatever is next, until nothing is."""
        try:
            with self._client(worker) as kept:
                while (number := next(self.next)) < len(self.questions) and not self._is_over_before(number):
                    self.answered.put(self._asked(self.questions[number], kept, worker))
        except BaseException as error:  # whoever waits for answers is told
            self.answered.put(error)

    def _is_over_before(self, number: int) -> bool:
        """Wait until it is a question's turn; whether nobody waits for its answer any more."""
        turn = self.started + number / self.rate if self.rate else 0.0
        return self.over.wait(max(0.0, turn - time.monotonic()))

    def _asked(self, question: Question, kept: Client, worker: int) -> Answer:
        if question.keeps:
            return kept.asked(question, worker)
        with self._client(next(self.turns)) as fresh:
            return fresh.asked(question, None)

    def _client(self, turn: int) -> Client:
        return Client(self.place, self.context, self.where[turn % len(self.where)])


class Client:
    """One connection at a time, to one address; opened again where it was closed."""

    def __init__(self, place: Place, context: ssl.SSLContext | None, where: Socket) -> None:
        self.place, self.address = place, where[0] if where[1] == place.port else f"{where[0]}:{where[1]}"
        self.backend = Backend(where)
        self.pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=1,
            http1=not place.http2,
            http2=place.http2,
            network_backend=self.backend,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.close()

    def asked(self, question: Question, worker: int | None) -> Answer:
        """The answer to a question, or why there is none."""
        url = httpcore.URL(
            scheme=self.place.scheme.encode(),
            host=self.place.host.encode(),
            port=self.place.port,
            target=question.target.encode(),
        )
        headers = [(name.encode(), value.encode("utf-8")) for name, value in question.headers]
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE)
        try:
            with self.pool.stream(
                question.method, url, headers=headers, content=question.body, extensions={"timeout": timeouts}
            ) as response:
                text = b"".join(_parts(response.iter_stream())).decode("utf-8", "replace")
                known = [
                    (name.decode("latin-1").lower(), value.decode("latin-1"))
                    for name, value in response.headers
                ]
                return Answer(question, self.address, self._connection(worker), response.status, known, text)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            return Answer(question, self.address, self._connection(worker), None, why=_reason(error))

    def _connection(self, worker: int | None) -> tuple[int, int] | None:
        return None if worker is None else (worker, self.backend.opened)


class Backend(httpcore.SyncBackend):
    """Connections to one address, whatever the name; counted."""

    def __init__(self, where: Socket) -> None:
        self.where, self.opened = where, 0

    def connect_tcp(self, host: str, port: int, *rest: Any, **more: Any) -> httpcore.NetworkStream:
        """Connect. The name stays the one that certificates are for."""
        self.opened += 1
        address, own_port = self.where
        return super().connect_tcp(address, own_port, *rest, **more)


def _context(place: Place) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=place.ca_file)
    except (OSError, ValueError) as error:
        raise WorldError(f"{place.ca_file} has no certificates: {error}") from None
    if place.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _parts(body: Iterable[bytes]) -> Iterator[bytes]:
    length = 0
    for part in body:
        length += len(part)
        if length > LONGEST:
            raise OSError(TOO_LONG)
        yield part


def _reason(error: Exception) -> str:
    """Why there is no answer; what timed out has no words of its own."""
    if isinstance(error, httpcore.TimeoutException):
        return f"no answer within {PATIENCE:.0f} s"
    return str(error) or type(error).__name__
