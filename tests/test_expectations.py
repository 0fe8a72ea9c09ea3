"""What a phase says of a request, by its documents."""

from __future__ import annotations

from fractions import Fraction

import pytest
from releases import a_release, route_of

from kubectl_canary.driving.expectations import of_tester, share_of_new, share_of_pods
from kubectl_canary.release.testers import Testers
from kubectl_canary.routing.requests import Request
from kubectl_canary.routing.simulation import simulate

ASKED = Request(headers=(("cookie", "a=1"), ("X-Canary", "false")), query="a=1")


@pytest.mark.parametrize(
    ("phase", "share"),
    [
        ("before", "0"),
        ("deploy", "0"),
        ("header-only", "0"),
        ("5%", "1/20"),
        ("50%", "1/2"),
        ("100%", "1"),
        ("promote-roll", "1"),
        ("promote-return", "1"),
        ("promoted", "1"),
    ],
)
def test_the_new_version_has_its_share_on_whichever_side_it_runs(phase: str, share: str) -> None:
    plan = a_release()
    outcome = simulate([route_of(plan, phase)], Request())
    assert Fraction(share) == share_of_new(plan.application, plan.find(phase), outcome)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            {"backendRefs": [{"name": "shop-stable", "port": 80}, {"name": "old", "port": 80}]},
            "old answers it",
        ),
        ({"backendRefs": [{"name": "shop-stable", "port": 80, "weight": 0}]}, "nobody answers it"),
        ({"backendRefs": []}, "nobody answers it"),
        (
            {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]},
            "it is redirected to https",
        ),
        ({"matches": [{"path": {"type": "Exact", "value": "/x"}}]}, "no rule takes it"),
    ],
)
def test_what_others_answer_tells_nothing(change: dict[str, object], why: str) -> None:
    plan = a_release()
    route = route_of(plan, "before")
    route["spec"]["rules"][0] |= change
    with pytest.raises(ValueError, match=why):
        share_of_new(plan.application, plan.find("before"), simulate([route], Request()))


@pytest.mark.parametrize(
    ("testers", "headers", "query"),
    [
        (Testers("header", "x-canary", "true"), (("cookie", "a=1"), ("x-canary", "true")), "a=1"),
        (Testers("header", "x-user", "qa", "Prefix"), (*ASKED.headers, ("x-user", "qa")), "a=1"),
        (Testers("cookie", "canary", "1"), (("X-Canary", "false"), ("cookie", "a=1; canary=1")), "a=1"),
        (Testers("query", "a", "2"), ASKED.headers, "a=2&a=1"),
        (Testers("query", "a", "b c&ü"), ASKED.headers, "a=b%20c%26%C3%BC&a=1"),
    ],
)
def test_a_tester_sends_what_testers_send(
    testers: Testers, headers: tuple[tuple[str, str], ...], query: str
) -> None:
    request = of_tester(ASKED, testers)
    assert request is not None
    assert (headers, query) == (request.headers, request.query)


def test_a_tester_without_other_parameters_sends_his_own() -> None:
    request = of_tester(Request(), Testers("query", "canary", "1"))
    assert request is not None
    assert "canary=1" == request.query


def test_of_testers_by_a_pattern_no_value_is_known() -> None:
    assert None is of_tester(ASKED, Testers("header", "x-user", "qa.*", "RegularExpression"))


def test_pods_have_a_share_where_both_sides_have_some() -> None:
    plan = a_release()
    assert [None, Fraction(1, 3)] == [share_of_pods(plan.find(phase)) for phase in ("before", "5%")]
