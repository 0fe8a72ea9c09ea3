"""`diff`: what a phase has otherwise than the cluster, as `kubectl diff` shows it."""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Result
from releases import a_file, a_release
from test_plan import GENERATOR, documents

from kubectl_canary.errors import Refused
from kubectl_canary.release.changes import Alteration, Creation, Removal
from kubectl_canary.release.documents import Document, Key, Part
from kubectl_canary.release.plan import Plan
from kubectl_canary.rendering.live import live_difference, live_step
from kubectl_canary.rendering.parts import live_parts
from kubectl_canary.reports.differences import differences, unified

Canary = Callable[..., Result]
Objects = dict[Key, dict[str, Any]]
ROUTE = "gateway.networking.k8s.io.v1.HTTPRoute.web.shop-canary-route"
PODS = "apps.v1.Deployment.web.shop-canary"
SECRET = Part("others", "v1", "Secret", "web", "keys")


def live(plan: Plan, phase: str) -> Objects:
    """The objects of a phase, as a cluster has them."""
    found = copy.deepcopy(documents(plan, plan.find(phase)))
    for one in found.values():
        one["metadata"] |= {"uid": "1", "generation": 3, "managedFields": [{"manager": "somebody"}]}
        one["status"] = {"observedGeneration": 3}
    return {part.key: found[part.title] for part in live_parts(plan) if part.title in found}


def route_in(objects: Objects) -> dict[str, Any]:
    return next(value for key, value in objects.items() if key[1] == "HTTPRoute")


def stable_in(objects: Objects) -> dict[str, Any]:
    return next(value for key, value in objects.items() if key[3] == "shop-stable" and key[1] == "Deployment")


def shown(plan: Plan, goal: str, objects: Objects) -> str:
    return unified(differences(live_difference(plan, GENERATOR, goal, objects)[0].changes))


def changed_lines(text: str) -> list[str]:
    return [
        line for line in text.splitlines() if line[:1] in ("+", "-") and not line.startswith(("---", "+++"))
    ]


def test_it_looks_as_kubectl_diff_does() -> None:
    plan = a_release()
    text = shown(plan, "50%", live(plan, "5%"))
    heads = [line for line in text.splitlines() if line.startswith(("diff", "---", "+++"))]
    assert heads[:3] == [
        f"diff -u -N LIVE/{PODS} MERGED/{PODS}",
        f"--- LIVE/{PODS}",
        f"+++ MERGED/{PODS}",
    ]
    assert f"diff -u -N LIVE/{ROUTE} MERGED/{ROUTE}" == heads[3]
    assert changed_lines(text) == [
        "-  replicas: 5", "+  replicas: 10",
        "-    kubectl-canary/phase.shop: \"5%\"", "+    kubectl-canary/phase.shop: \"50%\"",
        "-          weight: 95", "+          weight: 50", "-          weight: 5", "+          weight: 50",
    ]  # fmt: skip


def test_nothing_differs_in_the_phase_that_is_there() -> None:
    plan = a_release()
    for phase in plan.phases:
        assert "" == shown(plan, phase.name, live(plan, phase.name))


def test_it_answers_where_a_step_is_refused() -> None:
    """A question is not a step: neither what is left out nor another stable keeps it from an answer."""
    plan = a_release()
    objects = live(plan, "header-only")
    with pytest.raises(Refused):
        live_step(plan, GENERATOR, "50%", objects)
    assert shown(plan, "50%", objects)
    stable_in(objects)["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/shop:v0"
    with pytest.raises(Refused, match="stable is another version"):
        live_step(plan, GENERATOR, "50%", objects)
    lines = changed_lines(shown(plan, "50%", objects))
    assert "-        - image: registry.example.com/shop:v0" in lines
    assert "+        - image: registry.example.com/shop:v1" in lines


@pytest.mark.parametrize(
    ("goal", "titles"),
    [
        ("rollback", ["HTTPRoute"]),
        ("rolled-back", ["Deployment", "HTTPRoute", "Service"]),
        ("before", ["Deployment", "HTTPRoute", "Service"]),
    ],
)
def test_ways_back_are_goals(goal: str, titles: list[str]) -> None:
    plan = a_release()
    found = differences(live_difference(plan, GENERATOR, goal, live(plan, "50%"))[0].changes)
    assert titles == sorted({title for one in found for title in one.name.split(".") if title in titles})
    gone = [one.name for one in found if not one.after]
    assert ([] if goal == "rollback" else [PODS, "v1.Service.web.shop-canary"]) == gone


def test_a_way_back_from_nothing_is_no_answer() -> None:
    with pytest.raises(Refused, match="the release is not there"):
        shown(a_release(), "rollback", {})


def test_what_is_not_there_is_made() -> None:
    plan = a_release()
    text = shown(plan, "deploy", live(plan, "before"))
    assert "@@ -0,0 +1," in text
    assert "+  name: shop-canary" in changed_lines(text)
    assert not [line for line in changed_lines(text) if line.startswith("-")]


def test_what_others_have_is_left_out() -> None:
    plan = a_release()
    objects = live(plan, "5%")
    route = route_in(objects)
    plain = changed_lines(shown(plan, "50%", objects))
    route["metadata"]["annotations"] |= {
        "kubectl-canary/driver.shop": "anna apply",
        "kubectl-canary/hold": "lunch",
    }
    route["metadata"]["annotations"]["example.com/theirs"] = "yes"
    route["spec"]["rules"].insert(
        0,
        {"name": "theirs", "matches": [{"path": {"value": "/x"}}], "backendRefs": [{"name": "x", "port": 1}]},
    )
    text = shown(plan, "50%", objects)
    assert plain == changed_lines(text)
    assert not [word for word in ("managedFields", "status", "driver.shop", "hold") if word in text]


def test_what_is_of_a_cluster_alone_does_not_go_with_an_object() -> None:
    plan = a_release()
    objects = live(plan, "50%")
    pods = next(value for key, value in objects.items() if key[3] == "shop-canary")
    pods["metadata"].setdefault("annotations", {})["kubectl-canary/hold"] = "lunch"
    text = shown(plan, "rolled-back", objects)
    assert not [
        word for word in ("managedFields", "observedGeneration", "kubectl-canary/hold") if word in text
    ]


def a_secret(**data: str) -> Document:
    return Document(SECRET, {"kind": "Secret", "metadata": {"name": "keys"}, "data": data})


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (Creation(a_secret(a="eA==")), ["+data:", "+  a: '***'", "+kind: Secret", "+metadata:", "+  name: keys"]),
        (Removal(a_secret(a="eA==")), ["-data:", "-  a: '***'", "-kind: Secret", "-metadata:", "-  name: keys"]),
        (
            Alteration(a_secret(a="eA==", b="eA=="), a_secret(a="eQ==", b="eA==")),
            ["-  a: '*** (before)'", "+  a: '*** (after)'"],
        ),
    ],
)  # fmt: skip
def test_values_of_a_secret_are_not_shown(change: Any, lines: list[str]) -> None:
    text = unified(differences([change]))
    assert lines == [line.replace('"', "'") for line in changed_lines(text)]
    assert "eA==" not in text


# --- the verb ------------------------------------------------------------


@pytest.fixture
def has_objects(
    canary_yaml: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Objects], Path]:
    """A kubectl whose cluster has these objects; answers with the log of its calls."""
    monkeypatch.delenv("KUBECTL_EXTERNAL_DIFF", raising=False)

    def has(objects: Objects) -> Path:
        folder = canary_yaml(yaml.safe_dump(a_file(phase="50%"))).parent
        config = {
            "contexts": [{"name": "here", "context": {"cluster": "here"}}],
            "current-context": "here",
        }
        (folder / "config").write_text(json.dumps(config))
        (folder / "objects").write_text(json.dumps({"kind": "List", "items": list(objects.values())}))
        program = folder / "kubectl"
        program.write_text(
            '#!/bin/sh\necho "$*" >> log\ncase "$*" in *"config view"*) cat config;; *) cat objects;; esac\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("KUBECTL_PATH", str(program))
        return folder / "log"

    return has


HasObjects = Callable[[Objects], Path]


def test_its_exit_code_says_whether_anything_differs(canary: Canary, has_objects: HasObjects) -> None:
    log = has_objects(live(a_release(), "5%"))
    same = canary("diff", "--phase", "5%")
    assert (0, "", "") == (same.code, same.out, same.err)
    other = canary("diff")
    assert (1, "") == (other.code, other.err)
    assert '+    kubectl-canary/phase.shop: "50%"' in other.out
    assert "lease" not in log.read_text()
    assert {"config", "get"} == {
        word for word in shlex.split(log.read_text()) if word in ("config", "get", "apply", "patch", "create")
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--phase", "51%"), "did you mean `50%`?"),
        (("--phase", "rollback"), "the release is not there, nothing was printed"),
        (("--set", "spec.phase=nothing"), "nothing was printed"),
        (("--set", "spec.stable.replicas=x"), "nothing was printed"),
    ],
)
def test_what_cannot_be_answered_is_neither_0_nor_1(
    canary: Canary, has_objects: HasObjects, arguments: tuple[str, ...], said: str
) -> None:
    has_objects({})
    result = canary("diff", *arguments)
    assert (2, "") == (result.code, result.out)
    assert said in result.err


def test_a_cluster_that_does_not_answer_is_no_difference(
    canary: Canary, has_objects: HasObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_objects({})
    monkeypatch.setenv("KUBECTL_PATH", "false")
    assert 4 == canary("diff").code


def a_program(folder: Path, script: str) -> str:
    program = folder / "compare"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(("code", "answer"), [(0, 0), (1, 1), (2, 4), (9, 4)])
def test_another_program_compares_two_folders(
    canary: Canary, has_objects: HasObjects, monkeypatch: pytest.MonkeyPatch, code: int, answer: int
) -> None:
    folder = has_objects(live(a_release(), "5%")).parent
    script = f'echo "$1 $2 ${{3##*/}} ${{4##*/}}"; ls "$3" "$4"; cd "$3/.."; diff -r LIVE MERGED; exit {code}'
    monkeypatch.setenv("KUBECTL_EXTERNAL_DIFF", f"{a_program(folder, script)} -u .*  --omit=x")
    result = canary("diff")
    assert result.out.startswith("-u --omit=x LIVE MERGED\n")
    assert 2 == result.out.count(f"\n{ROUTE}\n")
    assert ">           weight: 50\n" in result.out
    assert answer == result.code
    assert "warning: $KUBECTL_EXTERNAL_DIFF: .* is left out" in result.err
    assert (f"-u --omit=x` failed with exit code {code}" in result.err) == (answer == 4)


def test_an_object_of_one_side_has_one_file(
    canary: Canary, has_objects: HasObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = has_objects(live(a_release(), "before")).parent
    monkeypatch.setenv("KUBECTL_EXTERNAL_DIFF", a_program(folder, 'ls "$1"; echo; ls "$2"'))
    there, _, then = canary("diff", "--phase", "deploy").out.partition("\n")
    assert PODS not in there
    assert PODS in then


def test_another_program_is_not_asked_where_nothing_differs(
    canary: Canary, has_objects: HasObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_objects(live(a_release(), "5%"))
    monkeypatch.setenv("KUBECTL_EXTERNAL_DIFF", "false")
    assert 0 == canary("diff", "--phase", "5%").code


def test_a_program_that_is_not_there_is_said(
    canary: Canary, has_objects: HasObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_objects(live(a_release(), "5%"))
    monkeypatch.setenv("KUBECTL_EXTERNAL_DIFF", "no-such-program")
    result = canary("diff")
    assert (4, "") == (result.code, result.out)
    assert "error: no-such-program cannot be run: No such file or directory" in result.err
