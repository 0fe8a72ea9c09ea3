"""Requests to a server that counts them: over new and over kept connections, by HTTP/1.1, HTTP/2 and TLS."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from answers import CANARY, STABLE, Reply, answering, certificate, said

from kubectl_canary.errors import WorldError
from kubectl_canary.outside import traffic
from kubectl_canary.outside.traffic import Answer, Place, Question, Questions, send
from kubectl_canary.records import replace

HOST = "app.example.com"
ASKED = Question("GET", "/version?x=1", [("host", HOST), ("x-canary", "true")])


def place(port: int, scheme: str = "http", **more: Any) -> Place:
    return Place(scheme, HOST, 80, [("127.0.0.1", port)], **more)


def asked(
    where: Place, number: int = 1, rate: int = 0, keeps: bool = False, question: Question = ASKED
) -> list[Answer]:
    return list(send(where, Questions(number, lambda _: question), rate, keeps=keeps))


def kept(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.connection is not None]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("http2", [False, True])
def test_a_request_is_sent_as_it_is_asked(http2: bool) -> None:
    with answering(lambda *_: said(CANARY)) as server:
        (answer,) = asked(place(server.port, http2=http2))
    assert (200, "ok", None, f"127.0.0.1:{server.port}") == (
        answer.status,
        answer.text,
        answer.connection,
        answer.address,
    )
    assert ("x-version", CANARY) in answer.headers
    ((method, target, headers, _),) = server.requests
    assert ("GET", "/version?x=1", "true") == (method, target, headers["x-canary"])
    assert (HOST, {"2" if http2 else "1.1"}) == (headers["host"], server.http)


@pytest.mark.parametrize("http2", [False, True])
def test_each_new_connection_has_one_request_and_kept_ones_have_many(http2: bool) -> None:
    with answering(lambda *_: said(CANARY)) as server:
        assert [] == kept(asked(place(server.port, http2=http2), 40))
        assert 40 == server.connections
        answers = asked(place(server.port, http2=http2), 400, keeps=True)
        assert 40 + 400 - len(kept(answers)) + traffic.KEPT == server.connections
    assert 150 < len(kept(answers)) < 250
    assert {(number, 1) for number in range(traffic.KEPT)} == {answer.connection for answer in kept(answers)}


def test_chance_says_which_connection_asks() -> None:
    """A gateway may take turns: no connection may get each its third, or only what the first gets."""
    turns, lock = itertools.count(), threading.Lock()

    def rule(*_: object) -> Reply:
        with lock:
            return said(CANARY if next(turns) % 10 == 0 else STABLE)

    with answering(rule) as server:
        answers = asked(place(server.port), 1000, rate=1000, keeps=True)
    new = [answer for answer in answers if ("x-version", CANARY) in answer.headers]
    assert 100 == len(new)
    assert 30 < len(kept(new)) < 70


def test_a_connection_that_the_server_closes_is_another_one_afterwards() -> None:
    with answering(lambda *_: said(CANARY, connection="close")) as server:
        answers = asked(place(server.port), 60, keeps=True)
    assert 60 == server.connections
    assert len(kept(answers)) == len({answer.connection for answer in kept(answers)})


def closing(listening: socket.socket, asks: list[bytes]) -> None:
    """Answer each connection once, without saying that it ends."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection:
                asks.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                time.sleep(0.01)


@pytest.mark.parametrize(("method", "lost"), [("GET", False), ("POST", True)])
def test_what_a_server_has_closed_meanwhile_is_asked_again_if_it_is_safe(method: str, lost: bool) -> None:
    asks: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=closing, args=(listening, asks), daemon=True).start()
        question = replace(ASKED, method=method, body=b"" if lost else None)
        answers = asked(place(listening.getsockname()[1]), 60, keeps=True, question=question)
        listening.shutdown(socket.SHUT_RDWR)
    assert lost == any(answer.status is None for answer in answers)


def test_a_body_is_sent() -> None:
    question = Question("POST", "/shop.Cart/Get", [("host", HOST)], b"\0" * 5)
    with answering(lambda *_: said(CANARY)) as server:
        asked(place(server.port, http2=True), question=question)
    assert "5" == server.requests[0][2]["content-length"]


@pytest.mark.parametrize("keeps", [False, True])
def test_addresses_take_turns(keeps: bool) -> None:
    with answering(lambda *_: said("one")) as one, answering(lambda *_: said("two")) as two:
        where = Place("http", HOST, 80, [("127.0.0.1", one.port), ("127.0.0.1", two.port)])
        answers = asked(where, 200, keeps=keeps)
        shares = [len(server.requests) for server in (one, two)]
    assert shares == [100, 100] or (keeps and min(shares) > 70)
    addresses = {answer.address for answer in kept(answers)}
    assert addresses == ({f"127.0.0.1:{server.port}" for server in (one, two)} if keeps else set())


def test_over_tls_the_name_of_the_url_is_asked_for(tmp_path: Path) -> None:
    file = certificate(tmp_path, HOST)
    with answering(lambda *_: said(CANARY), file) as server:
        for http2 in (False, True):
            known = asked(place(server.port, "https", http2=http2, ca_file=str(file)))
            assert [200] == [answer.status for answer in known]
        (strange,) = asked(place(server.port, "https"))
        assert strange.status is None
        assert "certificate verify failed" in strange.why
        assert [200] == [answer.status for answer in asked(place(server.port, "https", insecure=True))]


def offered(context: ssl.SSLContext) -> bytes:
    """What a handshake begins with."""
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(received, sent, server_hostname=HOST).do_handshake()
    return sent.read()


@pytest.mark.parametrize(("http2", "protocol"), [(False, b"http/1.1"), (True, b"h2")])
def test_protocols_are_named_before_the_threads_begin_and_not_again(http2: bool, protocol: bytes) -> None:
    context = traffic._context(place(1, "https", http2=http2))
    context.set_alpn_protocols(["another"])
    hello = offered(context)
    assert (True, False) == (bytes([len(protocol)]) + protocol in hello, b"another" in hello)


def test_whoever_names_a_certificate_trusts_it_without_its_issuer(tmp_path: Path) -> None:
    file = certificate(tmp_path, HOST, issuer="Somebody's CA")
    with answering(lambda *_: said(CANARY), file) as server:
        (known,) = asked(place(server.port, "https", ca_file=str(file)))
        assert (200, "") == (known.status, known.why)


def test_a_file_without_certificates_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing\n")
    with pytest.raises(WorldError, match=r"ca\.pem has no certificates"):
        asked(place(1, "https", ca_file=str(tmp_path / "ca.pem")))


def test_what_is_not_answered_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    (refused,) = asked(place(closed_port()))
    assert (None, "[Errno 111] Connection refused", False) == (
        refused.status,
        refused.why,
        refused.is_reached,
    )
    monkeypatch.setattr(traffic, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (late,) = asked(place(silent.getsockname()[1]))
    assert (None, traffic.LATE, True) == (late.status, late.why, late.is_reached)


def test_an_answer_that_drips_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=dripping, args=(listening,), daemon=True).start()
        (answer,) = asked(place(listening.getsockname()[1]))
    assert (None, traffic.LATE) == (answer.status, answer.why)


def dripping(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection, contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.1)


def test_a_frame_that_breaks_the_protocol_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=breaking, args=(listening,), daemon=True).start()
        (answer,) = asked(place(listening.getsockname()[1], http2=True))
    assert answer.status is None
    assert answer.why


def breaking(listening: socket.socket) -> None:
    """Good headers of HTTP/2, then data of the connection itself (RFC 9113, 6.1)."""
    connection, _ = listening.accept()
    with connection, contextlib.suppress(OSError):
        connection.recv(65536)
        settings, headers = b"\0\0\0\x04\0\0\0\0\0", b"\0\0\x01\x01\x04\0\0\0\x01\x88"
        connection.sendall(settings + headers + b"\0\0\x01\0\0\0\0\0\0x")
        connection.recv(65536)


def test_an_answer_without_end_is_none() -> None:
    with answering(lambda *_: Reply(body=b"x" * (traffic.LONGEST + 1))) as server:
        (answer,) = asked(place(server.port))
    assert (None, traffic.TOO_LONG) == (answer.status, answer.why)


def test_so_many_a_second_are_sent() -> None:
    with answering(lambda *_: said(CANARY)) as server:
        start = time.monotonic()
        asked(place(server.port), 21, rate=50)
        assert time.monotonic() - start >= 0.4


def test_what_was_late_is_not_made_up_for() -> None:
    """A gateway that stalls gets no burst when it is there again."""
    stalled, lock, times = threading.Event(), threading.Lock(), []

    def rule(*_: object) -> Reply:
        with lock:
            times.append(time.monotonic())
            is_first = len(times) <= traffic.WORKERS
        if is_first:
            stalled.wait(0.15)
        return said(CANARY)

    with answering(rule) as server:
        asked(place(server.port), 60, rate=50)
    after = times[traffic.WORKERS :]
    assert after[-1] - after[0] > 0.8 * len(after) / 50


def test_who_waits_no_more_asks_no_more() -> None:
    with answering(lambda *_: said(CANARY)) as server:
        answers = send(place(server.port), Questions(1000, lambda _: ASKED), 200, keeps=True)
        next(answers)
        answers.close()
        time.sleep(0.3)
        assert len(server.requests) < 10


def test_a_name_has_the_addresses_that_take_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda *_: said(CANARY)) as server:
        here = Place("http", "localhost", server.port)
        assert [("127.0.0.1", server.port)] == traffic.addresses(here)
    with pytest.raises(WorldError, match=r"the name no\.invalid has no address") as error:
        traffic.addresses(Place("http", "no.invalid", 80))
    assert "--resolve no.invalid:80:ADDRESS" in error.value.hint
