"""`patch` and the rollback files: for all pairs of phases, offline and against the real API server."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import races
import yaml
from conftest import ROOT, SEED, Cluster, Result
from controllers import Controllers
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import canary_files, pairs
from test_apiserver import RELEASE, difference
from test_patches import apply
from test_plan import GENERATOR, documents, planned

from kubectl_canary.commands import inputs
from kubectl_canary.errors import UsageError
from kubectl_canary.release import actions, patches, ways
from kubectl_canary.release.changes import Alteration, Change
from kubectl_canary.release.plan import Phase, PhaseKind, Plan
from kubectl_canary.rendering import objects, steps
from kubectl_canary.rendering.steps import step
from kubectl_canary.reports import shells

Canary = Callable[..., Result]
SLOW = settings(max_examples=25)


def applied(change: Change) -> Any:
    assert isinstance(change, Alteration)
    return apply(change.before.value, change.operations())


@settings(max_examples=60)
@given(canary_files(), st.data())
def test_a_patch_between_any_two_phases_leads_there_and_back(
    value: dict[str, Any], data: st.DataObject
) -> None:
    made = planned(value)
    for start, to in data.draw(pairs((*made.phases, *made.ways_back()))):
        for change in step(made, GENERATOR, start, to).changes:
            if isinstance(change, Alteration):
                assert change.after.value == applied(change)
                back = Alteration(change.after, change.before, is_back=not change.is_back)
                assert change.before.value == applied(back)


@SLOW
@given(canary_files())
def test_a_rollback_leads_to_the_route_of_before(value: dict[str, Any]) -> None:
    made = planned(value)
    before = documents(made, made.phases[0])
    route = f"HTTPRoute {made.application.route.name}"
    for phase in made.phases[1:]:
        back = made.way_back(phase)
        if back is not None and back.kind is PhaseKind.ROLLBACK:
            found = step(made, GENERATOR, phase, back).changes
            assert len(found) == (phase.traffic.phase is not None)
            assert [before[route]] * len(found) == [applied(change) for change in found]


def kinds(start: str, to: str) -> list[str]:
    made = inputs.load([str(SEED)]).plan
    found = step(made, GENERATOR, made.find(start), made.find(to)).changes
    return [f"{change.action} {change.part.title}" for change in found]


def test_steps_come_in_safe_order() -> None:
    route, canary = "patch HTTPRoute my-app-canary-route", "patch Deployment my-app-canary"
    assert ["create Service my-app-canary", "create Deployment my-app-canary"] == kinds("before", "deploy")
    assert [canary, route] == kinds("10%", "25%")
    assert [route, canary] == kinds("25%", "10%")
    assert [route] == kinds("25%", "rollback from 25%")
    assert ["patch Deployment my-app-stable"] == kinds("100%", "promote-roll")
    assert [route] == kinds("promote-roll", "promote-return")
    assert ["delete Deployment my-app-canary", "delete Service my-app-canary"] == kinds(
        "promote-return", "promoted"
    )
    assert [route, "patch Deployment my-app-stable"] == kinds(
        "promote-return", "rollback-promotion from promote-return"
    )


def test_a_patch_is_a_list_for_programs(canary: Canary) -> None:
    result = canary("patch", "-f", SEED, "--from", "10%", "--to", "25%")
    listed = json.loads(result.out)
    assert [("Deployment", "my-app-canary", "json"), ("HTTPRoute", "my-app-canary-route", "json")] == [
        (one["kind"], one["name"], one["type"]) for one in listed
    ]
    assert {"apiVersion", "kind", "namespace", "name", "type", "patch"} == set(listed[0])
    assert listed == yaml.safe_load(
        canary("patch", "-f", SEED, "--from", "10%", "--to", "25%", "-o", "yaml").out
    )
    assert canary("patch", "-f", SEED, "--from", "25%", "--to", "10%").out == canary(
        "patch", "-f", SEED, "--from", "10%", "--to", "25%", "--undo"
    ).out  # fmt: skip


def test_a_merge_patch_says_what_it_replaces(canary: Canary) -> None:
    result = canary("patch", "-f", SEED, "--from", "10%", "--to", "25%", "--type", "merge", "-o", "kubectl")
    assert "kubectl patch httproute my-app-canary-route -n production --type=merge -p '{" in result.out
    assert (
        "warning: HTTPRoute my-app-canary-route: spec.rules is replaced whole, with what others have changed in it\n"
        == result.err
    )


def test_already_there_is_no_error(canary: Canary) -> None:
    result = canary("patch", "-f", SEED, "--from", "25%", "--to", "25%", "-o", "kubectl")
    assert (0, "", "`25%` and `25%` are the same: nothing to patch\n") == (
        result.code,
        result.out,
        result.err,
    )


def commands(text: str) -> list[str]:
    """The lines of a block that call kubectl to change something."""
    return [
        line
        for line in text.splitlines()
        if re.match(r"( *|printf .* \| )kubectl (patch|create|delete) ", line)
    ]


def test_lines_are_quoted_for_their_shell(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "canary.yaml").write_text(SEED.read_text())
    way = ["patch", "-f", tmp_path / "canary.yaml", "--from", "before", "--to", "deploy", "-o", "kubectl"]
    setting = ["--set", "spec.container.args[0]=it's $HOME `x`"]
    sh = commands(canary(*way, *setting).out)[1].replace("kubectl create -f -", "cat")
    shown = subprocess.run(["sh", "-c", sh], capture_output=True, text=True, check=True).stdout
    assert ["it's $HOME `x`"] == json.loads(shown)["spec"]["template"]["spec"]["containers"][0]["args"]
    lines = canary(*way, *setting, "--shell", "powershell").out.splitlines()
    powershell = [line.strip() for line in lines if " | kubectl create" in line][1]
    literal, pipe = powershell.rsplit(" | ", 1)
    assert "kubectl create -f -" == pipe
    assert json.loads(shown) == json.loads(literal[1:-1].replace("''", "'"))
    assert "''" in literal


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--from", "5%", "--to", "promoted"], 1, "5% → promoted: `promoted` takes canary pods away that still serve in `5%`"),
        (["--from", "5%", "--to", "100%"], 1, "5% → 100%: `5%` runs 1 pod of the canary, `100%` needs 3"),
        (["--from", "5%", "--to", "7%"], 2, "error: unknown phase `7%`\ndid you mean `5%`?"),
        (["--from", "5%"], 2, "error: Missing option '--to'."),
        (["--from", "deploy", "--to", "header-only"], 1, "deploy → header-only: this leaves out `mirror 20%`\n--jump prints every step"),
        (["--from", "5%", "--to", "10%", "--jump", "--skip"], 2, "error: --jump goes by every phase, --skip by none"),
        (["--from", "50%", "--to", "rollback from 25%"], 2, "error: `rollback from 25%` does not start at `50%`\nfrom `50%` it is `rollback from 50%`"),
        (["--from", "5%", "--to", "10%", "--check", "none.yaml"], 4, "error: none.yaml does not exist\n"),
        (["--from", "5%", "--to", "10%", "--check", str(SEED)], 2, "Canary my-app is not patched on this way\npatched: HTTPRoute my-app-canary-route"),
    ],
)  # fmt: skip
def test_ways_that_are_refused(canary: Canary, flags: list[str], code: int, message: str) -> None:
    result = canary("patch", "-f", SEED, *flags)
    assert (code, "") == (result.code, result.out)
    assert message in result.err


@pytest.mark.parametrize(
    "text", ["", "[]", "a: 1", "metadata: 3\nkind: HTTPRoute", "kind: HTTPRoute\nmetadata: {}"]
)
def test_what_is_checked_must_be_an_object(canary: Canary, text: str) -> None:
    result = canary("patch", "-f", SEED, "--from", "5%", "--to", "10%", "--check", "-", stdin=text.encode())
    assert (2, "") == (result.code, result.out)
    assert result.err.startswith("error: --check -: ")


def test_a_refusal_is_explained(canary: Canary) -> None:
    live = canary("render", "-f", SEED, "--phase", "10%", "--only", "route").out
    way = ["patch", "-f", SEED, "--from", "10%", "--to", "25%", "--check", "-"]
    fits = canary(*way, stdin=live.encode())
    assert (0, "httproute/my-app-canary-route passes every guard: the patch fits\n") == (fits.code, fits.err)
    changed = live.replace("weight: 90", "weight: 40").replace("- name: default", "- name: other")
    refused = canary(*way, stdin=changed.encode())
    assert (1, "") == (refused.code, refused.out)
    assert [
        "refused: httproute/my-app-canary-route is not at 10% any more",
        '  /spec/rules/1/name is "other", expected "default"',
        "  /spec/rules/1/backendRefs/0/weight is 40, expected 90",
    ] == refused.err.splitlines()[:3]


def test_a_jump_prints_every_step_on_the_way_and_sleeps_its_pauses(canary: Canary) -> None:
    refused = canary("patch", "-f", SEED, "--from", "25%", "--to", "promoted")
    path = "`25%` → `50%` → `100%` → `promote-roll` → `promote-return` → `promoted`"
    assert f"go by {path}; --jump prints all of these steps\n" in refused.err
    way = ["patch", "-f", SEED, "--from", "25%", "--to", "promoted", "--jump"]
    lines = canary(*way, "-o", "kubectl").out.splitlines()
    assert ["sleep 2", "sleep 1800", "sleep 1800", "sleep 30", "sleep 30"] == [
        line.strip() for line in lines if line.strip().startswith("sleep")
    ]
    assert not [line for line in lines if line.startswith("#")]
    listed = canary(*way)
    programs = json.loads(listed.out)
    assert ["50%", "50%", "100%", "promote-roll", "promote-return", "promoted", "promoted"] == [
        one["phase"] for one in programs
    ]
    assert listed.err.startswith("these are several phases: after each, wait")


@pytest.mark.parametrize("shell", ["sh", "powershell"])
def test_a_jump_ends_at_a_gate_and_names_the_command_for_the_rest(
    canary: Canary, canary_yaml: Callable[[str], Path], shell: str
) -> None:
    text = SEED.read_text().replace("pause: 15m}", "pause: 15m, gates: [{query: error_rate, max: 0.01}]}")
    assert "gates" in text
    canary_yaml(text)
    way = ["patch", "--from", "10%", "--to", "100%", "--jump", "-o", "kubectl", "--shell", shell]
    first = canary(*way)
    note = "25% has a gate: error_rate ≤ 0.01. When it holds, this prints the rest: kubectl canary patch "
    assert note in first.out
    assert first.err.startswith(note)
    rest = shlex.split(first.err.partition("prints the rest: ")[2])
    assert ["--from", "25%", "--to", "100%", "--jump"] == rest[3:8]
    assert "sleep 900" not in first.out
    assert "Start-Sleep -Seconds 900" not in first.out
    second = canary(*rest[2:])
    assert second.code == 0
    assert "has a gate" not in second.out + second.err


def test_the_way_is_the_plans_order() -> None:
    made = inputs.load([str(SEED)]).plan
    find = made.find
    names = [phase.name for phase in made.phases]
    assert names[1:] == [phase.name for phase in ways.way(made, find("before"), find("promoted"))]
    assert ["25%", "10%"] == [phase.name for phase in ways.way(made, find("50%"), find("10%"))]
    assert ["rollback from 50%", "rolled-back"] == [
        phase.name for phase in ways.way(made, find("50%"), find("rolled-back"))
    ]
    assert ["rollback-promotion from promote-return", "rollback from 100%", "rolled-back"] == [
        phase.name for phase in ways.way(made, find("promote-return"), find("rolled-back"))
    ]
    assert ["rolled-back"] == [
        phase.name for phase in ways.way(made, find("rollback from 5%"), find("rolled-back"))
    ]
    assert [] == ways.way(made, find("5%"), find("5%"))


def test_every_way_is_safe_step_by_step() -> None:
    made = inputs.load([str(SEED)]).plan
    everything = (*made.phases, *made.ways_back())
    for start, to in itertools.permutations(everything, 2):
        try:
            path = [start, *ways.way(made, start, to)]
        except UsageError:
            assert to.origin != start.name
            continue
        assert path[-1] == to, f"no way from {start.name} to {to.name}"
        assert not [here for here, goal in itertools.pairwise(path) if ways.step_problem(here, goal)]


def test_a_rollback_is_one_document(canary: Canary) -> None:
    before = canary("render", "-f", SEED, "--phase", "before", "--only", "route").out
    for phase in ("deploy", "mirror 20%", "header-only", "5%", "100%"):
        assert before == canary("rollback", "--print", "-f", SEED, "--from", phase).out
    assert before == canary("rollback", "--print", "-f", SEED).out
    listed = json.loads(canary("rollback", "--print", "-f", SEED, "--from", "5%", "-o", "json").out)
    assert ["HTTPRoute"] == [item["kind"] for item in listed["items"]]
    lines = canary("rollback", "--print", "-f", SEED, "--from", "5%", "-o", "kubectl").out
    patched = canary("patch", "-f", SEED, "--from", "5%", "--to", "rollback", "-o", "kubectl").out
    assert [line.partition(" || ")[0] for line in commands(patched)] == [
        line.partition(" || ")[0] for line in commands(lines)
    ]
    promotion = canary("rollback", "--print", "-f", SEED, "--from", "promote-return").out
    kinds = [document["kind"] for document in yaml.safe_load_all(promotion)]
    assert ["HTTPRoute", "Deployment", "Deployment"] == kinds


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--from", "5%"], "error: --from goes with --print"),
        (["-o", "yaml"], "error: -o goes with --print"),
        (["--print", "--keep"], "error: --keep and --gradual are about a cluster"),
        (
            ["--print", "--from", "before"],
            "error: no way back from `before`\nthere is no canary in that phase",
        ),
        (["--print", "--from", "7%"], "error: unknown phase `7%`"),
        (["--print", "--set", "spec.phase=before"], "error: no way back from `before`"),
    ],
)
def test_rollbacks_that_are_not_there(canary: Canary, flags: list[str], message: str) -> None:
    result = canary("rollback", "-f", SEED, *flags)
    assert (2, "") == (result.code, result.out)
    assert message in result.err


# --- the real API server ----------------------------------------------------------


@pytest.fixture
def made(cluster: Cluster, namespace: str, tmp_path: Path) -> Plan:
    (tmp_path / "canary.yaml").write_text(RELEASE)
    return inputs.load([str(tmp_path / "canary.yaml")], namespace=namespace).plan


def shell(cluster: Cluster, lines: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """With kubectl on PATH, and nothing of ours; `sleep` is short."""
    environment = {**cluster.environment(), "PATH": f"{cluster.kubectl_path.parent}:/usr/bin:/bin"}
    lines = "sleep() { /bin/sleep 0.1; }; export -f sleep; " + lines
    done = subprocess.run(
        ["bash", "-eu", "-c", lines], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, done.stderr
    return done


def send(
    cluster: Cluster, made: Plan, start: Phase, to: Phase, *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """What changes something, without the waits: there are no controllers here that would end them."""
    changes = [actions.Make(change) for change in step(made, GENERATOR, start, to).changes]
    return shell(cluster, shells.block(changes, shells.Style()), check)


def assert_live(cluster: Cluster, made: Plan, phase: Phase) -> None:
    live = cluster.live(made.application.namespace or "")
    wanted = documents(made, phase)
    assert {f"{kind} {name}" for kind, name in live} == set(wanted)
    for (kind, name), found in live.items():
        document = wanted[f"{kind} {name}"]
        assert [] == difference(document, found, name)
        if kind == "HTTPRoute":
            assert document["spec"] == found["spec"]
            noted = "kubectl-canary/phase.my-app"
            assert (noted in document["metadata"]["annotations"]) is (
                noted in found["metadata"]["annotations"]
            )


def start_with(cluster: Cluster, made: Plan, phase: Phase) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents(made, phase).values())})
    cluster.kubectl("apply", "-f", "-", stdin=text)


def test_kubectl_moves_a_release_by_patches_alone_and_back(cluster: Cluster, made: Plan) -> None:
    start_with(cluster, made, made.phases[0])
    pairs = [*itertools.pairwise(made.phases), *itertools.pairwise(reversed(made.phases[:-1]))]
    at = made.phases[0]
    for start, to in pairs:
        if start is at and ways.step_problem(start, to) is None:
            send(cluster, made, start, to)
            assert_live(cluster, made, to)
            at = to
            if to is made.phases[-1]:
                send(cluster, made, to, made.phases[-2])
                at = made.phases[-2]
    assert at is made.phases[0]


def test_the_rollback_files_work_with_kubectl_alone(
    cluster: Cluster, made: Plan, namespace: str, tmp_path: Path, canary: Canary
) -> None:
    out = tmp_path / "out"
    canary("render", "-f", tmp_path / "canary.yaml", "-n", namespace, "--all", "-o", f"dir={out}")
    before = documents(made, made.phases[0])["HTTPRoute my-app-canary-route"]
    for number, phase in enumerate(made.phases):
        folder = out / f"phases/{number:02}-{phase.slug}/rollback"
        back = made.way_back(phase)
        if back is None:
            assert not folder.exists()
            continue
        name = back.kind.value
        patch = f"kubectl patch httproute my-app-canary-route -n {namespace} --type=json --patch-file={folder}/{name}.patch.json"
        lines = [f"bash {folder}/{name}.sh", f"kubectl apply -f {folder}/{name}.yaml"]
        objects = {"httproute": "my-app-canary-route", "deployment": "my-app-stable"}
        if back.kind is PhaseKind.ROLLBACK:
            lines.append(patch)
        else:
            files = [(kind, folder / f"{name}.{kind}.patch.json") for kind in objects]
            lines.append("; ".join(
                f"kubectl patch {kind} {objects[kind]} -n {namespace} --type=json --patch-file={file}"
                for kind, file in files if file.exists()
            ))  # fmt: skip
        for line in lines:
            start_with(cluster, made, phase)
            with Controllers(cluster, namespace):
                shell(cluster, line)
            live = cluster.live(namespace)
            wanted = documents(made, back)
            assert (
                wanted["HTTPRoute my-app-canary-route"]["spec"]
                == live["HTTPRoute", "my-app-canary-route"]["spec"]
            )
            if back.kind is PhaseKind.ROLLBACK:
                assert before["spec"] == live["HTTPRoute", "my-app-canary-route"]["spec"]
            stable = live["Deployment", "my-app-stable"]["spec"]["template"]["spec"]["containers"][0]["image"]
            assert made.application.workloads[0].runs(back.stable_version).image == stable
    assert not (out / "rollback").exists()  # the file declares `before`


def test_where_a_backend_was_inserted_ours_is_refused_and_the_unguarded_one_goes_wrong(
    cluster: Cluster, made: Plan, namespace: str
) -> None:
    """The one-liner by index that everybody uses sends most of the traffic to whoever came in between."""
    start, to = made.find("25%"), made.find("rollback from 25%")
    route = ["httproute", "my-app-canary-route", "-n", namespace]
    intruder = json.dumps(
        [
            {
                "op": "add",
                "path": "/spec/rules/1/backendRefs/0",
                "value": {"name": "intruder", "port": 80, "weight": 1},
            }
        ]
    )
    start_with(cluster, made, start)
    cluster.kubectl("patch", *route, "--type=json", "-p", intruder)
    held = cluster.live(namespace)["HTTPRoute", "my-app-canary-route"]["spec"]
    refused = send(cluster, made, start, to, check=False)
    assert refused.returncode == 1
    assert "The request is invalid" in refused.stderr  # kubectl says no more; --check does
    assert held == cluster.live(namespace)["HTTPRoute", "my-app-canary-route"]["spec"]
    unguarded = [
        {"op": "replace", "path": f"/spec/rules/1/backendRefs/{n}/weight", "value": w}
        for n, w in ((0, 100), (1, 0))
    ]
    cluster.kubectl("patch", *route, "--type=json", "-p", json.dumps(unguarded))
    rule = cluster.live(namespace)["HTTPRoute", "my-app-canary-route"]["spec"]["rules"][1]
    assert {"intruder": 100, "my-app-stable": 0, "my-app-canary": 25} == {
        ref["name"]: ref["weight"] for ref in rule["backendRefs"]
    }


@pytest.mark.parametrize("case", sorted((ROOT / "tests/cases").iterdir()), ids=lambda case: case.name)
def test_the_api_server_applies_every_patch_of_every_golden_pair(
    cluster: Cluster, namespace: str, case: Path
) -> None:
    """Each route is put into every phase and patched to every other; what the server then holds is that phase."""
    made = inputs.load([str(case / "canary.yaml")]).plan
    phases = [_route_in(namespace, made, phase) for phase in (*made.phases, *made.ways_back())]
    distinct = {json.dumps(route, sort_keys=True): route for route in phases}
    kinds = f"{phases[0]['kind'].lower()}s"
    server = races.Server(cluster.kubeconfig, namespace, made.application.route.name, kinds)
    assert server.call("POST", next(iter(distinct.values())), name="")[0] == 201
    for before, after in itertools.permutations(distinct.values(), 2):
        assert server.put(before)[0] == 200
        for start, to in ((before, after), (after, before)):
            status, answer = server.patch(patches.patch(start, to))
            assert status == 200, answer
            assert (to["spec"], to["metadata"]["annotations"]) == (
                answer["spec"],
                answer["metadata"]["annotations"],
            )


def _route_in(namespace: str, made: Plan, phase: Phase) -> dict[str, Any]:
    """The route of a phase as `kubectl apply` leaves it in a namespace."""
    rendered = GENERATOR.render(objects.planned(made.application, phase))
    route = steps.applied(next(one for one in rendered if one.part.is_route), made.application).value
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "", **route["metadata"]["annotations"]}
    return {**route, "metadata": {**route["metadata"], "namespace": namespace, "annotations": annotations}}


@pytest.mark.parametrize("case", sorted((ROOT / "tests/cases").iterdir()), ids=lambda case: case.name)
def test_kubectl_applies_every_patch_of_every_golden_pair_offline(
    program: Callable[[str], Path], case: Path, tmp_path: Path
) -> None:
    """`kubectl patch --local`, for the route of neighbouring phases, forth and back."""
    made = inputs.load([str(case / "canary.yaml")]).plan
    sent: set[str] = set()
    for start, to in itertools.permutations((*made.phases, *made.ways_back()), 2):
        for change in step(made, GENERATOR, start, to).changes:
            if not isinstance(change, Alteration) or change.part.kind != "Deployment":
                continue  # kubectl knows no custom resources without a server
            if (key := json.dumps([change.before.value, change.operations()])) in sent:
                continue
            sent.add(key)
            (tmp_path / "before.json").write_text(json.dumps(change.before.value))
            (tmp_path / "patch.json").write_text(json.dumps(change.operations()))
            flags = ["--local", "-o", "json", "--type=json", f"--patch-file={tmp_path}/patch.json"]
            command = [program("kubectl"), "patch", *flags, "-f", tmp_path / "before.json"]
            done = subprocess.run(
                command, capture_output=True, text=True, env={"KUBECONFIG": "/dev/null"}, check=False
            )
            assert done.returncode == 0, done.stderr
            found = json.loads(done.stdout)["spec"]
            image = change.after.value["spec"]["template"]["spec"]["containers"][0]["image"]
            assert change.after.value["spec"].get("replicas") == found.get("replicas")
            assert image == found["template"]["spec"]["containers"][0]["image"]
    assert sent


def test_the_plan_shows_the_way_between_two_phases(canary: Canary) -> None:
    one = canary("plan", "-f", SEED, "--from", "10%", "--to", "25%")
    assert (
        "from 10%, 1 step:\n"
        "  25%  patch Deployment my-app-canary, patch HTTPRoute my-app-canary-route; then wait 15m\n"
        == one.out
    )
    refused = canary("plan", "-f", SEED, "--from", "5%", "--to", "promoted")
    assert (1, "") == (refused.code, refused.out)
    assert "--jump prints all of these steps" in refused.err
    jump = canary("plan", "-f", SEED, "--from", "5%", "--to", "promoted", "--jump").out.splitlines()
    assert ["10%", "25%", "50%", "100%", "promote-roll", "promote-return", "promoted"] == [
        line.split()[0] for line in jump[1:]
    ]
    assert jump[-1].endswith("delete Deployment my-app-canary, delete Service my-app-canary")
    alone = canary("plan", "-f", SEED, "--jump")
    assert (2, "") == (alone.code, alone.out)


def test_the_plans_json_has_every_transitions_objects(canary: Canary) -> None:
    phases = json.loads(canary("plan", "-f", SEED, "-o", "json").out)["phases"]
    deploy = next(phase for phase in phases if phase["name"] == "deploy")
    created = [(one["action"], one["apiVersion"], one["kind"], one["name"]) for one in deploy["changes"]]
    name = "my-app-canary"
    assert created == [("create", "v1", "Service", name), ("create", "apps/v1", "Deployment", name)]
