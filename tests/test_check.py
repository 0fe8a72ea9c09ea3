"""`check` and what it asks: a Prometheus, webhooks, commands, somebody's agreement."""

from __future__ import annotations

import base64
import http.server
import json
import shlex
import stat
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Result
from test_gates import FILE as GATED
from test_verdicts import vector

from kubectl_canary.commands import inputs
from kubectl_canary.errors import WorldError
from kubectl_canary.outside import process, web
from kubectl_canary.rendering.record import release_digest

FILE = GATED.replace("phase: deploy", "phase: 5%")
Answers = Callable[[str, Any], tuple[int, str, str]]


class Server:
    """An HTTP server of this process: what it was asked, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: Answers = lambda *_: (200, "application/json", vector("0.5"))
        self.slow = 0.0
        self.headers: dict[str, str] = {}
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place, _, query = self.path.partition("?")
                self.answer("GET", place, dict(urllib.parse.parse_qsl(query)))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer("POST", self.path, json.loads(body))

            def answer(self, method: str, place: str, said: Any) -> None:
                token = self.headers.get("Authorization")
                server.asked.append({"method": method, "place": place, "said": said, "token": token})
                status, kind, text = server.answers(place, said)
                self.send_response(status)
                for name, value in {"Content-Type": kind, **server.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for character in text:
                    self.wfile.write(character.encode())
                    time.sleep(server.slow)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    threading.Thread(target=made.http.serve_forever, daemon=True, args=[0.01]).start()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def check(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path], server: Server
) -> Callable[..., Result]:
    """`check` of a file with these gates, whose Prometheus is the server."""

    def call(gates: str, *words: str, prometheus: str = "gateway: traefik, retries: 0") -> Result:
        lines = f"  prometheus: {{url: {server.url}/, {prometheus}}}\n  gates: [{gates}]\n  phase: 5%\n"
        canary_yaml(FILE.replace("  phase: 5%\n", lines))
        return canary("check", *words)

    return call


@pytest.mark.parametrize(
    ("gate", "code", "line"),
    [
        ("{query: q, max: 0.5}", 0, "passed        q  0.5 ≤ 0.5\n"),
        ("{query: q, max: 0.4}", 1, "failed        q  0.5 > 0.4\n"),
        ("{query: '{{ service }}', name: q, maxRatio: 1}", 0, "passed        q  0.5 ≤ 1 x 0.5 of stable\n"),
        ("{metric: error-rate, max: 1, requests: 2}", 6,
         "inconclusive  error-rate  0.5 requests, and 2 are wanted\n"),
        ("{name: c, command: [sh, -c, 'echo $CANARY_PHASE $CANARY_CANARY; exit 3']}", 1,
         "failed        c  exit code 3: 5% v2\n"),
        ("{name: c, command: [sh, -c, 'sleep 9'], timeout: 1s}", 6,
         "inconclusive  c  it was ended after 1 s\n"),
    ],
)  # fmt: skip
def test_the_exit_code_is_the_verdict(check: Callable[..., Result], gate: str, code: int, line: str) -> None:
    result = check(gate)
    assert code == result.code, result.err
    assert result.out.startswith(line)


def test_what_prometheus_is_asked(check: Callable[..., Result], server: Server) -> None:
    check("{metric: request-rate, min: 1, window: 2m}")
    assert [{
        "method": "GET", "place": "/api/v1/query", "token": None,
        "said": {"query": 'sum(rate(traefik_service_requests_total{service=~"web-(shop-canary)-(http-[0-9]+|'
                 '[0-9]+-grpc)@kubernetesgateway"}'
                 "[120s]))"},
    }] == server.asked[:1]  # fmt: skip


def test_the_token_is_read_and_never_said(
    check: Callable[..., Result], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("secret-1\n")
    server.answers = lambda *_: (403, "text/plain", "no")
    result = check("{query: q, max: 1}", prometheus="tokenFile: token")
    monkeypatch.setenv("TOKEN", "secret-2")
    check("{query: q, max: 1}", prometheus="tokenVariable: TOKEN")
    assert ["Bearer secret-1", "Bearer secret-2"] == [asked["token"] for asked in server.asked]
    assert (6, "inconclusive  q  HTTP 403, and no answer of Prometheus' API: text/plain\n") == (
        result.code, result.out,
    )  # fmt: skip
    assert "secret" not in result.out + result.err


@pytest.mark.parametrize(
    ("prometheus", "code", "said"),
    [
        ("tokenFile: token", 4, "token"),
        ("tokenVariable: NO_SUCH", 4, "the environment has no NO_SUCH, the token for Prometheus"),
        ("caFile: ca.pem", 4, "ca.pem, the certificates for Prometheus"),
    ],
)
def test_what_can_never_be_asked_is_an_error(
    check: Callable[..., Result], server: Server, prometheus: str, code: int, said: str
) -> None:
    result = check("{query: q, max: 1}", prometheus=prometheus)
    assert (code, "", []) == (result.code, result.out, server.asked)
    assert said in result.err


def test_without_prometheus_a_query_cannot_be_asked(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path]
) -> None:
    canary_yaml(FILE.replace("  phase: 5%\n", "  gates: [{query: q, max: 1}]\n  phase: 5%\n"))
    result = canary("check")
    assert (2, "") == (result.code, result.out)
    assert "nothing says where Prometheus is\nwrite `prometheus: {url: " in result.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("smok",), "`5%` has no gate `smok`\ndid you mean `smoke`? it has smoke, other"),
        (("--phase", "deploy"), "`deploy` has no gate\nwrite `gates` below `spec`"),
    ],
)
def test_a_gate_that_is_not_there_is_named(
    check: Callable[..., Result], words: tuple[str, ...], said: str
) -> None:
    result = check("{name: smoke, command: ['true']}, {name: other, command: ['true']}", *words)
    assert (2, "") == (result.code, result.out)
    assert said in result.err


def test_gates_are_chosen_by_name_and_answer_as_json(check: Callable[..., Result]) -> None:
    gates = "{query: q, max: 0.4}, {name: ok, command: ['true']}, {query: r, min: 0.1}"
    result = check(gates, "ok", "r", "ok", "-o", "json")
    assert 0 == result.code
    assert [
        {"gate": "ok", "verdict": "passed", "said": "exit code 0"},
        {"gate": "r", "verdict": "passed", "said": "0.5 ≥ 0.1", "value": 0.5},
    ] == json.loads(result.out)


@pytest.mark.parametrize(
    ("status", "code", "verdict"), [(204, 0, "passed"), (409, 1, "failed"), (503, 6, "incon")]
)
def test_a_webhook_is_told_what_it_is_about(
    check: Callable[..., Result], server: Server, status: int, code: int, verdict: str
) -> None:
    server.answers = lambda *_: (status, "text/plain", "" if status == 204 else "because\nof this")
    result = check(f"{{webhook: {server.url}/gate}}")
    assert code == result.code
    assert result.out.startswith(verdict)
    assert "of this" not in result.out
    facts = {"release": "shop", "namespace": "web", "phase": "5%", "stable": "v1", "canary": "v2"}
    asked = [{"method": "POST", "place": "/gate", "said": facts, "token": None}]
    assert asked == server.asked


def test_the_examples_of_the_page_run(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path], server: Server
) -> None:
    gates = f"  prometheus: {{url: {server.url}, gateway: traefik}}\n  gates: [{{metric: error-rate, max: 1, requests: 0}}]\n"
    canary_yaml(FILE.replace("[5%, 50%]\n", f"[5%, 25%]\n{gates}"))
    page = (ROOT / "docs/verbs/check.md").read_text().partition("```sh\n")[2].partition("```")[0]
    commands = [shlex.split(line)[2:] for line in page.splitlines() if line.startswith("kubectl canary")]
    others = {"--git", "--synced"}  # tests/test_check_git.py and tests/test_git_apiserver.py run those
    gated = [words for words in commands if not others & {*words}]
    assert 3 == len(gated)
    for words in gated:
        assert 0 == canary(*words).code, words


def test_a_question_is_asked_again_where_there_was_no_answer(
    check: Callable[..., Result], server: Server
) -> None:
    answers = iter([(503, "text/plain", "later"), (200, "application/json", vector("1"))])
    server.answers = lambda *_: next(answers)
    assert 0 == check("{query: q, max: 1}", prometheus="retries: 1").code
    assert 2 == len(server.asked)


def test_a_server_that_asks_to_come_back_in_an_hour_is_not_waited_for(server: Server) -> None:
    server.answers = lambda *_: (503, "text/plain", "later")
    server.headers = {"Retry-After": "3600"}
    assert 503 == web.get(server.url, {}, web.Access(2, retries=1)).status
    assert 2 == len(server.asked)


def test_a_slow_answer_is_asked_for_again(server: Server) -> None:
    waits = iter([0.6, 0.0])

    def late(*_: Any) -> tuple[int, str, str]:
        time.sleep(next(waits))
        return 200, "application/json", "{}"

    server.answers = late
    assert 200 == web.get(server.url, {}, web.Access(0.3, retries=1)).status


def test_a_webhook_that_leads_elsewhere_is_not_followed(server: Server) -> None:
    server.answers = lambda *_: (302, "text/plain", "")
    server.headers = {"Location": "/elsewhere"}
    assert 302 == web.post(server.url, {}, web.Access(2)).status
    assert 1 == len(server.asked)


@pytest.mark.parametrize("token", ["secret-token\n", "secret\r\nX: y", "sécret-token"])
def test_no_token_is_said_however_odd(
    check: Callable[..., Result], server: Server, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("TOKEN", token)
    result = check("{query: q, max: 1}", prometheus="tokenVariable: TOKEN")
    assert (0 if token.endswith("\n") else 4) == result.code
    assert "cret" not in result.out + result.err
    with pytest.raises(WorldError, match=r"it cannot be asked so$"):
        web.get(server.url, {}, web.Access(1, token=f"{token}\nmore"))


def test_an_answer_that_drips_ends_with_its_time(server: Server) -> None:
    server.slow = 0.05
    began = time.monotonic()
    with pytest.raises(WorldError, match=r"no answer from http://127\.0\.0\.1:.*: it takes too long"):
        web.get(f"{server.url}/a?token=x", {}, web.Access(0.3))
    assert time.monotonic() - began < 2


def test_an_answer_that_has_no_end_is_not_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LONGEST", 5)
    with pytest.raises(WorldError, match="it is longer than 5 bytes"):
        web.get(server.url, {}, web.Access(5))


def test_an_error_names_no_query_and_no_password() -> None:
    with pytest.raises(WorldError) as refused:
        web.get("http://user:secret@127.0.0.1:1/a", {"token": "secret"}, web.Access(1))
    assert refused.value.message.startswith("no answer from http://127.0.0.1:1/a: Failed to establish")
    assert "secret" not in refused.value.message


def test_a_command_that_is_not_there_is_said_before_anything_is_asked(
    check: Callable[..., Result], server: Server, tmp_path: Path
) -> None:
    result = check("{query: q, max: 1}, {name: c, command: [./smok.sh]}")
    assert (2, "", []) == (result.code, result.out, server.asked)
    assert "the command `./smok.sh` of a gate is not there, or cannot be run" in result.err


def test_a_command_runs_beside_the_canary_file(check: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "smoke.sh").write_text("#!/bin/sh\nls canary.yaml; printf 'a\\033[31m\\n'\n")
    (tmp_path / "smoke.sh").chmod(0o755)
    result = check("{name: c, command: [./smoke.sh]}")
    assert (0, "passed        c  exit code 0: a\\x1b[31m\n") == (result.code, result.out)


def test_what_a_command_leaves_behind_keeps_nobody_waiting() -> None:
    began = time.monotonic()
    assert process.Ending(0, "done") == process.run(["sh", "-c", "setsid sleep 5 & echo done"], 4, {}, ".")
    assert time.monotonic() - began < 3


def test_a_user_and_a_password_of_a_url_are_sent_and_not_said(server: Server) -> None:
    web.get(server.url.replace("//", "//anna:pass%20word@"), {}, web.Access(2))
    assert f"Basic {base64.b64encode(b'anna:pass word').decode()}" == server.asked[0]["token"]
    with pytest.raises(WorldError) as refused:
        web.get("http://anna:hidden@127.0.0.1:1/", {}, web.Access(1))
    assert "hidden" not in refused.value.message


def test_what_a_command_has_started_ends_with_it(tmp_path: Path) -> None:
    script = f"(sleep 2; touch {tmp_path}/late) & sleep 9"
    ending = process.run(["sh", "-c", script], 0.5, {}, ".")
    assert (None, "it was ended after 0.5 s") == (ending.code, ending.said)
    time.sleep(2.2)
    assert not (tmp_path / "late").exists()


def test_a_command_that_a_signal_ends_says_nothing_about_the_canary() -> None:
    assert process.Ending(None, "it was ended by SIGTERM") == process.run(["sh", "-c", "kill $$"], 5, {}, ".")


ROUTE: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "spec": {},
    "metadata": {"name": "shop-canary-route", "namespace": "web", "annotations": {}},
}


@pytest.fixture
def annotate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """The route in a cluster has these annotations."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"""#!{sys.executable}
import json, sys, pathlib
if "config" in sys.argv:
    print(json.dumps({{"contexts": [{{"name": "c", "context": {{"cluster": "c"}}}}]}}))
else:
    print(pathlib.Path({str(tmp_path / "route")!r}).read_text())
""")
    kubectl.chmod(kubectl.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("KUBECTL_PATH", str(kubectl))

    def write(annotations: dict[str, str]) -> None:
        route = {**ROUTE, "metadata": {**ROUTE["metadata"], "annotations": annotations}}
        (tmp_path / "route").write_text(json.dumps(route))

    return write


COMPARED = "{query: '{{ service }}', name: q, maxRatio: 1, max: 1}"


def test_at_full_share_stables_value_is_the_one_that_the_route_notes(
    check: Callable[..., Result], server: Server, tmp_path: Path, annotate: Callable[[dict[str, str]], None]
) -> None:
    annotate({})
    check(COMPARED, "--phase=100%")
    digest = release_digest(inputs.load([str(tmp_path / "canary.yaml")]).plan)
    moment, now = "2026-01-02T03:04:05.000000Z", "2026-01-02T04:00:00.000000Z"
    note = {"phase": "100%", "since": now, "release": digest, "beforeFull": moment}
    annotate({"kubectl-canary/since.shop": json.dumps(note)})
    server.asked.clear()
    result = check(COMPARED, "--phase=100%")
    assert (0, "", "passed        q  0.5 ≤ 1 and ≤ 1 x 0.5 of stable\n") == (
        result.code, result.err, result.out,
    )  # fmt: skip
    asked = {asked["said"]["query"]: asked["said"].get("time") for asked in server.asked}
    assert {"shop-canary": None, "shop-stable": "1767323045.000"} == asked


@pytest.mark.parametrize("annotations", [{}, {"kubectl-canary/since.shop": "{}"}])
def test_without_a_note_that_is_said(
    check: Callable[..., Result], annotate: Callable[[dict[str, str]], None], annotations: dict[str, str]
) -> None:
    annotate(annotations)
    result = check(COMPARED, "--phase=100%")
    assert 0 == result.code
    assert "stable's value before 100% is not known" in result.err
    assert "no route notes when that was" in result.err
    assert "not known" not in check(COMPARED, "--phase=50%").err
    assert "not known" not in check("{query: q, max: 1}", "--phase=100%").err


def test_without_a_cluster_that_is_said_as_well(
    check: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECTL_PATH", "/nowhere/kubectl")
    result = check(COMPARED, "--phase=100%")
    assert (0, True) == (result.code, "decide: /nowhere/kubectl is not on PATH" in result.err)


def test_an_approval_is_read_from_the_route_and_how_to_give_it_is_said(
    check: Callable[..., Result], annotate: Callable[[dict[str, str]], None]
) -> None:
    annotate({})
    first = check("{approval: true}")
    assert (6, "inconclusive  approval  nobody has agreed yet\n") == (first.code, first.out)
    key, _, value = first.err.partition(" -n web ")[2].strip().partition("=")
    assert (
        "to agree: kubectl annotate --overwrite httproute shop-canary-route -n web kubectl-canary/approved.shop="
        in first.err
    )
    assert value.startswith('"5% sha256:')
    annotate({key: value.strip('"')})
    assert (0, "passed        approval  somebody has agreed\n") == (check("{approval: true}").code,
                                                                    check("{approval: true}").out)  # fmt: skip
    assert 6 == check("{approval: true}", "--canary-tag", "v3").code
    assert 6 == check("{approval: true}", "--phase", "50%").code
