"""kubectl's own flags for a cluster: they reach every call of kubectl, and every command that is printed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import SEED, Result

Canary = Callable[..., Result]
FLAGS = ("--context=prod", "--kubeconfig=my config", "--as=jane@example.com")
STEP = ("patch", "-f", SEED, "--from", "5%", "--to", "10%")
CRD = {
    "metadata": {
        "annotations": {
            "gateway.networking.k8s.io/bundle-version": "v1.4.0",
            "gateway.networking.k8s.io/channel": "standard",
        }
    }
}


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], Iterator[list[str]]]:
    """A kubectl that answers with one object, or with names; what it was called with, call by call."""
    answer, log, program = tmp_path / "answer", tmp_path / "log", tmp_path / "kubectl"
    program.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$@\" >> {shlex.quote(str(log))}\necho >> {shlex.quote(str(log))}\n"
        f"cat {shlex.quote(str(answer))}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("KUBECTL_PATH", str(program))

    def recorded() -> Iterator[list[str]]:
        yield from (call.splitlines() for call in log.read_text().split("\n\n") if call)

    def answering(value: object) -> Iterator[list[str]]:
        answer.write_text(value if isinstance(value, str) else json.dumps(value))
        return recorded()

    return answering


Calls = Callable[[object], Iterator[list[str]]]


def all_have_the_flags(calls: Iterator[list[str]]) -> bool:
    heads = [tuple(call[: len(FLAGS)]) for call in calls]
    return bool(heads) and {*heads} == {FLAGS}


@pytest.mark.parametrize(
    ("shell", "flags"),
    [
        ("sh", "--context=prod '--kubeconfig=my config' --as=jane@example.com"),
        ("powershell", "--context=prod '--kubeconfig=my config' '--as=jane@example.com'"),
    ],
)
def test_every_line_to_paste_has_them(canary: Canary, shell: str, flags: str) -> None:
    lines = canary(*STEP, "-o", "kubectl", "--shell", shell, *FLAGS).out
    calls = re.findall(r"\bkubectl ((?:--|get|patch|create|apply|delete|scale).*)", lines)
    assert len(calls) > 2
    assert all(call.startswith(flags) for call in calls), lines


def test_what_prints_the_rest_of_a_way_has_them(canary: Canary, tmp_path: Path) -> None:
    gate = "pause: 15m, gates: [{query: error_rate, max: 0.01}]}"
    (tmp_path / "canary.yaml").write_text(SEED.read_text().replace("pause: 15m}", gate))
    way = ("--from", "5%", "--to", "promoted", "--jump", "-o", "kubectl")
    said = canary("patch", "-f", tmp_path / "canary.yaml", *way, *FLAGS).err
    assert f" {shlex.join(FLAGS)}" in said.partition("this prints the rest: ")[2]


def test_live_asks_with_them(canary: Canary, calls: Calls) -> None:
    asked = calls("")
    canary("patch", "-f", SEED, "--to", "10%", "--live", *FLAGS)
    assert all_have_the_flags(asked)


def test_check_asks_with_them_and_says_them_again(canary: Canary, calls: Calls) -> None:
    route = {
        "kind": "HTTPRoute",
        "metadata": {"name": "my-app-canary-route", "namespace": "production"},
        "spec": {},
    }
    asked = calls(route)
    result = canary(*STEP, "--check", "--type", "merge", *FLAGS)
    assert all_have_the_flags(asked)
    assert 1 == result.code
    assert "--live --type merge " in result.err
    assert f" {shlex.join(FLAGS)}" in result.err.partition("To start from what is there: ")[2]


def test_the_hint_at_what_is_no_object_has_them(canary: Canary) -> None:
    hint = canary(*STEP, "--check", "-", *FLAGS, stdin=b"- no object").err.splitlines()[1]
    assert f"kubectl {shlex.join(FLAGS)} get httproute NAME -o json prints one" == hint


def test_a_folder_is_no_object_and_the_hint_fits_the_flag(canary: Canary, tmp_path: Path) -> None:
    result = canary(*STEP, "--check", tmp_path)
    assert (2, "") == (result.code, result.out)
    assert result.err.startswith(f"error: {tmp_path} is a folder\nname a file in it\n")
    named = canary("patch", "-f", tmp_path, "--to", "10%").err
    hint = f"name the file in it: -f {tmp_path}/canary.yaml"
    assert named.startswith(f"error: {tmp_path} is a folder\n{hint}\n")


@pytest.mark.parametrize("verb", ["validate", "post-render"])
def test_from_cluster_asks_with_them(canary: Canary, calls: Calls, verb: str) -> None:
    asked = calls(CRD)
    words = (verb, *(["-"] if verb == "validate" else []), "--from-cluster", *FLAGS)
    result = canary(*words, stdin=b"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}}")
    assert 0 == result.code, result.err
    assert all_have_the_flags(asked)


def test_a_krm_function_takes_them_as_keys(canary: Canary, calls: Calls) -> None:
    asked = calls(CRD)
    data = {"from-cluster": "true", "context": "prod", "kubeconfig": "my config", "as": "jane@example.com"}
    function = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
    call = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "functionConfig": function,
        "items": [],
    }
    result = canary("krm", stdin=json.dumps(call).encode())
    assert 0 == result.code, result.err
    assert all_have_the_flags(asked)


@pytest.mark.parametrize(("flag", "answer"), [("-n", "namespace/web\n"), ("--context", "web\n")])
def test_completion_asks_with_them(canary: Canary, calls: Calls, flag: str, answer: str) -> None:
    asked = calls(answer)
    assert canary("completion", "answer", "--", "patch", *FLAGS, flag, "").out.startswith("web\n")
    assert all_have_the_flags(asked)


def test_a_call_that_failed_is_said_whole(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "kubectl"
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("KUBECTL_PATH", str(refusing))
    result = canary(*STEP, "--check", *FLAGS)
    words = shlex.split(result.err.partition("`")[2].partition("`")[0])
    assert [str(refusing), *FLAGS] == words[: 1 + len(FLAGS)]
    assert words[1 + len(FLAGS) :][:2] == ["get", "httproute.gateway.networking.k8s.io/my-app-canary-route"]
    assert ["-n", "production"] == words[words.index("-n") :][:2]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"kind": "List"}, 1),
        ({"kind": "List", "items": None}, 1),
        ({"kind": "HTTPRoute", "metadata": {"name": "my-app-canary-route"}, "spec": None}, 4),
    ],
)
def test_an_odd_answer_is_no_object_or_an_error(
    canary: Canary, calls: Calls, answer: object, code: int
) -> None:
    calls(answer)
    result = canary(*STEP, "--check")
    assert (code, "") == (result.code, result.out), result.err
    assert "bug" not in result.err


def test_a_route_that_is_not_there_cannot_be_checked(canary: Canary, calls: Calls) -> None:
    calls({"kind": "List", "items": []})
    result = canary(*STEP, "--check")
    assert (1, "") == (result.code, result.out)
    message = "the cluster: there is no HTTPRoute my-app-canary-route in production: nothing to check"
    assert f"{message}; is it the right context and namespace?" in result.err
