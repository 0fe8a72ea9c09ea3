"""`patch --live`: ours by name, everybody else's as they stand, in the real API server."""

from __future__ import annotations

import copy
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from conftest import Cluster
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import canary_files, pairs
from test_apiserver import RELEASE
from test_plan import GENERATOR, documents, planned

from kubectl_canary.commands import inputs
from kubectl_canary.errors import Refused
from kubectl_canary.release import overlay, patches, shares, ways
from kubectl_canary.release.application import Version
from kubectl_canary.release.changes import Alteration, Step
from kubectl_canary.release.plan import WAYS_BACK, Phase, PhaseKind, Plan
from kubectl_canary.rendering.live import live_step
from kubectl_canary.rendering.parts import live_parts
from kubectl_canary.rendering.steps import step

ROUTE = "HTTPRoute my-app-canary-route"
FOREIGN = {
    "name": "theirs",
    "matches": [{"path": {"type": "PathPrefix", "value": "/theirs"}}],
    "backendRefs": [{"name": "other", "port": 80}],
}
THIRD = {"group": "", "kind": "Service", "name": "legacy", "port": 80, "weight": 50}


@pytest.fixture
def plan(tmp_path: Path, namespace: str) -> Plan:
    (tmp_path / "canary.yaml").write_text(RELEASE)
    return inputs.load([str(tmp_path / "canary.yaml")], namespace=namespace).plan


def offline_plan(tmp_path: Path) -> Plan:
    (tmp_path / "canary.yaml").write_text(RELEASE)
    return inputs.load([str(tmp_path / "canary.yaml")], namespace="shop").plan


@given(
    st.integers(0, 10_000).map(lambda number: Fraction(number, 10_000)),
    st.integers(1, 1000),
    st.lists(st.integers(0, 1000), min_size=1, max_size=4),
)
def test_third_backends_keep_their_exact_share(share: Fraction, together: int, others: list[int]) -> None:
    stable, canary, scale, error = shares.split(share, together, others)
    total, before = stable + canary + scale * sum(others), together + sum(others)
    assert max(stable, canary, *(scale * weight for weight in others)) <= shares.MAX_WEIGHT
    for weight in others:
        assert Fraction(weight, before) == Fraction(weight * scale, total)
    assert abs(Fraction(canary, stable + canary) - share) == error
    assert error == 0 or together * max(1, *others) * 10_000 > shares.MAX_WEIGHT
    smaller = [k for k in range(1, scale) if (share * together * k).denominator == 1]
    assert error or not smaller


def test_where_no_weights_are_exact_the_nearest_is_taken_and_said() -> None:
    stable, canary, scale, error = shares.split(Fraction(1, 3000), 700_001, [999_999])
    assert (1, 700_001, 233) == (scale, stable + canary, canary)
    assert 0 < error < Fraction(1, 700_001)


def changed(document: dict[str, Any]) -> dict[str, Any]:
    """What others may do to a route: rules in front and behind, a third backend, annotations, an unnamed rule."""
    rules = document["spec"]["rules"]
    rules[-1]["backendRefs"].insert(0, THIRD)
    rules[-1]["timeouts"] = {"request": "3s"}
    unnamed = {key: value for key, value in FOREIGN.items() if key != "name"}
    document["spec"]["rules"] = [
        FOREIGN,
        *rules,
        {**unnamed, "matches": [{"path": {"type": "Exact", "value": "/x"}}]},
    ]
    document["metadata"].setdefault("annotations", {})["example.com/a~b"] = "theirs"
    return document


def check(document: dict[str, Any], phase: Phase, planned_route: dict[str, Any], legacy: Fraction) -> None:
    rules = document["spec"]["rules"]
    own = [rule for rule in rules if str(rule.get("name", "")).startswith("default")]
    assert [rule["name"] for rule in planned_route["spec"]["rules"]] == [rule["name"] for rule in own]
    theirs = [rule for rule in rules if rule not in own]
    assert ["/theirs", "/x"] == [rule["matches"][0]["path"]["value"] for rule in theirs]
    assert rules.index(own[-1]) == len(rules) - 2
    weights = {ref["name"]: ref["weight"] for ref in own[-1]["backendRefs"]}
    assert legacy == Fraction(weights["legacy"], sum(weights.values()))
    assert all(sum(ref["weight"] for ref in rule["backendRefs"]) > 0 for rule in own)
    canary = weights.get("my-app-canary", 0)
    assert Fraction(canary, canary + weights["my-app-stable"]) == phase.traffic.share
    assert all(rule["timeouts"] == {"request": "3s"} for rule in own)
    assert "theirs" == document["metadata"]["annotations"]["example.com/a~b"]
    mirrors = [one for rule in own for one in rule.get("filters", []) if one["type"] == "RequestMirror"]
    assert len(mirrors) == bool(phase.traffic.mirror)


def test_every_phase_is_laid_over_every_other_with_others_left_alone(tmp_path: Path) -> None:
    text = RELEASE.replace("mirror 33.33%", "{mirror: 33.33%, methods: all}")
    (tmp_path / "canary.yaml").write_text(text)
    made = inputs.load([str(tmp_path / "canary.yaml")], namespace="shop").plan
    for start, to in itertools.permutations(made.phases, 2):
        now = changed(documents(made, start)[ROUTE])
        wanted, findings = overlay.route(now, made.application, to)
        assert [] == findings
        weights = [ref["weight"] for ref in now["spec"]["rules"][-2]["backendRefs"]]
        check(wanted, to, documents(made, to)[ROUTE], Fraction(50, sum(weights)))
        operations = patches.patch(now, wanted)
        back, _ = overlay.route(wanted, made.application, start)
        assert patches.failed_tests(now, operations) == []
        assert [ref["name"] for ref in back["spec"]["rules"][-2]["backendRefs"]] == [
            ref["name"] for ref in now["spec"]["rules"][-2]["backendRefs"]
        ]


def test_without_others_the_live_route_becomes_the_planned_one(tmp_path: Path) -> None:
    made = offline_plan(tmp_path)
    for start, to in itertools.permutations(made.phases, 2):
        wanted, _ = overlay.route(documents(made, start)[ROUTE], made.application, to)
        assert documents(made, to)[ROUTE] == wanted


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda rules: rules.append({**rules[-1], "name": "copy"}), "rules[1], rules[2] all send to the release's Services: which is ours?"),
        (lambda rules: rules.clear(), "no rule sends to my-app-stable on port 80"),
        (lambda rules: rules[-1]["backendRefs"].clear(), "no rule sends to my-app-stable on port 80"),
        (lambda rules: [ref.update(port=81) for ref in rules[-1]["backendRefs"]], "no rule sends to my-app-stable on port 80"),
        (lambda rules: [ref.update(namespace="else") for ref in rules[-1]["backendRefs"]], "no rule sends to my-app-stable"),
        (lambda rules: rules[-1]["backendRefs"].append(rules[-1]["backendRefs"][0] | {"weight": 1}), "my-app-stable stands twice"),
        (lambda rules: ([ref.update(weight=0) for ref in rules[-1]["backendRefs"]], rules[-1]["backendRefs"].append(THIRD)), "others have all of it"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_apart_is_refused(
    tmp_path: Path, damage: Callable[[Any], Any], message: str
) -> None:
    made = offline_plan(tmp_path)
    now = documents(made, made.find("5%"))[ROUTE]
    damage(now["spec"]["rules"])
    with pytest.raises(Refused) as refused:
        overlay.route(now, made.application, made.find("25%"))
    assert message in refused.value.findings[0].message


@pytest.mark.parametrize("goal", ["rollback", "rolled-back"])
def test_a_way_back_does_not_ask_which_rule_is_ours(tmp_path: Path, goal: str) -> None:
    made = offline_plan(tmp_path)
    there = documents(made, made.find("5%"))
    rules = there[ROUTE]["spec"]["rules"]
    rules.append({**rules[-1], "name": "copy", "matches": FOREIGN["matches"]})
    (change,) = (change for change in live_from(made, there, goal).changes if change.part.is_route)
    assert isinstance(change, Alteration)
    left = [
        {ref["name"]: ref["weight"] for ref in rule["backendRefs"]}
        for rule in change.after.value["spec"]["rules"]
    ]
    assert [{"my-app-stable": 100}] * 2 == left


def test_sixteen_rules_are_fine_and_a_seventeenth_is_the_servers_to_refuse(tmp_path: Path) -> None:
    made = offline_plan(tmp_path)
    now = documents(made, made.find("5%"))[ROUTE]
    now["spec"]["rules"] += [{**FOREIGN, "name": f"r{number}"} for number in range(14)]
    wanted, _ = overlay.route(now, made.application, made.find("25%"))
    assert [rule["name"] for rule in now["spec"]["rules"]] == [
        rule["name"] for rule in wanted["spec"]["rules"]
    ]


# --- the real API server ----------------------------------------------------------


def canary(
    cluster: Cluster, folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kubectl_canary", *arguments, "-f", str(folder / "canary.yaml")]
    env = {**cluster.environment(), "PATH": f"{cluster.kubectl_path.parent}:/usr/bin:/bin", **environment}
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)


def start_with(cluster: Cluster, plan: Plan, name: str) -> None:
    items = list(documents(plan, plan.find(name)).values())
    cluster.kubectl(
        "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    )


def send(cluster: Cluster, namespace: str, listed: list[dict[str, Any]]) -> None:
    """The patches of a list for programs, in its order; there are no controllers here that a script could wait for."""
    for one in listed:
        kind, name, action = one["kind"].lower(), one["name"], one["type"]
        if action == "create":
            cluster.kubectl("create", "-f", "-", stdin=json.dumps(one["patch"]))
        elif action == "delete":
            cluster.kubectl("delete", kind, name, "-n", namespace)
        else:
            cluster.kubectl(
                "patch", kind, name, "-n", namespace, "--type=json", "-p", json.dumps(one["patch"])
            )


def edit_route(cluster: Cluster, namespace: str, operations: list[dict[str, Any]]) -> None:
    cluster.kubectl(
        "patch",
        "httproute",
        "my-app-canary-route",
        "-n",
        namespace,
        "--type=json",
        "-p",
        json.dumps(operations),
    )


def test_a_release_goes_on_where_others_have_worked(
    cluster: Cluster, plan: Plan, namespace: str, tmp_path: Path
) -> None:
    start_with(cluster, plan, "25%")
    edit_route(
        cluster,
        namespace,
        [
            {"op": "add", "path": "/spec/rules/0", "value": FOREIGN},
            {"op": "add", "path": "/spec/rules/2/backendRefs/0", "value": THIRD},
        ],
    )
    theirs = cluster.live(namespace)["HTTPRoute", "my-app-canary-route"]["spec"]["rules"][0]
    for name in (
        "50%",
        "25%",
        "rollback from 25%",
        "25%",
        "mirror 20%",
        "rollback from mirror 20%",
        "before",
    ):
        done = canary(cluster, tmp_path, "patch", "--to", name, "--live", "--skip", "-n", namespace)
        assert done.returncode == 0, done.stderr
        send(cluster, namespace, json.loads(done.stdout))
        rules = cluster.live(namespace)["HTTPRoute", "my-app-canary-route"]["spec"]["rules"]
        assert theirs == rules[0]
        weights = {ref["name"]: ref["weight"] for ref in rules[-1]["backendRefs"]}
        assert Fraction(weights["legacy"], sum(weights.values())) == Fraction(1, 3)
        here = canary(cluster, tmp_path, "patch", "--to", name, "--live", "-o", "kubectl", "-n", namespace)
        assert (0, "", f"the cluster is at `{name}` already: nothing to patch\n") == (
            here.returncode,
            here.stdout,
            here.stderr,
        )


def test_a_jump_that_the_live_pods_cannot_take_is_refused(
    cluster: Cluster, plan: Plan, namespace: str, tmp_path: Path
) -> None:
    start_with(cluster, plan, "5%")
    done = canary(cluster, tmp_path, "patch", "--to", "100%", "--live", "-n", namespace)
    assert (1, "") == (done.returncode, done.stdout)
    assert "the cluster: `5%` runs 1 pod of the canary, `100%` needs 3; go by" in done.stderr


@pytest.mark.parametrize(
    ("start", "to", "problem"),
    [
        ("25%", "promoted", "`promoted` takes canary pods away that still serve in `25%`"),
        ("50%", "promote-roll", "`promote-roll` rolls the stable pods while they serve"),
        ("100%", "promote-return", "`promote-return` rolls the stable pods while they serve"),
        ("promote-roll", "rollback", "stable runs the new version already"),
        ("promote-return", "rolled-back", "stable runs the new version already"),
        ("deploy", "25%", "this leaves out "),
        (
            "50%",
            "rollback-promotion",
            "stable runs the old version: this would send all requests to the canary",
        ),
        ("rollback from 50%", "rollback-promotion", "stable runs the old version: "),
    ],
)
def test_live_promotion_keeps_its_order(tmp_path: Path, start: str, to: str, problem: str) -> None:
    made = offline_plan(tmp_path)
    with pytest.raises(Refused) as refused:
        live_from(made, documents(made, made.find(start)), to)
    assert problem in refused.value.findings[0].message


def live_from(made: Plan, there: dict[str, dict[str, Any]], goal: str, skip: bool = False) -> Step:
    """The step from a cluster that holds these documents."""
    named = {part.key: part.title for part in live_parts(made)}
    found = {key: there[name] for key, name in named.items() if name in there}
    return live_step(made, GENERATOR, goal, found, skip=skip)[0]


def refused_by_plan(made: Plan, start: Phase, to: Phase) -> bool:
    if to.kind is PhaseKind.ROLLBACK_PROMOTION:
        return ways.step_problem(start, to) is not None
    if to.kind in (PhaseKind.ROLLBACK, PhaseKind.ROLLED_BACK):
        return start.stable_version is Version.NEW
    return ways.step_problem(start, to) is not None or bool(ways.left_out(made, start, to))


@settings(max_examples=40)
@given(canary_files(), st.data())
def test_live_refuses_what_the_plan_refuses_and_nothing_else(
    value: dict[str, Any], data: st.DataObject
) -> None:
    assume(value["spec"]["stable"]["tag"] != value["spec"]["canary"]["tag"])
    made = planned(value)
    for start, to in data.draw(pairs((*made.phases, *made.ways_back()))):
        try:
            found = live_from(made, documents(made, start), to.name)
        except Refused:
            assert refused_by_plan(made, start, to), f"{start.name} → {to.name}"
            continue
        assert not refused_by_plan(made, start, to), f"{start.name} → {to.name}"
        if to.kind not in WAYS_BACK:
            wanted = step(made, GENERATOR, start, to).changes
            assert [(change.action, change.part.title, change.patch("json")) for change in wanted] == [
                (change.action, change.part.title, change.patch("json")) for change in found.changes
            ]


@pytest.mark.parametrize("version", ["v1.0", "v1.3", "v1.4", "v1.7"])
def test_every_release_of_the_gateway_api_can_be_taken_back_live(tmp_path: Path, version: str) -> None:
    """Before v1.4 rules have no names: the release's are known by their matches."""
    text = f"{RELEASE}  gatewayAPI: {{version: {version}}}\n".replace("[mirror 33.33%, ", "[")
    (tmp_path / "canary.yaml").write_text(text)
    made = inputs.load([str(tmp_path / "canary.yaml")], namespace="shop").plan
    before = documents(made, made.phases[0])
    route = next(name for name in before if name.startswith("HTTPRoute"))
    for phase in made.phases:
        if phase.stable_version is Version.OLD:
            found = live_from(made, documents(made, phase), "rollback")
            titles = [change.part.title for change in found.changes]
            assert titles == ([route] if phase.traffic.reaches_canary else [])
            for change in found.changes:
                assert (
                    before[route]["spec"]
                    == patches.applied(documents(made, phase)[route], change.patch("json"))["spec"]
                )


def test_a_strict_patch_is_refused_after_any_change(
    cluster: Cluster, plan: Plan, namespace: str, tmp_path: Path
) -> None:
    start_with(cluster, plan, "5%")
    done = canary(
        cluster, tmp_path, "patch", "--to", "rollback from 5%", "--live", "--strict", "-n", namespace
    )
    (one,) = json.loads(done.stdout)
    assert {"op": "test", "path": "/metadata/resourceVersion"}.items() <= one["patch"][0].items()
    cluster.kubectl("label", "httproute", "my-app-canary-route", "-n", namespace, "a=b")
    command = ["patch", "httproute", "my-app-canary-route", "-n", namespace, "--type=json", "-p"]
    assert 1 == cluster.kubectl(*command, json.dumps(one["patch"]), check=False).returncode
    assert 0 == cluster.kubectl(*command, json.dumps(one["patch"][1:]), check=False).returncode


def test_a_refusal_names_who_changed_what(
    cluster: Cluster, plan: Plan, namespace: str, tmp_path: Path
) -> None:
    start_with(cluster, plan, "5%")
    way = ["patch", "--from", "5%", "--to", "25%", "-n", namespace, "--check"]
    assert "passes every guard: the patch fits" in canary(cluster, tmp_path, *way).stderr
    command = [
        "patch",
        "httproute",
        "my-app-canary-route",
        "-n",
        namespace,
        "--type=json",
        "--field-manager=colleague",
        "-p",
    ]
    cluster.kubectl(
        *command, json.dumps([{"op": "replace", "path": "/spec/rules/1/backendRefs/0/weight", "value": 40}])
    )
    done = canary(cluster, tmp_path, *way)
    assert (1, "") == (done.returncode, done.stdout)
    assert re.search(
        r"refused: httproute/my-app-canary-route is not at 5% any more\n"
        r"  /spec/rules/1/backendRefs/0/weight is 40, expected 95 \(changed by colleague, a moment ago\)\n"
        rf"To start from what is there: python -m kubectl_canary patch --to 25% --live -f {tmp_path}/canary.yaml -n {namespace}\n",
        done.stderr,
    )


def test_what_is_missing_is_created(cluster: Cluster, plan: Plan, namespace: str, tmp_path: Path) -> None:
    start_with(cluster, plan, "before")
    done = canary(cluster, tmp_path, "patch", "--to", "deploy", "--live", "-n", namespace)
    assert [("Service", "create"), ("Deployment", "create")] == [
        (one["kind"], one["type"]) for one in json.loads(done.stdout)
    ]


@pytest.mark.usefixtures("plan")
def test_a_kubectl_that_fails_is_the_worlds_fault(cluster: Cluster, tmp_path: Path) -> None:
    way = ["patch", "--to", "25%", "--live"]
    missing = canary(cluster, tmp_path, *way, KUBECTL_PATH="/nonexistent/kubectl")
    assert (4, "") == (missing.returncode, missing.stdout)
    assert missing.stderr.startswith("error: /nonexistent/kubectl is not on PATH\n")
    context = canary(cluster, tmp_path, *way, "--context", "none")
    assert (4, "") == (context.returncode, context.stdout)
    assert "error: `kubectl --context=none get service/my-app-stable service/my-app-canary " in context.stderr
    assert "context: none" in context.stderr
    closed = canary(cluster, tmp_path, *way, KUBECONFIG="/dev/null")
    assert (4, "") == (closed.returncode, closed.stdout)


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--live", "--from", "5%"], "error: --live starts from what is there\n"),
        (["--strict"], "error: --strict goes with --live\n"),
    ],
)
def test_flags_that_do_not_fit(cluster: Cluster, tmp_path: Path, flags: list[str], message: str) -> None:
    done = canary(cluster, tmp_path, "patch", "--to", "25%", *flags)
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(message)


# --- what must not happen from a cluster that is not what it seems ----------------


def with_image(there: dict[str, dict[str, Any]], name: str, image: str) -> dict[str, dict[str, Any]]:
    made = copy.deepcopy(there)
    made[f"Deployment {name}"]["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return made


@pytest.mark.parametrize(("at", "goal"), [("50%", "100%"), ("100%", "promote-roll")])
def test_a_canary_of_another_version_gets_no_more_and_is_not_promoted(
    tmp_path: Path, at: str, goal: str
) -> None:
    made = offline_plan(tmp_path)
    there = with_image(documents(made, made.find(at)), "my-app-canary", "registry.example.com/my-app:v9")
    with pytest.raises(Refused) as refused:
        live_from(made, there, goal)
    assert "runs registry.example.com/my-app:v9, and not " in refused.value.findings[0].message
    assert ["patch"] == [one.action for one in live_from(made, there, "rollback").changes]


def test_a_stable_of_a_third_version_is_not_rolled_over(tmp_path: Path) -> None:
    made = offline_plan(tmp_path)
    there = with_image(documents(made, made.find("5%")), "my-app-stable", "registry.example.com/my-app:v9")
    with pytest.raises(Refused) as refused:
        live_from(made, there, "25%")
    assert "Deployment my-app-stable runs neither " in refused.value.findings[0].message
    assert ["patch"] == [one.action for one in live_from(made, there, "rollback").changes]


@pytest.mark.parametrize("goal", ["rollback", "rolled-back", "rollback-promotion"])
def test_where_the_release_is_not_a_way_back_makes_nothing(tmp_path: Path, goal: str) -> None:
    made = offline_plan(tmp_path)
    with pytest.raises(Refused) as refused:
        live_from(made, {}, goal)
    assert (
        "there is no HTTPRoute my-app-canary-route in shop: nothing to go back from"
        in refused.value.findings[0].message
    )


def test_a_service_that_somebody_still_sends_to_is_not_deleted(tmp_path: Path) -> None:
    made = offline_plan(tmp_path)
    there = copy.deepcopy(documents(made, made.find("promote-return")))
    vip = {**FOREIGN, "backendRefs": [{"name": "my-app-canary", "port": 80}]}
    there[ROUTE]["spec"]["rules"].append(vip)
    with pytest.raises(Refused) as refused:
        live_from(made, there, "promoted")
    assert ["sends to my-app-canary still"] == [one.message for one in refused.value.findings]


def test_a_way_back_takes_somebodys_requests_to_stable_before_their_service_goes(tmp_path: Path) -> None:
    made = offline_plan(tmp_path)
    there = copy.deepcopy(documents(made, made.find("25%")))
    vip = {**FOREIGN, "backendRefs": [{"name": "my-app-canary", "port": 80}]}
    there[ROUTE]["spec"]["rules"].append(vip)
    first, *rest = live_from(made, there, "rolled-back").changes
    assert isinstance(first, Alteration)
    theirs = first.after.value["spec"]["rules"][-1]
    assert ["my-app-stable"] == [backend["name"] for backend in theirs["backendRefs"]]
    assert ["delete", "delete"] == [change.action for change in rest]


def test_what_both_versions_configure_is_carried_over_and_the_rest_stays(tmp_path: Path) -> None:
    text = RELEASE.replace(
        "canary: {tag: v1.1.0}", "canary: {tag: v1.1.0, container: {env: [{name: NEW, value: x}]}}"
    )
    (tmp_path / "canary.yaml").write_text(text)
    made = inputs.load([str(tmp_path / "canary.yaml")], namespace="shop").plan
    there = copy.deepcopy(documents(made, made.find("100%")))
    pod = there["Deployment my-app-stable"]["spec"]["template"]["spec"]
    pod["containers"][0] |= {"imagePullPolicy": "Always", "env": [{"name": "THEIRS", "value": "y"}]}
    there["Deployment my-app-stable"]["spec"]["replicas"] = 12
    (change,) = live_from(made, there, "promote-roll").changes
    assert isinstance(change, Alteration)
    rolled = change.after.value["spec"]["template"]["spec"]["containers"][0]
    assert [{"name": "THEIRS", "value": "y"}, {"name": "NEW", "value": "x"}] == rolled["env"]
    assert ("Always", 12) == (rolled["imagePullPolicy"], change.after.value["spec"]["replicas"])
    assert "registry.example.com/my-app:v1.1.0" == rolled["image"]


CONFIGURED = RELEASE.replace("phases: [mirror 20%, mirror 33.33%, header-only, 0.01%, ", "phases: [")


@pytest.mark.parametrize(
    "own",
    [
        "podMetadata: {annotations: {rev: b}}",
        "container: {resources: {limits: null}}",
        "container: {resources: {requests: {cpu: 2000m}}}",
        "pod: {serviceAccountName: next}",
    ],
)
def test_a_release_of_configuration_alone_is_told_by_its_differences(tmp_path: Path, own: str) -> None:
    resources = "    resources: {requests: {cpu: 1000m}, limits: {cpu: 3}}\n  route:"
    text = CONFIGURED.replace("canary: {tag: v1.1.0}", f"canary: {{tag: v1.0.0, {own}}}").replace(
        "  route:", resources, 1
    )
    (tmp_path / "canary.yaml").write_text(text)
    made = inputs.load([str(tmp_path / "canary.yaml")], namespace="shop").plan
    for phase in made.phases:
        there = json.loads(json.dumps(documents(made, phase)).replace("2000m", "2").replace("1000m", "1"))
        if phase.stable_version is Version.OLD:
            live_from(made, there, "rollback")
        else:
            with pytest.raises(Refused, match="promotion has begun"):
                live_from(made, there, "rollback")
        assert () == live_from(made, there, phase.name).changes, phase.name


def test_a_nameless_rule_of_others_is_not_ours(tmp_path: Path) -> None:
    made = offline_plan(tmp_path)
    mirror = {"name": "my-app-canary", "port": 80}
    beta = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/beta"}}],
        "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": mirror}}],
        "backendRefs": [{"name": "other", "port": 80}],
    }
    now = copy.deepcopy(documents(made, made.find("deploy"))[ROUTE])
    now["spec"]["rules"].append(beta)
    for goal in ("header-only", "5%", "before"):
        assert beta in overlay.route(now, made.application, made.find(goal))[0]["spec"]["rules"]


def test_pods_that_an_autoscaler_added_are_no_reason_to_refuse(tmp_path: Path) -> None:
    scaled = "  autoscaling: {minReplicas: 3, maxReplicas: 20}\n  phase: before"
    (tmp_path / "canary.yaml").write_text(CONFIGURED.replace("  phase: before", scaled))
    made = inputs.load([str(tmp_path / "canary.yaml")], namespace="shop").plan
    there = copy.deepcopy(documents(made, made.find("50%")))
    there["Deployment my-app-stable"]["spec"]["replicas"] = 16
    there["Deployment my-app-canary"]["spec"]["replicas"] = 8
    assert "HTTPRoute my-app-canary-route" in [
        change.part.title for change in live_from(made, there, "100%").changes
    ]
    assert "HTTPRoute my-app-canary-route" in [
        change.part.title for change in live_from(made, there, "25%").changes
    ]


def test_a_stable_that_has_grown_sends_no_more_requests_to_too_few_pods(tmp_path: Path) -> None:
    (tmp_path / "canary.yaml").write_text(CONFIGURED)
    made = inputs.load([str(tmp_path / "canary.yaml")], namespace="shop").plan
    there = copy.deepcopy(documents(made, made.find("50%")))
    there["Deployment my-app-stable"]["spec"]["replicas"] = 5
    with pytest.raises(Refused) as refused:
        live_from(made, there, "100%")
    message = "Deployment my-app-stable has 5 pods, and the plan counts with 3: `100%` needs 5 of the canary, and makes 3"
    assert refused.value.findings[0].message == message
    there["Deployment my-app-stable"]["spec"]["replicas"] = 2
    assert live_from(made, there, "100%").changes


def test_ports_of_one_number_are_told_apart_by_protocol(tmp_path: Path) -> None:
    ports = "[{containerPort: 8080}, {containerPort: 8080, protocol: UDP}]"
    text = CONFIGURED.replace("    port: 8080\n", f"    ports: {ports}\n")
    (tmp_path / "canary.yaml").write_text(text)
    made = inputs.load([str(tmp_path / "canary.yaml")], namespace="shop").plan
    there = documents(made, made.find("5%"))
    names = [change.part.title for change in live_from(made, there, "25%").changes]
    assert ["Deployment my-app-canary", "HTTPRoute my-app-canary-route"] == names


def test_a_file_without_its_release_says_so(tmp_path: Path) -> None:
    (tmp_path / "canary.yaml").write_text(RELEASE.replace("  canary: {tag: v1.1.0}\n", ""))
    made = inputs.load([str(tmp_path / "canary.yaml")], namespace="shop").plan
    with pytest.raises(Refused, match="there is no release in the file"):
        live_parts(made)


def test_a_way_back_does_not_make_what_is_missing(tmp_path: Path) -> None:
    made = offline_plan(tmp_path)
    there = documents(made, made.find("rollback", "5%"))
    del there["Service my-app-stable"]
    assert {"delete"} == {one.action for one in live_from(made, there, "rolled-back").changes}
