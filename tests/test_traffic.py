"""Requests to a server that counts them: over new and over kept connections, by HTTP/1.1, HTTP/2 and TLS."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from answers import CANARY, Reply, answering, certificate, said

from kubectl_canary.errors import WorldError
from kubectl_canary.outside import traffic
from kubectl_canary.outside.traffic import Answer, Place, Question, send

HOST = "app.example.com"
ASKED = Question("GET", "/version?x=1", [("host", HOST), ("x-canary", "true")])
KEPT = Question("GET", "/", [("host", HOST)], keeps=True)


def place(port: int, scheme: str = "http", **more: object) -> Place:
    return Place(scheme, HOST, 80, [("127.0.0.1", port)], **more)  # type: ignore[arg-type]


def asked(where: Place, questions: Sequence[Question] = (ASKED,), rate: float = 0) -> list[Answer]:
    return list(send(where, questions, rate))


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
        fresh = asked(place(server.port, http2=http2), [ASKED] * 40)
        assert 40 == server.connections
        kept = asked(place(server.port, http2=http2), [KEPT] * 40)
        assert 40 + traffic.WORKERS >= server.connections
    assert {None} == {answer.connection for answer in fresh}
    assert server.connections - 40 == len({answer.connection for answer in kept})


def test_a_connection_that_the_server_closes_is_another_one_afterwards() -> None:
    with answering(lambda *_: said(CANARY, connection="close")) as server:
        answers = asked(place(server.port), [KEPT] * 20)
    assert 20 == server.connections == len({answer.connection for answer in answers})


def test_a_body_is_sent() -> None:
    with answering(lambda *_: said(CANARY)) as server:
        asked(
            place(server.port, http2=True), [Question("POST", "/shop.Cart/Get", [("host", HOST)], b"\0" * 5)]
        )
    assert "5" == server.requests[0][2]["content-length"]


def test_addresses_take_turns() -> None:
    with answering(lambda *_: said("one")) as one, answering(lambda *_: said("two")) as two:
        where = Place("http", HOST, 80, [("127.0.0.1", one.port), ("127.0.0.1", two.port)])
        asked(where, [ASKED] * 10)
        assert [5, 5] == [len(one.requests), len(two.requests)]


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


def test_a_file_without_certificates_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing\n")
    with pytest.raises(WorldError, match=r"ca\.pem has no certificates"):
        asked(place(1, "https", ca_file=str(tmp_path / "ca.pem")))


def test_what_is_not_answered_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    (refused,) = asked(place(closed_port()))
    assert (None, "[Errno 111] Connection refused") == (refused.status, refused.why)
    monkeypatch.setattr(traffic, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (late,) = asked(place(silent.getsockname()[1]))
    assert (None, "no answer within 0 s") == (late.status, late.why)


def test_an_answer_without_end_is_none() -> None:
    with answering(lambda *_: Reply(body=b"x" * (traffic.LONGEST + 1))) as server:
        (answer,) = asked(place(server.port))
    assert (None, traffic.TOO_LONG) == (answer.status, answer.why)


def test_so_many_a_second_are_sent() -> None:
    with answering(lambda *_: said(CANARY)) as server:
        start = time.monotonic()
        asked(place(server.port), [KEPT] * 21, rate=50)
        assert time.monotonic() - start >= 0.4


def test_who_waits_no_more_asks_no_more() -> None:
    with answering(lambda *_: said(CANARY)) as server:
        answers = send(place(server.port), [KEPT] * 1000, rate=200)
        next(answers)
        answers.close()  # type: ignore[attr-defined]
        time.sleep(0.3)
        assert len(server.requests) < 10


def test_a_name_has_the_addresses_that_take_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda *_: said(CANARY)) as server:
        here = Place("http", "localhost", server.port)
        assert [("127.0.0.1", server.port)] == traffic.addresses(here)
    with pytest.raises(WorldError, match=r"the name no\.invalid has no address") as error:
        traffic.addresses(Place("http", "no.invalid", 80))
    assert "--resolve no.invalid:80:ADDRESS" in error.value.hint
