"""Many HTTP requests to one place, over new connections and over connections that are kept.

No redirect is followed, no cookie kept, no proxy used: each answer is what the gateway says to one request.
"""

from __future__ import annotations

import queue
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import h2.exceptions
import httpcore

from kubectl_canary.errors import WorldError
from kubectl_canary.records import dataclass

WORKERS, KEPT = 8, 8  # requests at a time, and connections that are kept
HALF = 0.5
PATIENCE = 10.0  # seconds for a connection, and for an answer
LONGEST = 1_000_000  # bytes of an answer that are read
Socket = tuple[str, int]  # an address and a port
HOW = "say --resolve {0.host}:{0.port}:ADDRESS with the Gateway's address: kubectl get gateways -A"
TOO_LONG = "the answer is longer than 1,000,000 bytes"
LATE = f"no answer within {PATIENCE:g} s"
FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, h2.exceptions.H2Error)


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

    @property
    def is_safe(self) -> bool:
        """Whether it may be asked twice."""
        return self.method in ("GET", "HEAD", "OPTIONS", "TRACE")


@dataclass(frozen=True)
class Questions:
    """So many questions; `at` answers with each by its number from 0."""

    number: int
    at: Callable[[int], Question]


@dataclass(frozen=True)
class Answer:
    """An answer, or why there is none.

    `connection` names the one that was kept, None for a new one. `is_reached` says that there was one.
    """

    question: Question
    address: str
    connection: tuple[int, int] | None
    is_reached: bool
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


def send(place: Place, questions: Questions, rate: int, *, keeps: bool = False) -> Iterator[Answer]:
    """The answers as they come to questions, so many a second at most; as many as can be where the rate is 0.

    Each comes over a new connection, or half of them over some that are kept. Those that nobody waits for any more are
    not asked. Raises WorldError where certificates cannot be read.
    """
    sending = Sending(place, addresses(place), questions, rate, keeps)
    try:
        yield from sending.answers()
    finally:
        sending.end()


class Sending:
    """Questions that are being asked by several threads.

    Chance says which connection asks: a gateway may take turns as well, and would give each its own version.
    """

    def __init__(
        self, place: Place, where: Sequence[Socket], questions: Questions, rate: int, keeps: bool
    ) -> None:
        self.questions, self.rate = questions, rate
        context = _context(place) if place.scheme == "https" else None
        self.fresh = [Client(place, context, address) for address in where]
        self.kept = [Client(place, context, where[n % len(where)], n) for n in range(KEPT if keeps else 0)]
        self.over, self.lock = threading.Event(), threading.Lock()
        self.next, self.turn = 0, time.monotonic()
        self.chance = random.Random(0)  # noqa: S311  nobody gains by guessing which connection asks
        self.answered: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()

    def answers(self) -> Iterator[Answer]:
        """Begin to ask, and answer with what comes."""
        for _ in range(min(WORKERS, self.questions.number)):
            threading.Thread(target=self._work, daemon=True).start()
        for _ in range(self.questions.number):
            answer = self.answered.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer

    def end(self) -> None:
        """Ask no more."""
        self.over.set()
        for client in self.kept:
            client.pool.close()

    def _work(self) -> None:
        """Ask whatever is next, until nothing is."""
        try:
            while (taken := self._taken()) is not None:
                question, client, turn = taken
                if self.over.wait(max(0.0, turn - time.monotonic())):
                    return
                self.answered.put(client.asked(question))
        except BaseException as error:  # whoever waits for answers is told
            self.answered.put(error)

    def _taken(self) -> tuple[Question, Client, float] | None:
        """The next question, who asks it, and when; None where there is none."""
        with self.lock:
            number, self.next = self.next, self.next + 1
            if number >= self.questions.number:
                return None
            turn = max(self.turn, time.monotonic())
            self.turn = turn + (1 / self.rate if self.rate else 0)
            is_kept = self.kept and self.chance.random() < HALF
            clients = self.kept if is_kept else [self.fresh[number % len(self.fresh)]]
            return self.questions.at(number), self.chance.choice(clients), turn


class Client:
    """Asks at one address: over one connection, opened again where it was closed, or over a new one each time."""

    def __init__(
        self, place: Place, context: ssl.SSLContext | None, where: Socket, number: int | None = None
    ) -> None:
        self.place, self.context, self.where, self.number = place, context, where, number
        self.address = where[0] if where[1] == place.port else f"{where[0]}:{where[1]}"
        self.backend, self.lock = Backend(where), threading.Lock()
        self.pool = self._pool(self.backend)

    def asked(self, question: Question) -> Answer:
        """The answer to a question, or why there is none."""
        if self.number is None:
            backend = Backend(self.where)
            with self._pool(backend) as pool:
                return self._answer(question, pool, backend)
        with self.lock:
            opened = self.backend.opened
            answer = self._answer(question, self.pool, self.backend)
            is_closed = answer.status is None and opened == self.backend.opened > 0 and answer.why != LATE
            # a server may close a connection between two requests (RFC 9112, 9.3.1)
            return (
                self._answer(question, self.pool, self.backend) if is_closed and question.is_safe else answer
            )

    def _pool(self, backend: Backend) -> httpcore.ConnectionPool:
        http2 = self.place.http2
        return httpcore.ConnectionPool(
            ssl_context=self.context,
            max_connections=1,
            http1=not http2,
            http2=http2,
            network_backend=backend,
        )

    def _answer(self, question: Question, pool: httpcore.ConnectionPool, backend: Backend) -> Answer:
        found: tuple[int | None, list[tuple[str, str]], str] = (None, [], "")
        why = ""
        try:
            found = self._exchanged(question, pool)
        except (*FAILURES, OSError) as error:
            why = _reason(error)
        connection = None if self.number is None else (self.number, backend.opened)
        return Answer(question, self.address, connection, backend.is_open, *found, why)

    def _exchanged(
        self, question: Question, pool: httpcore.ConnectionPool
    ) -> tuple[int, list[tuple[str, str]], str]:
        place = self.place
        url = httpcore.URL(
            scheme=place.scheme.encode(),
            host=place.host.encode(),
            port=place.port,
            target=question.target.encode(),
        )
        headers = [(name.encode(), value.encode()) for name, value in question.headers]
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE)
        until = time.monotonic() + PATIENCE
        with pool.stream(
            question.method, url, headers=headers, content=question.body, extensions={"timeout": timeouts}
        ) as response:
            text = b"".join(_parts(response.iter_stream(), until)).decode("utf-8", "replace")
            known = [
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers
            ]
            return response.status, known, text


class Backend(httpcore.SyncBackend):
    """Connections to one address, whatever the name; counted."""

    def __init__(self, where: Socket) -> None:
        self.where, self.opened, self.is_open = where, 0, False

    def connect_tcp(self, host: str, port: int, *rest: Any, **more: Any) -> httpcore.NetworkStream:
        """Connect. The name stays the one that certificates are for."""
        self.opened += 1
        self.is_open = False
        address, own_port = self.where
        stream = super().connect_tcp(address, own_port, *rest, **more)
        self.is_open = True
        return stream


class Context(ssl.SSLContext):
    """What the connections of all threads share: the protocols that it is told first stay.

    httpcore names them before each connection, and OpenSSL frees what another thread copies into its handshake:
    the hello was broken then.
    """

    has_protocols = False

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Offer these, in this order, unless others are offered already."""
        if not self.has_protocols:
            super().set_alpn_protocols(alpn_protocols)
            self.has_protocols = True


def _context(place: Place) -> Context:
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whoever names a certificate trusts it
    context.set_alpn_protocols(["h2" if place.http2 else "http/1.1"])
    try:
        if place.ca_file:
            context.load_verify_locations(place.ca_file)
        else:
            context.load_default_certs()
    except (OSError, ValueError) as error:
        raise WorldError(f"{place.ca_file} has no certificates: {error}") from None
    if place.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _parts(body: Iterable[bytes], until: float) -> Iterator[bytes]:
    """The body in pieces. Raises OSError for one that is too long, or takes too long."""
    length = 0
    for part in body:
        length += len(part)
        if length > LONGEST:
            raise OSError(TOO_LONG)
        if time.monotonic() > until:
            raise OSError(LATE)
        yield part


def _reason(error: Exception) -> str:
    """Why there is no answer; what timed out has no words of its own."""
    if isinstance(error, httpcore.TimeoutException):
        return LATE
    return str(error) or type(error).__name__
