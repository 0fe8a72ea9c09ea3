"""`verify` against servers that split requests in every way that it has to tell."""

from __future__ import annotations

import itertools
import json
import random
import re
import shlex
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from answers import CANARY, STABLE, Headers, Reply, Rule, Server, answering, certificate, said, split
from conftest import ROOT, Result

from kubectl_canary.outside import traffic

HOST = "app.example.com"
FILE = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  image: registry.example.com/shop
  stable: {tag: v1.0.0, replicas: 9}
  canary: {tag: v1.1.0}
  container: {port: 8080}
  route:
    hostnames: [app.example.com]
    gateway: {name: gw}
  testers: {header: x-canary, value: "true"}
  phases: [header-only, 5%, 10%, 50%, 100%]
  phase: 10%
  verify: {url: http://app.example.com/version, by: header:x-version}
"""
Verify = Callable[..., Result]


def with_testers(rule: Rule) -> Rule:
    """Testers by the canary, the others by the rule."""
    return lambda headers, connection: (
        said(CANARY) if headers.get("x-canary") == "true" else rule(headers, connection)
    )


HEALTHY = with_testers(split(0.1))


@pytest.fixture
def verify(canary: Callable[..., Result], canary_yaml: Callable[[str], Path]) -> Verify:
    """`verify` over servers, as quickly as can be."""

    def call(servers: Server | list[Server], *words: str, file: str = FILE) -> Result:
        canary_yaml(file)
        known = servers if isinstance(servers, list) else [servers]
        where = ",".join(f"127.0.0.1:{server.port}" for server in known)
        return canary("verify", "--rate=0", "--phase=10%", f"--resolve={HOST}:80:{where}", *words)

    return call


def test_a_healthy_split_passes(verify: Verify) -> None:
    with answering(HEALTHY) as server:
        result = verify(server)
    head, stable, new, tested, verdict = result.out.splitlines()
    assert (0, "") == (result.code, result.err)
    assert "version  requests   share  expected  95 % interval" == head
    assert ("v1.0.0", "90%") == (stable.split()[0], stable.split()[4])
    assert ("v1.1.0", "10%") == (new.split()[0], new.split()[4])
    assert 1400 == int(stable.split()[1]) + int(new.split()[1])
    assert ["x-canary: true  150 of 150 answered by v1.1.0", "passed"] == [tested, verdict]
    assert {("GET", "/version", HOST)} == {
        (method, target, headers["host"]) for method, target, headers, _ in server.requests
    }


def test_another_split_is_failed(verify: Verify) -> None:
    with answering(with_testers(split(0.2))) as server:
        result = verify(server, "--requests=1000")
    assert (1, "failed") == (result.code, result.out.splitlines()[4])


def test_too_few_requests_say_how_many_are_needed(verify: Verify) -> None:
    with answering(HEALTHY) as server:
        result = verify(server, "--requests=100")
    assert 6 == result.code
    assert "inconclusive: run it again with --requests 1400\n" in result.out


def test_testers_that_stable_answers_are_failed(verify: Verify) -> None:
    with answering(split(0.1)) as server:
        result = verify(server)
    assert (1, "failed") == (result.code, result.out.splitlines()[4])
    assert "150 requests of testers were not answered by v1.1.0\n" in result.out


def test_in_a_phase_for_testers_alone_nobody_else_reaches_the_canary(verify: Verify) -> None:
    with answering(with_testers(lambda *_: said(STABLE))) as server:
        assert 0 == verify(server, "--phase=header-only", "--requests=200").code
        late = itertools.count()
    with answering(with_testers(lambda *_: said(CANARY if next(late) == 190 else STABLE))) as server:
        assert 1 == verify(server, "--phase=header-only", "--requests=200").code


def of_connections(share: float) -> Rule:
    """Each connection by chance, for as long as it lasts."""
    chance, known = random.Random(3), {}

    def rule(_: Headers, connection: tuple[str, int]) -> Reply:
        return said(known.setdefault(connection, CANARY if chance.random() < share else STABLE))

    return with_testers(rule)


def of_cookies(share: float) -> Rule:
    """Each client by chance, who is known by a cookie."""
    chance = random.Random(4)

    def rule(headers: Headers, _: tuple[str, int]) -> Reply:
        version = headers.get("cookie", "").rpartition("at=")[2] or (
            CANARY if chance.random() < share else STABLE
        )
        return Reply(
            headers=[
                ("x-version", version),
                ("set-cookie", "seen=1"),
                ("set-cookie", f"at={version}; Path=/"),
            ]
        )

    return with_testers(rule)


def test_connections_that_stay_with_a_version_are_named(verify: Verify) -> None:
    with answering(of_connections(0.1)) as server:
        result = verify(server, "--requests=2800")
    assert (0, "passed") == (result.code, result.out.splitlines()[4])
    assert "  connections that are kept stay with a version; only new ones are judged\n" in result.out


@pytest.mark.parametrize(("rule", "is_sticky"), [(of_cookies(0.1), True), (HEALTHY, False)])
def test_sticky_sessions_are_named(verify: Verify, rule: Rule, is_sticky: bool) -> None:
    with answering(rule) as server:
        result = verify(server)
    assert 0 == result.code
    assert is_sticky == (
        "sessions are sticky: who sends the cookies `seen` and `at` back stays with one version" in result.out
    )


def test_a_cookie_that_holds_nobody_is_not_named(verify: Verify) -> None:
    chance = random.Random(5)
    rule = with_testers(lambda *_: said(CANARY if chance.random() < 0.1 else STABLE, set_cookie="session=1"))
    with answering(rule) as server:
        assert "sticky" not in verify(server).out
        assert [1400 + 150 + 3] == [len(server.requests)]


def test_weights_that_are_ignored_are_named(verify: Verify) -> None:
    with answering(with_testers(split(0.5))) as server:
        result = verify(server)
    assert (1, True) == (
        result.code,
        "both versions answer as often: the implementation ignores weights" in result.out,
    )


def test_a_gateway_that_has_not_followed_is_named_by_the_phase_that_it_is_in(verify: Verify) -> None:
    with answering(with_testers(lambda *_: said(STABLE))) as server:
        result = verify(server, "--phase=5%")
    assert 1 == result.code
    assert (
        "the split is that of `header-only`: the gateway has not followed\n    `kubectl canary status` says"
        in result.out
    )


def test_a_gateway_that_is_behind_is_named_by_its_address(verify: Verify) -> None:
    with answering(with_testers(split(0.5))) as one, answering(with_testers(split(0.1))) as late:
        result = verify([one, late], "--phase=50%")
    assert 1 == result.code
    line = rf"^  at 127\.0\.0\.1:{late.port}, \d+\.\d % of requests are answered by v1\.1\.0$"
    assert re.search(line, result.out, re.MULTILINE)
    assert f":{one.port}," not in result.out


def test_a_gateway_that_takes_turns_is_a_healthy_one(verify: Verify) -> None:
    turns, lock = itertools.count(), threading.Lock()

    def rule(*_: object) -> Reply:
        with lock:
            return said(CANARY if next(turns) % 10 == 0 else STABLE)

    with answering(with_testers(rule)) as server:
        result = verify(server, "--rate=1000")
    assert (0, "passed") == (result.code, result.out.splitlines()[-1])


def test_flags_are_asked_before_the_file(verify: Verify) -> None:
    with answering(lambda *_: Reply(body=b'{"build": "1.1"}')) as server:
        result = verify(
            server,
            "/other?x=1",
            "--by=json:build",
            "--stable=1.0",
            "--canary=1.1",
            "--phase=100%",
            "-H",
            "x-more: 1",
        )
    assert 0 == result.code, result.out + result.err
    assert ("/other?x=1", "1") == (server.requests[0][1], server.requests[0][2]["x-more"])


@pytest.mark.parametrize("way_of_http", ["1.1", "2"])
def test_programs_get_json(verify: Verify, way_of_http: str) -> None:
    with answering(with_testers(lambda *_: said(CANARY))) as server:
        result = verify(server, "-o", "json", "--phase=promoted", "--requests=200", f"--http={way_of_http}")
        assert {way_of_http} == server.http
    found = json.loads(result.out)
    asked = "GET http://app.example.com/version in `promoted`"
    assert (0, "passed", asked) == (result.code, found["verdict"], found["asked"])
    assert [("v1.0.0", 0, "0%", "0"), ("v1.1.0", 200, "100%", "1")] == [
        (side["version"], side["requests"], side["expected"], side["fraction"]) for side in found["versions"]
    ]
    assert "testers" not in found


def test_a_call_by_grpc_is_one(verify: Verify) -> None:
    def rule(headers: Headers, _: object) -> Reply:
        is_call = headers["content-type"] == "application/grpc" and headers["te"] == "trailers"
        return said(CANARY, content_type="application/grpc") if is_call else Reply(415)

    with answering(rule) as server:
        result = verify(server, "/shop.Cart/Get", "--grpc", "--phase=100%", "--requests=200")
        assert {"2"} == server.http
    assert 0 == result.code, result.out
    assert {("POST", "/shop.Cart/Get", "5")} == {
        (method, target, headers["content-length"]) for method, target, headers, _ in server.requests
    }


def test_answers_that_tell_no_version_are_counted(verify: Verify) -> None:
    turn = itertools.count()
    with answering(lambda *_: Reply(503) if next(turn) % 3 == 0 else said(STABLE)) as server:
        result = verify(server, "--requests=90", "--phase=deploy")
    assert 6 == result.code
    assert "30 of neither version: HTTP 503, no header x-version\ninconclusive\n" in result.out
    assert (
        "  30 of 90 answers are of neither version, 30 of them: HTTP 503, no header x-version\n" in result.out
    )


def test_many_reasons_are_told_in_few_lines(verify: Verify) -> None:
    turn = itertools.count()
    with answering(lambda *_: said(f"v{next(turn)}")) as server:
        result = verify(server, "--requests=300", "--phase=deploy")
    assert (6, True) == (result.code, len(result.out.splitlines()) < 20)
    assert "of neither version: something else\n" in result.out
    assert "of neither version: others\n" in result.out


def test_testers_who_are_refused_spoil_no_result(verify: Verify) -> None:
    rule = split(0.1)
    with answering(lambda headers, at: Reply(503) if "x-canary" in headers else rule(headers, at)) as server:
        result = verify(server)
    assert 6 == result.code
    assert "0 of 150 answered by v1.1.0\n" in result.out
    assert "150 of 150 requests of testers were not answered by v1.1.0\n" in result.out


def test_a_server_that_dies_is_not_asked_on(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    turn, sent = itertools.count(), traffic.Client._exchanged

    def exchanged(client: traffic.Client, *rest: Any) -> Any:
        if next(turn) > 100:
            raise OSError("gone")
        return sent(client, *rest)

    monkeypatch.setattr(traffic.Client, "_exchanged", exchanged)
    with answering(lambda *_: said(STABLE)) as server:
        result = verify(server, "--phase=deploy")
    assert 6 == result.code
    assert "of 1000 requests were sent: the last 20 had no answer\n" in result.err
    assert "of neither version: no answer from 127.0.0.1" in result.out


def test_over_tls_with_an_authority_of_ones_own(verify: Verify, tmp_path: Path) -> None:
    file = certificate(tmp_path, HOST)
    with answering(HEALTHY, file) as server:
        words = [f"https://{HOST}/", f"--resolve={HOST}:443:127.0.0.1:{server.port}", "--requests=20"]
        assert 6 == verify(server, *words, f"--ca-file={file}").code
        assert 6 == verify(server, *words, "--insecure").code
        strange = verify(server, *words)
    assert (4, "") == (strange.code, strange.out)
    assert "certificate verify failed" in strange.err
    assert "say --ca-file FILE with the certificate's authority, or --insecure" in strange.err


def test_nobody_who_answers_is_not_asked_for_long(verify: Verify) -> None:
    result = verify(Server(9))
    assert (4, "") == (result.code, result.out)
    assert f"error: no answer from {HOST}:80: [Errno 111] Connection refused\n" in result.err
    assert (
        f"say --resolve {HOST}:80:ADDRESS with the Gateway's address: kubectl get gateways -A" in result.err
    )


@pytest.mark.parametrize(
    ("words", "code", "said_"),
    [
        (["--by=header"], 2, "--by: `header` tells no version; write header:x-version"),
        (["--by=pattern:("], 2, "--by: `(` is not a regular expression"),
        (["--stable=v1.1.0"], 2, "`v1.1.0` stands for both versions"),
        ([f"--resolve={HOST}:80"], 2, f"--resolve {HOST}:80: not HOST:PORT:ADDRESS"),
        ([f"--resolve={HOST}:x:1.2.3.4"], 2, "not HOST:PORT:ADDRESS"),
        ([f"--resolve={HOST}:80:"], 2, "not HOST:PORT:ADDRESS"),
        ([f"http://{HOST}:81/"], 2, f"say --resolve {HOST}:81:127.0.0.1:9"),
        (["http://other.example.com/"], 2, "tells nothing of `10%`: no rule takes it"),
        (["http://other.example.com/"], 2, "such as app.example.com/; kubectl canary simulate http://other"),
        (["http://other.example.com/", "-X", "POST"], 2, "simulate http://other.example.com/ -X POST"),
        (["http://me:secret@app.example.com/"], 2, "the URL has a user"),
        (["-H", "Host: other"], 2, "name the host in the URL, and its address by --resolve"),
        (["-H", "Content-Length: 10"], 2, "leave that header out"),
        (["--insecure"], 2, "--ca-file and --insecure go with https"),
        (["--grpc", "--http=1.1"], 2, "gRPC comes by HTTP/2"),
        (["--by=status"], 2, "say --stable 200 and --canary 201"),
        (["--rate=nan"], 2, "--rate"),
        ([f"--resolve={HOST}:80:[::1"], 2, "not HOST:PORT:ADDRESS"),
        (["http://[/"], 2, "is not a URL"),
        (["--phase=11%"], 2, "11%"),
        (["-H", "x"], 2, "is not a header"),
        ([f"https://{HOST}/", "--ca-file=nowhere.pem"], 4, "there is no nowhere.pem"),
        (["--requests=0"], 2, "--requests"),
    ],
)
def test_what_cannot_be_asked_is_an_error(verify: Verify, words: list[str], code: int, said_: str) -> None:
    result = verify(Server(9), *words)
    assert (code, "") == (result.code, result.out)
    assert said_ in result.err


def test_of_several_applications_each_has_its_versions(verify: Verify, tmp_path: Path) -> None:
    case = ROOT / "tests/cases/adopt-together"
    shutil.copytree(case / "k8s", tmp_path / "k8s")
    text = (case / "canary.yaml").read_text().replace("search:v7", "search:v6")
    for version, code in (("v1", 0), ("v6", 6)):
        with answering(lambda *_, version=version: said(version)) as server:
            where = f"--resolve=store.example.com:80:127.0.0.1:{server.port}"
            words = ["http://store.example.com/", "--by=header:x-version", "--phase=before", where]
            result = verify(server, *words, file=text)
        assert (code, "") == (result.code, result.err)
    assert "1000 of neither version: header x-version is `v6`" in result.out


def test_without_a_mark_the_cure_is_said(verify: Verify) -> None:
    result = verify(Server(9), file=FILE.replace(", by: header:x-version", ""))
    assert 2 == result.code
    assert "say --by header:x-version, or write `verify: {by: header:x-version}` below `spec`" in result.err


def test_a_mark_in_the_file_has_its_place(verify: Verify) -> None:
    result = verify(Server(9), file=FILE.replace("header:x-version", "header"))
    assert (2, "") == (result.code, result.out), "1 is the answer that a split is another"
    assert "canary.yaml:15:53: spec.verify.by: `header` tells no version" in result.err


def test_of_testers_by_a_pattern_one_has_to_be_named(verify: Verify) -> None:
    pattern = FILE.replace('value: "true"', 'value: "t.*", match: RegularExpression')
    with answering(HEALTHY) as server:
        result = verify(server, file=pattern)
        assert 0 == result.code
        assert "testers are not tried: only a pattern is known (x-canary matches t.*)" in result.err
        assert 0 == verify(server, "-H", "x-canary: true", "--requests=200", file=pattern).code


def version_everywhere(headers: Headers, _: tuple[str, int]) -> Reply:
    """A version in a header, in JSON, and behind a method of gRPC."""
    kind = {"content-type": "application/grpc"} if "grpc" in headers.get("content-type", "") else {}
    return Reply(headers={"x-version": STABLE, **kind}, body=b'{"build": {"version": "1.0.0"}}')


def test_every_example_of_the_page_runs(verify: Verify, tmp_path: Path) -> None:
    page = (ROOT / "docs/verbs/verify.md").read_text(encoding="utf-8")
    commands = [
        shlex.split(line)[3:] for line in page.splitlines() if line.startswith("kubectl canary verify")
    ]
    assert len(commands) == 6
    file = FILE.replace("50%, 100%", "25%, 50%, 100%")
    with (
        answering(version_everywhere) as server,
        answering(version_everywhere, certificate(tmp_path, HOST)) as secure,
    ):
        for words in commands:
            where = f"--resolve={HOST}:443:127.0.0.1:{secure.port}"
            more = [where, "--insecure"] if any(word.startswith("https") for word in words) else []
            known = [word.replace("203.0.113.7", f"127.0.0.1:{server.port}") for word in words]
            result = verify(server, "--requests=40", *known, *more, "--requests=40", "--rate=0", file=file)
            assert result.code in (1, 6), result.err
            assert "of neither version" not in result.out
            assert "40" in result.out
