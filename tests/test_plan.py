"""Plans: the phases as tables, and the invariants of every plan as properties (V1, V2, V4, V5, V6, V8, V12)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import pytest
from conftest import SEED
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import canary_files, damaged

from kubectl_canary.api import catalog, quick, verdict
from kubectl_canary.commands import inputs
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.reading import canaryfile, yamltext
from kubectl_canary.reading.sources import Sources
from kubectl_canary.release import shares, ways
from kubectl_canary.release.plan import Phase, PhaseKind, Plan, plan
from kubectl_canary.release.wording import changes_text
from kubectl_canary.rendering import objects
from kubectl_canary.rendering.generator import Generator

SLOW = settings(max_examples=60)
GENERATOR = Generator()


def planned(value: dict[str, Any]) -> Plan:
    file = parsed(value)
    return plan(file.application, file.phases)


def parsed(value: dict[str, Any]) -> canaryfile.CanaryFile:
    return canaryfile.parse(Sources(value, [yamltext.Document("canary.yaml", value)]))


def documents(made: Plan, phase: Phase) -> dict[str, dict[str, Any]]:
    rendered = GENERATOR.render(objects.planned(made.application, phase))
    return {f"{one.value['kind']} {one.value['metadata']['name']}": one.value for one in rendered}


def test_the_seeds_release_is_this_table() -> None:
    made = inputs.load([str(SEED)]).plan
    assert [
        ("before", 3, 0, 0), ("deploy", 3, 1, 0), ("mirror 20%", 3, 1, 0), ("header-only", 3, 1, 0),
        ("5%", 3, 1, 5), ("10%", 3, 1, 10), ("25%", 3, 2, 25), ("50%", 3, 3, 50), ("100%", 3, 3, 100),
        ("promote-roll", 3, 3, 100), ("promote-return", 3, 3, 0), ("promoted", 3, 0, 0),
    ] == [
        (phase.name, phase.stable_replicas, phase.canary_replicas, phase.traffic.share * 100) for phase in made.phases
    ]  # fmt: skip
    assert 7 == made.peak()  # one is the surge while stable's pods roll


def small(**spec: Any) -> dict[str, Any]:
    """As little as a canary file may say, and what of its spec a test wants beside."""
    return {
        "apiVersion": "kubectl-canary/v1alpha1", "kind": "Canary", "metadata": {"name": "a"},
        "spec": {"stable": {"image": "a:1"}, "canary": {"image": "a:2"}, "container": {"port": 1},
                 "route": {"gateway": {"name": "g"}}, **spec},
    }  # fmt: skip


def test_without_testers_the_default_phases_begin_with_a_share() -> None:
    assert "header-only" == planned(small()).phases[2].name
    assert "5%" == planned(small(testers=False)).phases[2].name


def test_the_default_phases_are_the_seeds_timeline() -> None:
    made = planned(small())
    start, table = 0, []
    for phase in made.phases[2:]:
        table.append((start // 60, phase.name))
        start += phase.pause
    assert [
        (0, "header-only"),
        (5, "5%"),
        (15, "25%"),
        (30, "50%"),
        (60, "100%"),
        (90, "promote-roll"),
    ] == table[:6]


@pytest.mark.parametrize(
    ("share", "weights"),
    [("1/20", (95, 5)), ("1/10000", (9999, 1)), ("1/8", (875, 125)), ("0", (100, 0)), ("1", (0, 100))],
)
def test_weights_are_round_numbers(share: str, weights: tuple[int, int]) -> None:
    assert weights == shares.weights(Fraction(share))


@given(st.integers(0, 10_000).map(lambda number: Fraction(number, 10_000)))
def test_weights_are_exact(share: Fraction) -> None:
    stable, canary = shares.weights(share)
    assert share == Fraction(canary, stable + canary)
    assert 0 <= min(stable, canary) <= max(stable, canary) <= 1_000_000


@pytest.mark.parametrize(
    ("asked", "origin", "found"),
    [
        ("5%", None, "5%"), (" 5.0 % ", None, "5%"), ("mirror  20%", None, "mirror 20%"),
        ("rollback", "25%", "rollback from 25%"), ("rollback from 25.00%", None, "rollback from 25%"),
        ("rollback-promotion", "promote-roll", "rollback-promotion from promote-roll"), ("rolled-back", None, "rolled-back"),
        ("rollback", "rollback from 5%", "rollback from 5%"),
    ],
)  # fmt: skip
def test_phases_are_found_by_name(asked: str, origin: str | None, found: str) -> None:
    assert found == inputs.load([str(SEED)]).plan.find(asked, origin).name


@pytest.mark.parametrize(
    ("asked", "origin", "message", "hint"),
    [
        (
            "26%",
            None,
            "unknown phase `26%`",
            "did you mean `25%`? phases are: before, deploy, mirror 20%, header-only",
        ),
        ("26", None, "unknown phase `26`", "did you mean `25%`?"),
        ("promote", None, "unknown phase `promote`", "did you mean `promoted`?"),
        ("rollback", None, "`rollback` from which phase?", "say --from PHASE, or set spec.phase"),
        ("rollback", "before", "no rollback from `before`", "there is no canary in that phase"),
        (
            "rollback",
            "promote-roll",
            "no rollback from `promote-roll`",
            "use `rollback-promotion from promote-roll`",
        ),
        ("rollback-promotion", "5%", "no rollback-promotion from `5%`", "use `rollback from 5%`"),
    ],
)
def test_phases_that_are_not_there(asked: str, origin: str | None, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        inputs.load([str(SEED)]).plan.find(asked, origin)
    assert message == error.value.message
    assert error.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("start", "to", "safe"),
    [
        ("before", "deploy", True), ("before", "5%", False), ("before", "header-only", False), ("deploy", "5%", True), ("deploy", "25%", True),
        ("deploy", "50%", False), ("deploy", "100%", False), ("5%", "promoted", False), ("50%", "100%", True),
        ("25%", "deploy", True), ("50%", "deploy", False), ("50%", "rollback from 50%", True), ("50%", "rolled-back", False),
        ("rollback from 50%", "rolled-back", True), ("100%", "promote-roll", True), ("100%", "promote-return", False),
        ("promote-roll", "promote-return", True), ("promote-roll", "promoted", False), ("promote-return", "promoted", True),
        ("promote-roll", "rollback-promotion from promote-roll", True), ("promote-roll", "rolled-back", False),
        ("promote-return", "rollback-promotion from promote-return", True), ("promote-return", "rolled-back", False),
        ("50%", "rollback-promotion from promote-roll", False), ("rollback from 100%", "rollback-promotion from promote-roll", False),
    ],
)  # fmt: skip
def test_jumps(start: str, to: str, safe: bool) -> None:
    made = inputs.load([str(SEED)]).plan
    assert safe is (ways.step_problem(made.find(start), made.find(to)) is None)


def test_a_phases_own_replicas_come_before_the_canarys() -> None:
    made = planned(small(canary={"image": "a:2", "replicas": 2}, phases=[{"weight": "5%", "replicas": 4}]))
    assert [0, 2, 4, 2] == [phase.canary_replicas for phase in made.phases[:4]]


def test_pauses_are_of_the_users_phases_alone_and_gates_of_promotion_too() -> None:
    own = {"weight": "100%", "pause": "5m", "gates": [{"query": "up", "min": 1}]}
    made = planned(small(phases=["5%", own]))
    assert ["100%"] == [phase.name for phase in made.phases if phase.pause and phase.gates]
    assert ["100%", "promote-roll"] == [phase.name for phase in made.phases if phase.gates]
    others = [phase for phase in (*made.phases, *made.ways_back()) if phase.name != "100%"]
    assert ["promote-roll"] == [phase.name for phase in others if phase.pause or phase.gates]


def test_a_way_back_leaves_the_phase_itself_and_not_one_whose_name_ends_alike() -> None:
    made = planned(small(phases=[{"name": "look from 10%", "weight": "5%"}, "10%"]))
    for phase in made.phases[1:-1]:
        back = made.way_back(phase)
        assert back is not None
        assert phase.name == back.origin


def test_what_comes_before_rolled_back_is_the_way_back_before_promotion() -> None:
    made = planned(small(phases=["5%"]))
    before = made.previous(made.find("rolled-back"))
    assert before is not None
    assert "rollback from 100%" == before.name


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        ((1, 2), "a pod more for what follows"),
        ((2, 1), "a pod fewer"),
        ((3, 1), "2 pods fewer"),
        ((1, 1), ""),
    ],
)
def test_one_pod_is_a_pod_in_words(pods: tuple[int, int], words: str) -> None:
    weights = [{"weight": f"{5 * place}%", "replicas": count} for place, count in enumerate(pods, 1)]
    made = planned(small(phases=weights))
    assert ["route", *([words] if words else [])] == changes_text(*made.phases[2:4], made.application).split(
        "; "
    )


def test_rollbacks_keep_the_pods_and_restore_the_route() -> None:
    made = inputs.load([str(SEED)]).plan
    before = documents(made, made.find("before"))["HTTPRoute my-app-canary-route"]
    for phase in made.phases[1:9]:
        back = documents(made, made.find("rollback", phase.name))
        there = documents(made, phase)
        assert before == back.pop("HTTPRoute my-app-canary-route")
        assert "HTTPRoute" in there.popitem()[0]
        assert there == back


def test_the_route_comes_last_on_the_way_forth_and_first_on_the_way_back() -> None:
    made = inputs.load([str(SEED)]).plan
    forth = [item.part.kind for item in objects.planned(made.application, made.find("5%"))]
    back = [item.part.kind for item in objects.planned(made.application, made.find("rollback", "5%"))]
    assert ["Service", "Service", "Deployment", "Deployment", "Gateway", "HTTPRoute"] == forth
    assert ["HTTPRoute", "Service", "Service", "Deployment", "Deployment", "Gateway"] == back


def test_a_name_may_have_as_many_letters_as_its_services_leave() -> None:
    value = {**small(), "metadata": {"name": "a" * 56}}
    assert 63 == len(planned(value).application.services[0].names.canary)
    with pytest.raises(Refused) as refused:
        planned({**value, "metadata": {"name": "a" * 57}})
    assert refused.value.findings[0].message.startswith("57 characters; ")


@SLOW
@given(canary_files())
def test_every_plan_keeps_the_invariants(value: dict[str, Any]) -> None:
    assert quick.accepts(value, catalog.whole(catalog.CANARY))
    made, follows = planned(value), follows_shares(value)
    rendered = {phase.name: documents(made, phase) for phase in (*made.phases, *made.ways_back())}
    for phase in (*made.phases, *made.ways_back()):
        check_documents(made, phase, rendered[phase.name])
        check_capacity(made, phase, follows)
    for start, to in zip(made.phases, made.phases[1:], strict=False):
        check_step(start, to, follows)
    for document in distinct(one for found in rendered.values() for one in found.values()):
        assert [] == verdict.judge(document, made.application.target)
    assert rendered["before"] == rendered["rolled-back"]  # V8
    route = f"HTTPRoute {made.application.route.name}"
    assert rendered["before"][route] == rendered["promoted"][route] == rendered["promote-return"][route]
    assert rendered["before"].keys() == rendered["promoted"].keys()


def distinct(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Most objects are the same in many phases."""
    return list({json.dumps(document): document for document in found}.values())


def check_documents(made: Plan, phase: Phase, found: dict[str, dict[str, Any]]) -> None:
    services = {one["metadata"]["name"]: one for one in found.values() if one["kind"] == "Service"}
    pods = {one["metadata"]["name"]: one for one in found.values() if one["kind"] == "Deployment"}
    route = found[f"HTTPRoute {made.application.route.name}"]
    for name, service in services.items():  # V6: one track each
        chosen = [
            other
            for other, one in pods.items()
            if service["spec"]["selector"].items() <= one["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert [name] == chosen
    stable, canary = f"{made.application.name}-stable", f"{made.application.name}-canary"
    splits = []
    for rule in route["spec"]["rules"]:
        weights = {ref["name"]: ref["weight"] for ref in rule["backendRefs"]}
        assert sum(weights.values()) > 0  # V1
        mirrors = [f["requestMirror"]["backendRef"] for f in rule.get("filters", []) if "requestMirror" in f]
        receiver = phase.traffic.to
        if receiver is not None:
            assert {receiver.name} >= {ref["name"] for ref in mirrors}
            mirrors = []
        for ref in (*rule["backendRefs"], *mirrors):
            assert ref["port"] in [port["port"] for port in services[ref["name"]]["spec"]["ports"]]  # V6
        if stable in weights:
            splits.append(Fraction(weights.get(canary, 0), sum(weights.values())))
    assert splits
    assert {phase.traffic.share} == set(splits)  # V2


def follows_shares(value: dict[str, Any]) -> bool:
    """Whether the canary's pods follow the shares, and not what the user has said."""
    file = parsed(value)
    is_given = file.application.workloads[0].replicas.canary is not None
    return not is_given and not any(phase.replicas for phase in file.phases)


def check_capacity(made: Plan, phase: Phase, follows: bool) -> None:
    """V5: stable keeps its full size; the canary has its share, and whoever gets requests has pods.

    The canary never has more pods than stable, and never more than the share of some phase needs.
    """
    assert phase.stable_replicas == made.phases[0].stable_replicas
    assert not phase.traffic.reaches_canary or phase.canary_replicas >= 1
    if follows:
        assert phase.canary_replicas >= math.ceil(phase.traffic.share * phase.stable_replicas)
        assert phase.canary_replicas <= phase.stable_replicas
        shares_needed = [
            math.ceil(max(one.traffic.share, one.traffic.copied) * one.stable_replicas) for one in made.phases
        ]
        assert phase.canary_replicas in (0, 1, *shares_needed)
    else:
        problems = [finding.rule for finding in made.capacity_findings()]
        lacking = phase.canary_replicas and phase.canary_replicas < phase.needs
        assert not lacking or "capacity" in problems


def check_step(start: Phase, to: Phase, follows: bool) -> None:
    """V4: the phase left runs what the phase entered needs, both ways; pods go after a phase without requests."""
    if follows:
        assert start.canary_replicas >= math.ceil(to.traffic.share * to.stable_replicas)
        assert to.canary_replicas == 0 or to.canary_replicas >= math.ceil(
            start.traffic.share * start.stable_replicas
        )
        assert ways.step_problem(start, to) is None
    if start.canary_replicas and not to.canary_replicas:
        assert not start.traffic.reaches_canary
    if start.stable_version != to.stable_version:
        assert to.kind is PhaseKind.PROMOTE_ROLL
        assert start.traffic.share == to.traffic.share == 1


@SLOW
@given(canary_files())
def test_nothing_of_a_template_is_left_in_what_is_rendered(value: dict[str, Any]) -> None:
    made = planned(value)
    for phase in made.phases:
        text = "".join(one.text for one in GENERATOR.render(objects.planned(made.application, phase)))
        assert not [mark for mark in ("${", "{{", "{%", "{#") if mark in text and mark not in str(value)]


@SLOW
@given(canary_files())
def test_testers_and_only_testers_get_the_clone(value: dict[str, Any]) -> None:
    """Each governed match has its twin with the header, right before it, with all else the same."""
    made = planned(value)
    for phase in made.phases:
        rules = next(
            one.value["spec"]["rules"]
            for one in GENERATOR.render(objects.planned(made.application, phase))
            if one.part.is_route
        )
        assert len(rules) == 1 or phase.traffic.testers or phase.traffic.mirror
        assert len(rules) > 1 or not phase.traffic.testers
        named = made.application.target.has(
            "gateway.networking.k8s.io/v1", "HTTPRoute", "spec", "rules", "name"
        )
        assert ["default" if named else None] == [rules[-1].get("name")]
        if phase.traffic.testers:
            twins = rules[:-1]
            assert not named or all("-canary-testers-" in rule["name"] for rule in twins)
            testers = made.application.testers
            assert testers is not None
            without = [
                {
                    key: left
                    for key, value in match.items()
                    if (
                        left := [one for one in value if one != testers.condition]
                        if key == testers.key
                        else value
                    )
                }
                for twin in twins
                for match in twin["matches"]
            ]
            assert rules[-1]["matches"] == without


@settings(max_examples=500)
@given(damaged())
def test_a_damaged_file_is_refused_with_findings_or_rendered(value: Any) -> None:
    """Whatever stands where: a verdict, never a crash."""
    try:
        made = planned(value)
    except Refused as refused:
        assert refused.findings
        assert all(finding.message for finding in refused.findings)
        return
    for phase in (*made.phases, *made.ways_back()):
        try:
            documents(made, phase)
        except Refused as refused:
            assert refused.findings
