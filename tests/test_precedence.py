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
from kubectl_canary.records import replace
from kubectl_canary.release import adoption, precedence
from kubectl_canary.release.application import OWN_PREFIX, Given

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
def rules(draw: st.DrawFn, names: tuple[str, ...], most: int) -> list[Rule]:
    """Rules that send to one of these Services each, with matches that overlap."""
    drawn = []
    for _ in range(draw(st.integers(1, most))):
        listed = draw(st.lists(matches(), min_size=1, max_size=2))
        drawn.append({"matches": listed, "backendRefs": [{"name": draw(st.sampled_from(names)), "port": 80}]})
    return drawn


HOSTNAMES: list[dict[str, Any]] = [
    {},
    {"hostnames": ["store.example.com"]},
    {"hostnames": ["*.example.com", "docs.example.com"]},
]


@st.composite
def routes(draw: st.DrawFn) -> tuple[list[list[Rule]], list[dict[str, Any]]]:
    """The rules of one route, or of the shop's and one of others before or behind it, and the hostnames of each."""
    hostnames = draw(st.sampled_from(HOSTNAMES))
    if draw(st.booleans()):
        drawn = draw(rules(("shop", "shop", "docs", "legacy"), 4))
        assume(any(rule["backendRefs"][0]["name"] == "shop" for rule in drawn))
        return [drawn], [hostnames]
    drawn = draw(rules(("docs", "legacy"), 3))
    shop = [{"matches": [draw(matches())], "backendRefs": [{"name": "shop", "port": 80}]}]
    both = draw(st.permutations([shop, drawn]))
    return both, [hostnames, draw(st.sampled_from([hostnames, hostnames, *HOSTNAMES]))]


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
    documents = in_phase(release, name)
    winner = gateway_spec.winner(documents, asked)
    return None if winner is None else gateway_spec.split(documents[winner[0]]["spec"]["rules"][winner[1]])


def in_phase(release: Release, name: str) -> list[dict[str, Any]]:
    """The routes of a phase."""
    documents = adoption.documents(release.plan.application, release.plan.find(name))
    return [document.value for document in documents if document.value["kind"].endswith("Route")]


def is_tied(release: Release, name: str, asked: dict[str, Any]) -> bool:
    """Whether two routes of the user's are equals for a request in a phase: the older wins, and files do not say it."""
    documents = in_phase(release, name)
    ranked = gateway_spec.ranked(documents, asked)
    first = [place[0] for key, *_, place in ranked if key[:-3] == ranked[0][0][:-3]]
    return len({documents[number]["metadata"]["name"].removesuffix("-canary") for number in first}) > 1


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


@given(routes(), requests(), st.sampled_from(TESTERS), st.booleans())
def test_nobody_reaches_the_canary_who_would_not_have_reached_a_governed_rule(
    drawn: Any, asked: dict[str, Any], testing: Any, is_apart: bool
) -> None:
    (listed, specs), (testers, sent, other) = drawn, testing
    said = f"  testers: {testers}\n" if testers else ""
    try:
        release = adopted(
            *listed, phases=PHASES, said=said, adopt="    separateRoute: true\n" * is_apart, specs=specs
        )
    except Refused as refused:
        assert {finding.rule for finding in refused.findings} == {"precedence"}
        return
    assume(not is_tied(release, "before", asked))
    before = backends(release, "before", asked)
    is_governed = before is not None and "shop" in before
    _check(release, "mirror 20%", asked, before)
    for phase in ("header-only", "10%", "100%"):
        share = release.plan.find(phase).traffic.share
        expected = {"shop": 1 - share, "shop-canary": share} if is_governed else before
        for somebody in (asked, sending(asked, other)):
            _check(release, phase, somebody, expected)
        _check(release, phase, sending(asked, sent), {"shop-canary": 1} if is_governed else before)
    for phase in ("rollback from 10%", "promote-return", "rolled-back"):
        _check(release, phase, sending(asked, sent), before)


def _check(release: Release, phase: str, asked: dict[str, Any], expected: dict[str, Any] | None) -> None:
    if not is_tied(release, phase, asked):
        assert _some(backends(release, phase, asked)) == _some(expected), phase


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


# --- of several routes ------------------------------------------------------------------

ABTEST = [rule("docs", "x-team=a"), rule("docs", queryParams=QUERY)]


def complaints(*drawn: list[Rule], **more: Any) -> list[tuple[str, str]]:
    """What is said of each route of others: message and cure."""
    with pytest.raises(Refused) as refused:
        adopted(*drawn, **more)
    return [(finding.message, finding.hint) for finding in refused.value.findings]


def test_a_mirror_of_some_methods_takes_no_requests_of_another_routes_rules() -> None:
    alone = "  testers: false\n"
    said = complaints([rule("shop")], ABTEST, phases="[mirror 20%, 10%, 100%]", said=alone)
    assert said == [
        (
            f"rule {number} of HTTPRoute storefront-1 takes requests that rule 0 of HTTPRoute storefront-0 would take too; "
            "those whose method is mirrored would come to the clone of rule 0 in `mirror 20%`",
            f"name rule {number} of HTTPRoute storefront-1 in `routes` too where it sends to the Service, "
            "or mirror them all: methods: all",
        )
        for number in (0, 1)
    ]
    every = "[{mirror: 20%, methods: all}, 10%, 100%]"
    assert adopted([rule("shop")], ABTEST, phases=every, said=alone)


@pytest.mark.parametrize("adopt", ["", "    separateRoute: true\n"])
def test_testers_take_no_requests_of_another_routes_rules(adopt: str) -> None:
    ((message, hint),) = complaints([rule("shop")], ABTEST, adopt=adopt)
    assert message.startswith(
        "rule 1 of HTTPRoute storefront-1 takes requests that rule 0 of HTTPRoute storefront-0 "
    )
    assert message.endswith("those of testers would come to the clone of rule 0 in `header-only`")
    assert hint == (
        "name rule 1 of HTTPRoute storefront-1 in `routes` too where it sends to the Service, "
        "or leave testers out: testers: false"
    )
    assert adopted([rule("shop")], ABTEST, phases="[10%, 100%]", said="  testers: false\n")


ON = "store.example.com"


@pytest.mark.parametrize(
    "specs",
    [
        [{"hostnames": [ON]}, {"hostnames": ["docs.example.com", ON]}],
        [{"parentRefs": [{"name": "edge", "sectionName": "https"}]}, {}],
        [
            {"parentRefs": [{"name": "edge", "port": 80}]},
            {"parentRefs": [{"name": "edge", "namespace": "store"}]},
        ],
        [{}, {"parentRefs": [{"name": "inner"}, {"name": "edge", "kind": "Gateway"}]}],
    ],
)
def test_routes_with_a_parent_and_a_hostname_in_common_meet(specs: list[dict[str, Any]]) -> None:
    assert len(complaints([rule("shop")], ABTEST, specs=specs)) == 1


@pytest.mark.parametrize(
    "specs",
    [
        [{"hostnames": [ON]}, {"hostnames": ["docs.example.com"]}],
        [{"hostnames": [ON]}, {}],  # the hostname decides before any rule
        [{}, {"hostnames": [ON]}],
        [{"hostnames": [ON]}, {"hostnames": ["*.example.com"]}],
        [{}, {"parentRefs": [{"name": "inner"}]}],
        [{}, {"parentRefs": [{"name": "edge", "namespace": "edge"}]}],
        [{}, {"parentRefs": [{"name": "edge", "kind": "Service", "group": ""}]}],
        [
            {"parentRefs": [{"name": "edge", "sectionName": "http"}]},
            {"parentRefs": [{"name": "edge", "sectionName": "https"}]},
        ],
        [{"parentRefs": [{"name": "edge", "port": 80}]}, {"parentRefs": [{"name": "edge", "port": 443}]}],
    ],
)
def test_routes_that_meet_no_request_in_common_are_left_in_peace(specs: list[dict[str, Any]]) -> None:
    assert adopted([rule("shop")], ABTEST, specs=specs)


@pytest.mark.parametrize(
    "others",
    [
        [rule("docs", "x-team=a")],  # as many conditions as the clone has: the older route wins
        [rule("docs")],  # as many as the governed rule has
        [rule("docs", "x-team=a", "y=1")],
        [rule("docs", queryParams=QUERY, path="/docs")],
        [rule("shop", queryParams=QUERY)],
    ],
)
def test_rules_of_another_route_that_lose_nothing_are_left_in_peace(others: list[Rule]) -> None:
    assert adopted([rule("shop")], others)


def test_the_best_match_of_the_governed_rule_counts_and_not_another_that_fits_too() -> None:
    shop = rule("shop", "y=1")
    shop["matches"] += rule("shop")["matches"]
    assert adopted([shop], [rule("docs", "z=1")], phases="[header-only, 10%, 100%]")


def test_no_rule_for_calls_stands_between_a_clone_and_its_original() -> None:
    calls = [{"matches": [{"headers": [{"name": "y", "value": "1"}]}]}, {}]
    docs, shop = (
        {**rule, "backendRefs": [{"name": name, "port": 80}]}
        for rule, name in zip(calls, ("docs", "shop"), strict=True)
    )
    assert adopted([shop], [docs], phases="[header-only, 10%, 100%]", kind="GRPCRoute")


def among(*others: dict[str, Any], phases: str = "[header-only, 10%, 100%]") -> list[str]:
    """What is said of a release of the shop, with these routes of others beside its own."""
    plan = adopted([rule("shop")], phases=phases).plan
    known = plan.application.adopted
    assert known is not None
    more = replace(known, stable=(*known.stable, *map(Given, others)))
    found = precedence.findings(replace(plan, application=replace(plan.application, adopted=more)))
    return [finding.message.partition(" takes")[0] for finding in found]


def route_of(*listed: Rule, name: str = "abtest", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "store", **metadata},
        "spec": {"parentRefs": [{"name": "edge", "namespace": "store"}], "rules": [*listed]},
    }


def test_a_route_of_another_namespace_is_said_with_it() -> None:
    assert among(route_of(*ABTEST, namespace="docs")) == ["rule 1 of HTTPRoute abtest in docs"]
    calls = {**route_of(*ABTEST), "kind": "GRPCRoute"}
    others = {**route_of(*ABTEST), "apiVersion": "example.com/v1"}
    assert among(route_of(*ABTEST), calls, others) == ["rule 1 of HTTPRoute abtest"]


def test_rules_that_a_release_added_to_another_route_lose_nothing() -> None:
    clone = {**rule("cart-canary", queryParams=QUERY), "name": "default-canary-testers-cart"}
    noted = {f"{OWN_PREFIX}rules.cart": clone["name"]}
    assert among(route_of(clone, rule("cart"), annotations=noted)) == []
    assert among(route_of(clone, *ABTEST, annotations=noted)) == ["rule 1 of HTTPRoute abtest"]


def test_each_rule_of_thousands_of_other_routes_is_ranked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ranked: list[Any] = []
    before = precedence._ranked
    monkeypatch.setattr(precedence, "_ranked", lambda known: ranked.append(known) or before(known))
    elsewhere = [route_of(*ABTEST, name=f"away-{number}") for number in range(4000)]
    for route in elsewhere:
        route["spec"]["hostnames"] = [f"{route['metadata']['name']}.example.com"]
    near = [route_of(*ABTEST, name=f"near-{number}") for number in range(1000)]
    assert len(among(*elsewhere, *near)) == 1000
    assert len(ranked) == 1000 * len(ABTEST)
