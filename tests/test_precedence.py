"""A request reaches the canary only if it would have reached a governed rule: whatever other rules a route has.

Which rule wins is read by tests/gateway_spec.py, a second reading of the specification.
"""

from __future__ import annotations

from typing import Any

import gateway_spec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_adoption import adopted

from kubectl_canary.errors import Refused
from kubectl_canary.reading.release import Release
from kubectl_canary.release import adoption

Rule = dict[str, Any]
PATHS = [None, {"type": "PathPrefix", "value": "/"}, {"type": "PathPrefix", "value": "/a"}, {"type": "Exact", "value": "/a"}]  # fmt: skip
NAMES = ("y", "z")
PHASES = "[mirror 20%, header-only, 10%, 100%]"


def headers() -> st.SearchStrategy[list[dict[str, str]]]:
    drawn = st.fixed_dictionaries({"name": st.sampled_from(NAMES), "value": st.sampled_from(["1", "2"])})
    return st.lists(drawn, max_size=2, unique_by=lambda header: header["name"])


@st.composite
def matches(draw: st.DrawFn) -> dict[str, Any]:
    path, method = draw(st.sampled_from(PATHS)), draw(st.sampled_from([None, None, "GET", "POST"]))
    wanted, query = draw(headers()), draw(st.booleans())
    return {
        **({"path": path} if path else {}),
        **({"method": method} if method else {}),
        **({"headers": wanted} if wanted else {}),
        **({"queryParams": [{"name": "q", "value": "1"}]} if query else {}),
    }


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    """Rules that send to the shop or to others, with matches that overlap."""
    drawn = []
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(["shop", "shop", "docs", "legacy"]))
        listed = draw(st.lists(matches(), min_size=1, max_size=2))
        drawn.append({"matches": listed, "backendRefs": [{"name": name, "port": 80}]})
    assume(any(rule["backendRefs"][0]["name"] == "shop" for rule in drawn))
    return drawn


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    sent = {name: draw(st.sampled_from([None, "1", "2"])) for name in NAMES}
    return {
        "host": "store.example.com",
        "path": draw(st.sampled_from(["/", "/a", "/a/b"])),
        "method": draw(st.sampled_from(["GET", "POST"])),
        "headers": {name: value for name, value in sent.items() if value},
        "query": draw(st.sampled_from([{}, {"q": "1"}])),
    }


def backends(release: Release, name: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    """Who answers in a phase, by the share of each; None where no rule takes the request."""
    documents = adoption.documents(release.plan.application, release.plan.find(name))
    routes = [document.value for document in documents if document.part.is_route]
    winner = gateway_spec.winner(routes, asked)
    return None if winner is None else gateway_spec.split(routes[winner[0]]["spec"]["rules"][winner[1]])


# what a file says of its testers, what one of them sends, and what somebody sends who is none
TESTERS = [
    ("", {"headers": {"x-canary": "true"}}, {"headers": {"x-canary": "false"}}),
    ("{query: canary}", {"query": {"canary": "true"}}, {"query": {"canary": "no"}}),
    (
        '{cookie: canary, value: "on"}',
        {"headers": {"cookie": "a=b; canary=on; c=d"}},
        {"headers": {"cookie": "a=b; xcanary=on; canary=only"}},
    ),
    (
        "{header: x-who, value: qa-, match: Prefix}",
        {"headers": {"X-Who": "qa-7"}},
        {"headers": {"x-who": "7-qa-"}},
    ),
]


def sending(asked: dict[str, Any], more: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {**asked, **{key: {**asked[key], **values} for key, values in more.items()}}


@given(rules(), requests(), st.sampled_from(TESTERS), st.booleans())
def test_nobody_reaches_the_canary_who_would_not_have_reached_a_governed_rule(
    drawn: list[Rule], asked: dict[str, Any], testing: Any, is_apart: bool
) -> None:
    testers, sent, other = testing
    said = f"  testers: {testers}\n" if testers else ""
    try:
        release = adopted(drawn, phases=PHASES, said=said, adopt="    separateRoute: true\n" * is_apart)
    except Refused as refused:
        assert {finding.rule for finding in refused.findings} == {"precedence"}
        return
    before = backends(release, "before", asked)
    is_governed = before is not None and "shop" in before
    assert _some(backends(release, "mirror 20%", asked)) == _some(before)
    for phase in ("header-only", "10%", "100%"):
        share = release.plan.find(phase).traffic.share
        expected = {"shop": 1 - share, "shop-canary": share} if is_governed else before
        for somebody in (asked, sending(asked, other)):
            assert _some(backends(release, phase, somebody)) == _some(expected), phase
        assert _some(backends(release, phase, sending(asked, sent))) == (
            {"shop-canary": 1} if is_governed else _some(before)
        )
    for phase in ("rollback from 10%", "promote-return", "rolled-back"):
        assert _some(backends(release, phase, sending(asked, sent))) == _some(before), phase


def _some(shares: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if shares is None else {name: share for name, share in shares.items() if share}


def rule(to: str, *wanted: str, path: str = "/", **match: Any) -> Rule:
    headers = [dict(zip(("name", "value"), text.split("="), strict=True)) for text in wanted]
    found = {
        "path": {"type": "PathPrefix", "value": path},
        **match,
        **({"headers": headers} if headers else {}),
    }
    return {"matches": [found], "backendRefs": [{"name": to, "port": 80}]}


QUERY = [{"name": "q", "value": "1"}]


@pytest.mark.parametrize(
    ("drawn", "place", "hint"),
    [
        ([rule("shop"), rule("docs", "y=1")], "spec.testers", "put rule 1 before rule 0"),
        (
            [rule("shop"), rule("docs", "y=1"), rule("legacy", "z=1")],
            "spec.testers",
            "put rule 1 before rule 0",
        ),
        ([rule("docs"), rule("shop")], "spec.testers", "or leave testers out: testers: false"),
        (
            [rule("shop", path="/a/"), rule("docs", "y=1", path="/a")],
            "spec.testers",
            "put rule 1 before rule 0",
        ),
        ([rule("docs", queryParams=QUERY), rule("shop")], "spec.testers", "name rule 0 in `routes` too"),
        ([rule("docs", "y=1"), rule("shop")], "spec.phases", "or mirror them all: methods: all"),
    ],
)
def test_a_rule_that_would_lose_requests_is_an_error_with_a_cure(
    drawn: list[Rule], place: str, hint: str
) -> None:
    phases = PHASES if place == "spec.phases" else "[header-only, 10%, 100%]"
    with pytest.raises(Refused) as refused:
        adopted(drawn, phases=phases)
    findings = refused.value.findings
    assert len({(finding.path, finding.message.partition("; those")[0]) for finding in findings}) == len(
        findings
    )
    finding = findings[0]
    assert f": {place}: rule {1 - drawn.index(next(r for r in drawn if 'shop' in str(r)))} of" in str(finding)
    assert hint in finding.hint
    assert finding.where.file == "canary.yaml"


@pytest.mark.parametrize(
    "drawn",
    [
        [rule("docs", "y=1"), rule("shop")],
        [rule("docs", "y=1"), rule("shop", "y=2")],
        [rule("shop"), rule("docs", path="/a")],
        [rule("shop"), rule("docs", "y=1", "z=1")],
        [rule("docs", method="GET"), rule("shop", method="POST")],
        [rule("docs", queryParams=QUERY), rule("shop", queryParams=[{"name": "q", "value": "2"}])],
    ],
)
def test_rules_that_lose_nothing_are_left_in_peace(drawn: list[Rule]) -> None:
    assert adopted(drawn, phases="[header-only, 10%, 100%]")


def test_a_rule_without_matches_takes_every_call_too() -> None:
    calls = [{"matches": [{"headers": [{"name": "y", "value": "1"}]}]}, {}]
    docs, shop = (
        {**rule, "backendRefs": [{"name": name, "port": 80}]}
        for rule, name in zip(calls, ("docs", "shop"), strict=True)
    )
    assert adopted([docs, shop], phases="[header-only, 10%, 100%]", kind="GRPCRoute")
    with pytest.raises(Refused) as refused:
        adopted([shop, docs], phases="[header-only, 10%, 100%]", kind="GRPCRoute")
    assert refused.value.findings[0].hint == "put rule 1 before rule 0"


def test_beside_the_users_route_a_clone_loses_between_equals_and_wins_otherwise() -> None:
    apart = {"phases": "[header-only, 10%, 100%]", "adopt": "    separateRoute: true\n"}
    assert adopted([rule("shop"), rule("docs", "y=1")], **apart)
    with pytest.raises(Refused) as refused:
        adopted([rule("docs", queryParams=QUERY), rule("shop")], **apart)
    (finding,) = refused.value.findings
    assert "those of testers would come to the clone of rule 1 in `header-only`" in finding.message
