"""What `doctor` reads: a kubectl of ours says what it is asked, and refuses what it is told to."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SEED, run_here

FAKE = """\
#!{python}
import json, sys
words = [word for word in sys.argv[1:] if not word.startswith("--")]
with open({log!r}, "a") as log:
    print(json.dumps(words), file=log)
for refused in {refused!r}:
    if any(refused in word for word in words):
        sys.exit(f'Error from server (Forbidden): {{refused}} is forbidden: User "ada" cannot get resource "{{refused.partition(".")[0]}}s"')
if words[0] == "version":
    print(json.dumps({{"clientVersion": {{"gitVersion": "v1.32.1"}}}}))
elif words[-1] == "/version":
    print(json.dumps({{"gitVersion": "v1.32.0"}}))
elif words[0] == "config":
    print(json.dumps({{"contexts": [{{"name": "staging", "context": {{"cluster": "far"}}}}]}}))
elif words[0] == "create":
    for item in json.load(sys.stdin)["items"]:
        allowed = item["spec"]["resourceAttributes"]["verb"] != "delete"
        print(json.dumps({{**item, "status": {{"allowed": allowed}}}}, indent=4))
elif "-l" in words:
    print(json.dumps({{"kind": "List", "items": []}}))
"""
Doctor = Callable[..., tuple[int, list[dict[str, str]]]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def doctor(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Run `doctor` over a kubectl that refuses to answer what has one of these words."""

    def run(*refused: str) -> tuple[int, list[dict[str, str]]]:
        fake = tmp_path / "kubectl"
        fake.write_text(FAKE.format(python=sys.executable, log=str(log), refused=refused))
        fake.chmod(0o755)
        monkeypatch.setenv("KUBECTL_PATH", str(fake))
        answer = run_here("doctor", "-f", SEED, "-o", "json")
        return answer.code, json.loads(answer.out)["remarks"]

    return run


def texts(remarks: list[dict[str, str]], severity: str) -> list[str]:
    return [remark["text"] for remark in remarks if remark["severity"] == severity]


def test_rights_are_asked_in_one_call_and_each_answer_is_heard(doctor: Doctor, log: Path) -> None:
    code, remarks = doctor()
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert code == 1
    assert sum(call[0] == "create" for call in calls) == 1
    assert len(calls) <= 15
    denied = [text for text in texts(remarks, "problem") if "you may not" in text]
    assert "in production you may not delete services/my-app-canary" in denied
    assert all("patch" not in text and "get" not in text for text in denied)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("pods", "the pods could not be read: Error from server (Forbidden)"),
        ("gatewayclasses", "GatewayClasses could not be read"),
        ("customresourcedefinition", "the CustomResourceDefinitions of the Gateway API could not be read"),
        ("namespace/", "the labels of the namespaces could not be read"),
        ("endpointslices", "EndpointSlices could not be read"),
        ("create", "what you may do could not be read"),
        ("deployment.apps/", "the objects of the release could not be read"),
    ],
)
def test_what_is_refused_is_said_and_the_rest_read(doctor: Doctor, refused: str, words: str) -> None:
    _, remarks = doctor(refused)
    (text,) = texts(remarks, "warning")
    assert text.startswith(words)


def test_without_a_right_to_leases_the_objects_are_read_all_the_same(doctor: Doctor) -> None:
    _, remarks = doctor("lease.coordination")
    (text,) = texts(remarks, "warning")
    assert text.startswith("the Lease of the release could not be read")
    assert "nothing of the release is in the cluster yet" in texts(remarks, "ok")


def test_a_server_that_does_not_answer_ends_it(doctor: Doctor, log: Path) -> None:
    code, remarks = doctor("/version")
    assert code == 1
    assert texts(remarks, "problem")[0].startswith("the cluster does not answer")
    assert len(log.read_text().splitlines()) == 3
