"""Gates in the canary file: what they mean, what is wrong with them, what `plan` shows of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from releases import a_file, a_release
from test_plan import parsed

from kubectl_canary.errors import Refused
from kubectl_canary.release import gates, metrics
from kubectl_canary.release.application import Side
from kubectl_canary.release.gates import Approval, Command, Query, Rhythm, Webhook
from kubectl_canary.release.plan import Plan

PROMETHEUS = {"url": "http://prometheus:9090/", "gateway": "traefik", "scrapeInterval": "10s"}
FILE = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: shop, namespace: web}
spec:
  image: registry.example.com/shop
  stable: {tag: v1}
  canary: {tag: v2}
  container: {port: 8080}
  route: {gateway: {name: gw}}
  phases: [5%, 50%]
  phase: deploy
"""


def with_gates(*items: Any, **spec: Any) -> Plan:
    return a_release(gates=list(items), prometheus=PROMETHEUS, **spec)


def gated(plan: Plan) -> dict[str, list[str]]:
    """The names of the gates of each phase that has some."""
    return {phase.name: [gate.name for gate in phase.gates] for phase in plan.phases if phase.gates}


def test_gates_for_all_are_of_every_phase_that_reaches_the_canary() -> None:
    own = {"weight": "50%", "gates": [{"webhook": "http://ci/ok", "name": "ci"}]}
    phases = [{"mirror": {"share": "10%", "to": "recorder"}}, "mirror 10%", "header-only", own]
    plan = with_gates({"query": "up", "min": 1}, phases=phases)
    both, one = ["up", "ci"], ["up"]
    assert {
        "mirror 10%": one, "50%": both, "100%": one, "promote-roll": one,
    } == gated(plan)  # fmt: skip
    assert all(not way.gates for way in plan.ways_back())


def test_few_testers_are_judged_by_the_gates_of_their_own_phase() -> None:
    own = {"name": "header-only", "gates": [{"query": "own", "min": 1}]}
    plan = with_gates({"query": "up", "min": 1}, {"approval": True}, phases=[own, "5%"])
    assert ["approval", "own"] == gated(plan)["header-only"]
    assert ["up", "approval"] == gated(plan)["5%"]
    assert ["up"] == gated(plan)["promote-roll"]


def test_promotion_is_watched_as_100_percent_is() -> None:
    plan = a_release(phases=["5%", {"weight": "100%", "gates": [{"query": "up", "min": 1}]}])
    assert {"100%": ["up"], "promote-roll": ["up"]} == gated(plan)


def test_what_a_gate_asks_and_how_often() -> None:
    plan = with_gates(
        {"metric": "error-rate", "max": 0.01, "requests": 50},
        {"query": "q {{ service }}", "name": "q", "maxRatio": 1.2, "slack": 0.1, "window": "2m", "interval": "10s", "passes": 3,
         "measurements": 5, "failureLimit": 1, "inconclusiveLimit": 0},
        {"webhook": "http://ci/ok", "timeout": "5s"},
        {"command": ["./smoke.sh", "-v"]},
        {"approval": True},
    )  # fmt: skip
    errors, ratio, webhook, command, approval = plan.find("5%").gates
    assert isinstance(errors.question, Query)
    assert ("error-rate", 60, 70, 50) == (
        errors.name, errors.question.window, errors.question.settles, errors.question.requests,
    )  # fmt: skip
    assert (70, 130, Rhythm(30, 1, 3, 0, 2)) == (errors.first, errors.lasts, errors.rhythm)
    assert (Rhythm(30), Rhythm(30)) == (webhook.rhythm, command.rhythm)
    assert (130, 170, Rhythm(10, 3, 5, 1, 0)) == (ratio.first, ratio.lasts, ratio.rhythm)
    assert (ratio.is_compared, errors.is_compared) == (True, False)
    assert Webhook("http://ci/ok", 5) == webhook.question
    assert ("./smoke.sh -v", Command(("./smoke.sh", "-v"), 30)) == (command.name, command.question)
    assert (True, Approval(), 0) == (approval.is_approval, approval.question, approval.first)


def test_limits_follow_the_passes() -> None:
    gate = with_gates({"query": "q", "max": 1, "passes": 3, "measurements": 5}).find("5%").gates[0]
    assert Rhythm(30, 3, 5, 2, 2) == gate.rhythm


def test_a_phase_lasts_as_long_as_its_gates_need() -> None:
    plan = with_gates(
        {"query": "q", "max": 1, "window": "5m", "passes": 3, "interval": "1m"},
        phases=[{"weight": "5%", "pause": "2m"}, {"weight": "50%", "pause": "1h"}],
    )
    assert [550, 3600, 550] == [plan.find(name).lasts for name in ("5%", "50%", "100%")]
    assert 0 == plan.find("promote-return").lasts


@pytest.mark.parametrize("gateway", metrics.GATEWAYS)
def test_a_metric_asks_for_one_side_and_leaves_nothing_to_fill_in(gateway: str) -> None:
    plan = a_release(
        gates=[{"metric": metric, "max": 1} for metric in ("error-rate", "latency", "request-rate")],
        prometheus={"url": "http://p", "gateway": gateway},
    )
    for gate in plan.find("5%").gates:
        assert isinstance(gate.question, Query)
        assert gate.question.volume is not None
        for text in (gate.question.text, gate.question.volume):
            stable, canary = (filled(plan, gate.question, text, side) for side in Side)
            assert "shop-stable" in stable
            assert "shop-canary" in canary
            assert stable.replace("shop-stable", "shop-canary") == canary
            assert "{{" not in canary
            assert "[60s]" in canary


def filled(plan: Plan, query: Query, text: str, side: Side) -> str:
    return gates.filled(text, query, plan.application, side, "web")


def test_traefik_tells_a_service_from_those_whose_names_begin_alike() -> None:
    text = metrics.of("traefik").volume.replace("{{ namespace }}", "web").replace("{{ service }}", "shop")
    selector = re.search(r'service=~"(.*?)"', text)
    assert selector is not None
    names = ["web-shop-http-80@kubernetesgateway", "web-shop-80-grpc@kubernetesgateway"]
    others = ["web-shop-canary-http-80@kubernetesgateway", "web-shop-admin-80-grpc@kubernetesgateway"]
    assert names == [name for name in (*names, *others) if re.fullmatch(selector[1], name)]


def test_a_webhook_is_not_called_by_its_secrets() -> None:
    (gate,) = with_gates({"webhook": "https://user:word@ci.example.com/hook?token=x"}).find("5%").gates
    assert "ci.example.com/hook" == gate.name


def test_every_name_is_filled_in() -> None:
    text = "{{service}} {{ deployment }} {{ namespace }} {{ route }} {{  window  }}"
    plan = with_gates({"query": text, "max": 1, "window": "90s"})
    query = plan.find("5%").gates[0].question
    assert isinstance(query, Query)
    wanted = "shop-canary shop-canary web shop-canary-route 90s"
    assert wanted == filled(plan, query, query.text, Side.CANARY)


@pytest.mark.parametrize(
    ("gate", "place", "said"),
    [
        ("{}", "11:11: spec.gates[0]", "a gate asks one thing, and this one nothing"),
        ("{query: q, max: 1, approval: true}", "11:40: spec.gates[0].approval", "this one `query` and `approval`"),
        ("{query: q}", "11:19: spec.gates[0].query", "no bound: every value would pass"),
        ("{query: q, min: 2, max: 1}", "11:27: spec.gates[0].min", "at least 2 and at most 1"),
        ("{query: q, max: 1, slack: 1}", "11:37: spec.gates[0].slack", "`slack` is beyond `maxRatio`"),
        ("{query: q, maxRatio: 1}", "11:32: spec.gates[0].maxRatio", "asks for stable what it asks for the canary"),
        ('{query: "{{ pod }}", max: 1}', "11:19: spec.gates[0].query", "`{{ pod }}` is nothing that is filled in"),
        ("{query: q, max: 1, passes: 3, measurements: 2}", "11:38: spec.gates[0].passes", "3 of 2 measurements"),
        ("{query: q, max: 1, failureLimit: 3}", "11:44: spec.gates[0].failureLimit", "the gate never says it"),
        ("{query: q, max: 1, interval: 0s}", "11:40: spec.gates[0].interval", "no time at all"),
        ("{query: q, max: 1, timeout: 5s}", "11:39: spec.gates[0].timeout", "`timeout` is of `webhook` and `command`"),
        ("{command: [a], max: 1}", "11:31: spec.gates[0].max", "`max` is of `metric` and `query`"),
        ("{query: q, max: 1, quantile: 0.5}", "11:40: spec.gates[0].quantile", "`quantile` is of `metric`"),
        ("{metric: error-rate, max: 1}", "11:20: spec.gates[0].metric", "nothing says whose metrics are asked"),
        ("{query: q, max: 1}, {query: q, max: 2}", "11:31: spec.gates[1]", "another gate here is called `q`"),
        ("{query: q, max: .nan}", "11:27: spec.gates[0].max", "nan is no number to hold a value against"),
        ("{query: q, max: .inf}", "11:27: spec.gates[0].max", "inf is no number to hold a value against"),
        ("{query: ' ', max: 1}", "11:19: spec.gates[0].query", "it asks nothing"),
        ("{command: [a], timeout: 0s}", "11:35: spec.gates[0].timeout", "`timeout` is no time at all"),
        ("{webhook: 'http://h:99999/'}", "11:21: spec.gates[0].webhook", "is not an address such as"),
        ("{webhook: 'http://[::1'}", "11:21: spec.gates[0].webhook", "is not an address such as"),
        ("{webhook: ftp://x}", "11:21: spec.gates[0].webhook", "`ftp://x` is not an address such as"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_gate_is_said_at_its_place(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path], gate: str, place: str, said: str
) -> None:
    canary_yaml(FILE.replace("  phase: deploy", f"  gates: [{gate}]\n  phase: deploy"))
    result = canary("plan")
    assert (1, "") == (result.code, result.out)
    line = next(line for line in result.err.splitlines() if said in line)
    assert line.startswith(f"canary.yaml:{place}: ")


def test_a_gate_where_nothing_reaches_the_canary_is_an_error() -> None:
    phases = [{"mirror": {"share": "10%", "to": "recorder"}, "gates": [{"query": "q", "max": 1}]}, "5%"]
    with pytest.raises(Refused) as refused:
        parsed(a_file(phases=phases))
    assert ["nothing reaches the canary in `mirror 10% to recorder`: a gate there judges nothing"] == [
        finding.message for finding in refused.value.findings
    ]


def test_a_gate_of_a_phase_is_not_called_as_one_for_all() -> None:
    own = {"weight": "5%", "gates": [{"query": "p", "max": 1, "name": "a"}]}
    with pytest.raises(Refused) as refused:
        parsed(a_file(gates=[{"query": "q", "max": 1, "name": "a"}], phases=[own]))
    assert [(("spec", "phases", 0, "gates", 0, "name"), "another gate here is called `a`")] == [
        (finding.path, finding.message) for finding in refused.value.findings
    ]


def test_two_places_for_a_token_are_one_too_many() -> None:
    with pytest.raises(Refused, match="is not valid") as refused:
        parsed(a_file(prometheus={"url": "http://p", "tokenFile": "a", "tokenVariable": "B"}))
    assert ["two places for one token"] == [finding.message for finding in refused.value.findings]


def test_plan_says_what_each_gate_asks_and_where(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path]
) -> None:
    listed = """\
  prometheus: {url: "http://p", gateway: contour}
  gates:
    - {metric: error-rate, max: 0.01}
    - {metric: latency, maxRatio: 1.2, passes: 3, measurements: 5}
    - {approval: true}
  phases: [5%, {weight: 50%, gates: [{command: [./smoke.sh]}]}]
"""
    canary_yaml(FILE.replace("  phases: [5%, 50%]\n", listed))
    out = canary("plan").out
    assert (
        """\
What has to hold before the next phase:
  error-rate ≤ 0.01
  latency 0.99 ≤ 1.2 x stable's (3 of 5); at 100% and promote-roll, stable's value before 100%
  approval, at 5%, 50%, 100%
  ./smoke.sh (command), at 50%
"""
        in out
    )
    assert (
        "gates: error-rate, latency 0.99, approval, ./smoke.sh; its gates take longer than its pause" in out
    )
    assert "3m15s" in out


WRONG = FILE.replace("phases: [5%, 50%]", "phases: [{weight: 5%, gates: [{query: up}]}, 50%]").replace(
    "phase: deploy", "phase: 5%\n  gates: [{metric: errors}]\n  prometheus: {}\n  verify: {by: x}"
)
COMPLAINTS = ("spec.gates[0].metric", "spec.phases[0].gates[0]", "spec.prometheus", "spec.verify.by")


def test_gates_that_are_wrong_stop_no_way_back(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path]
) -> None:
    canary_yaml(FILE.replace("phase: deploy", "phase: 5%"))
    right = canary("rollback", "--print")
    canary_yaml(WRONG)
    back = canary("rollback", "--print")
    assert (0, right.out) == (back.code, back.out)
    said = [line for line in back.err.splitlines() if line.startswith("left out: canary.yaml:")]
    assert all(any(path in line for line in said) for path in COMPLAINTS), back.err
    assert 1 == canary("plan").code


@pytest.mark.parametrize("verb", ["rollback", "status", "diff", "doctor", "apply", "run"])
def test_nor_those_who_only_look(
    canary: Callable[..., Result],
    canary_yaml: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
) -> None:
    monkeypatch.setenv("KUBECTL_PATH", "/nowhere/kubectl")
    canary_yaml(WRONG)
    is_stopped = "canary.yaml is not valid" in canary(verb).err
    assert (verb in ("apply", "run")) == is_stopped


def test_what_else_is_wrong_stops_a_way_back(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path]
) -> None:
    canary_yaml(WRONG.replace("port: 8080", "prt: 8080"))
    back = canary("rollback", "--print")
    assert (1, "") == (back.code, back.out)
    assert all(path in back.err for path in (*COMPLAINTS, "spec.container"))
    assert "left out" not in back.err
