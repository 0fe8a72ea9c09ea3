"""Which rule a request meets: a table for each criterion, and random routes held against a second reading of the text."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import gateway_spec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import canary_files
from test_plan import GENERATOR, planned

from kubectl_canary.records import replace
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.testers import Testers
from kubectl_canary.rendering import objects
from kubectl_canary.routing.answers import Redirect
from kubectl_canary.routing.requests import Request, header_of, request_of
from kubectl_canary.routing.simulation import Outcome, simulate

API = "gateway.networking.k8s.io/v1"
OLD, NEW = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
HOST = "shop.example.com"


def a_route(
    name: str = "shop", *rules: dict[str, Any], kind: str = "HTTPRoute", created: str = "", **spec: Any
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "web", **({"creationTimestamp": created} if created else {})}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": {**spec, "rules": [*rules]}}


def a_rule(*matches: dict[str, Any], to: str = "a", **more: Any) -> dict[str, Any]:
    backends = {"backendRefs": [{"name": to, "port": 80}]}
    return {**({"matches": [*matches]} if matches else {}), **backends, **more}


def path(value: str, kind: str = "PathPrefix", **more: Any) -> dict[str, Any]:
    return {"path": {"type": kind, "value": value}, **more}


def header(name: str, value: str = "1", **more: Any) -> dict[str, Any]:
    return {"name": name, "value": value, **more}


def asked(where: str = "/", method: str = "GET", **headers: str) -> Request:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return request_of(where, method, pairs, f"http://{HOST}")


def place(outcome: Outcome) -> tuple[str, int, int] | None:
    winner = outcome.winner
    return None if winner is None else (winner.route.name, winner.rule, winner.match)


def answered(outcome: Outcome) -> dict[str, Fraction]:
    return {one.backend.name: one.share for one in outcome.shares if one.share}


def criteria(outcome: Outcome) -> list[str]:
    return [criterion.value for _, criterion in outcome.losers]


BETTER = [
    ("hostname", {"hostnames": [HOST]}, {}, {"hostnames": ["*.example.com"]}, path("/cart", "Exact")),
    ("hostname", {"hostnames": ["*.example.com"]}, {}, {"hostnames": ["*.com"]}, path("/cart", "Exact")),
    ("hostname", {"hostnames": ["*.com"]}, {}, {}, path("/cart", "Exact")),
    ("path type", {}, path("/cart", "Exact"), {}, path("/cart", method="GET")),
    ("path type", {}, path("/c.*", "RegularExpression"), {}, path("/cart")),
    ("path length", {}, path("/cart"), {}, path("/", method="GET", headers=[header("x-a")])),
    ("method", {}, {"method": "GET"}, {}, {"headers": [header("x-a"), header("x-b")]}),
    ("headers", {}, {"headers": [header("x-a")]}, {}, {"queryParams": [header("q")]}),
    ("query parameters", {}, {"queryParams": [header("q")]}, {}, {}),
]


@pytest.mark.parametrize(("criterion", "spec", "match", "worse_spec", "worse"), BETTER)
def test_each_step_decides_whatever_comes_later(
    criterion: str,
    spec: dict[str, Any],
    match: dict[str, Any],
    worse_spec: dict[str, Any],
    worse: dict[str, Any],
) -> None:
    """The worse route is older, is first by name, and stands first."""
    routes = [
        a_route("a", a_rule(worse), created=OLD, **worse_spec),
        a_route("b", a_rule(match), created=NEW, **spec),
    ]
    outcome = simulate(routes, asked("/cart?q=1", x_a="1", x_b="1"))
    assert (("b", 0, 0), [criterion]) == (place(outcome), criteria(outcome))
    assert criterion == outcome.decisions[-1].rank.criterion.value


@pytest.mark.parametrize(
    ("first", "second", "criterion", "winner"),
    [
        (a_route("a", a_rule(), created=NEW), a_route("b", a_rule(), created=OLD), "age of the route", "b"),
        (a_route("a", a_rule()), a_route("b", a_rule(), created=NEW), "age of the route", "b"),
        (a_route("b", a_rule()), a_route("a", a_rule()), "name of the route", "a"),
    ],
)
def test_between_equal_matches_the_older_route_wins_then_the_first_by_name(
    first: dict[str, Any], second: dict[str, Any], criterion: str, winner: str
) -> None:
    outcome = simulate([first, second], asked())
    assert ((winner, 0, 0), [criterion]) == (place(outcome), criteria(outcome))


def test_within_a_route_the_first_rule_wins_by_its_best_match() -> None:
    route = a_route("a", a_rule(path("/x")), a_rule({}, path("/")), a_rule(path("/")))
    outcome = simulate([route], asked())
    assert (("a", 1, 0), ["order of rules"]) == (place(outcome), criteria(outcome))
    outcome = simulate([a_route("a", a_rule(path("/"), path("/cart")))], asked("/cart"))
    assert (("a", 0, 1), ()) == (place(outcome), outcome.decisions)


@pytest.mark.parametrize(
    ("prefix", "where", "takes"),
    [
        ("/foo", "/foo", True), ("/foo", "/foo/", True), ("/foo", "/foo/bar", True), ("/foo", "/foobar", False),
        ("/foo/", "/foo", True), ("/foo/", "/foo/bar", True), ("/foo", "/Foo", False), ("/", "/x", True),
    ],
)  # fmt: skip
def test_prefixes_are_compared_by_elements(prefix: str, where: str, takes: bool) -> None:
    assert takes is (simulate([a_route("a", a_rule(path(prefix)))], asked(where)).winner is not None)


def test_a_slash_at_the_end_makes_no_prefix_longer() -> None:
    outcome = simulate([a_route("a", a_rule(path("/foo")), a_rule(path("/foo/")))], asked("/foo/bar"))
    assert (("a", 0, 0), ["order of rules"]) == (place(outcome), criteria(outcome))


def test_of_headers_with_one_name_the_first_counts_in_any_case() -> None:
    twice = a_rule({"headers": [header("X-A", "1"), header("x-a", "2")]}, to="twice")
    once = a_rule({"headers": [header("x-a", "1")]}, to="once")
    outcome = simulate([a_route("a", once, twice)], asked(x_A="1"))
    assert (("a", 0, 0), ["order of rules"]) == (place(outcome), criteria(outcome))
    assert simulate([a_route("a", twice)], asked(x_a="2")).status == 404


def test_expressions_match_the_whole_text_and_are_said_to_be_the_implementations() -> None:
    routes = [a_route("a", a_rule(path("/v[0-9]+", "RegularExpression"), to="new"))]
    outcome = simulate(routes, asked("/v12"))
    assert {"new": 1} == answered(outcome)
    assert ["implementation-specific" in note for note in outcome.notes] == [True]
    assert simulate(routes, asked("/v12/x")).status == 404
    unknown = simulate([a_route("a", a_rule(path(r"/\pL", "RegularExpression")))], asked("/x"))
    assert (404, ["is not known here" in note for note in unknown.notes]) == (unknown.status, [True])


@pytest.mark.parametrize(
    ("hostname", "host", "takes"),
    [
        (HOST, "SHOP.example.com", True), ("*.example.com", HOST, True), ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False), ("*.example.com", "notexample.com", False), ("a.com", HOST, False),
    ],
)  # fmt: skip
def test_hostnames(hostname: str, host: str, takes: bool) -> None:
    route = a_route("a", a_rule(), hostnames=[hostname])
    assert takes is (simulate([route], asked(f"http://{host}/")).winner is not None)


def test_an_exact_hostname_wins_over_a_wildcard_of_its_length() -> None:
    routes = [a_route("a", a_rule(), hostnames=["*.a.com"]), a_route("b", a_rule(), hostnames=["b.a.com"])]
    assert ("b", 0, 0) == place(simulate(routes, asked("http://b.a.com/")))


def test_calls_by_grpc() -> None:
    service = {"method": {"service": "shop.Cart"}}
    call = {"method": {"method": "Add"}}
    both = {"method": {"service": "shop.Cart", "method": "Add"}, "headers": [header("x-a")]}
    route = a_route("a", a_rule(call), a_rule(service), a_rule(both), kind="GRPCRoute")
    assert ("a", 2, 0) == place(simulate([route], asked("/shop.Cart/Add", "POST", x_a="1")))
    outcome = simulate([route], asked("/shop.Cart/Add", "POST"))
    assert (("a", 1, 0), ["gRPC service"]) == (place(outcome), criteria(outcome))
    assert ("a", 0, 0) == place(simulate([route], asked("/other/Add", "POST")))
    for wrong in (asked("/shop.Cart/Add"), asked("/shop.Cart", "POST"), asked("/shop.Cart/Add/x", "POST")):
        assert simulate([route], wrong).status == 404


def test_a_hostname_has_routes_of_one_kind() -> None:
    http = a_route("a", a_rule(path("/none")), created=OLD, hostnames=[HOST])
    grpc = a_route("b", a_rule(), kind="GRPCRoute", created=NEW, hostnames=[HOST, "b.com"])
    outcome = simulate([grpc, http], asked("/a/b", "POST"))
    assert (404, True) == (outcome.status, outcome.notes[0].startswith("GRPCRoute b is not accepted"))
    other = {**grpc, "spec": {**grpc["spec"], "hostnames": ["*.example.com"]}}
    assert ("b", 0, 0) == place(simulate([other], asked("/a/b", "POST")))


GATEWAY = {
    "apiVersion": API,
    "kind": "Gateway",
    "metadata": {"name": "gw", "namespace": "web"},
    "spec": {
        "listeners": [
            {"name": "http", "protocol": "HTTP", "port": 80},
            {"name": "https", "protocol": "HTTPS", "port": 443, "hostname": "*.example.com"},
        ]
    },
}


@pytest.mark.parametrize(
    ("parent", "url", "takes"),
    [
        ({"name": "gw"}, "http://shop.example.com/", True),
        ({"name": "gw"}, "https://shop.example.com/", True),
        ({"name": "gw"}, "https://shop.com/", False),
        ({"name": "gw"}, "http://shop.example.com:8080/", False),
        ({"name": "gw"}, "http://shop.example.com:443/", False),
        ({"name": "gw", "sectionName": "https"}, "http://shop.example.com/", False),
        ({"name": "gw", "sectionName": "https"}, "https://shop.example.com/", True),
        ({"name": "gw", "port": 443}, "http://shop.example.com/", False),
        ({"name": "gw", "namespace": "else", "sectionName": "https"}, "http://shop.example.com/", True),
        ({"name": "else", "port": 81}, "http://shop.example.com:81/", True),
        ({"name": "else", "port": 81}, "http://shop.example.com/", False),
    ],
)
def test_listeners_of_gateways_that_are_known(parent: dict[str, Any], url: str, takes: bool) -> None:
    outcome = simulate([GATEWAY, a_route("a", a_rule(), parentRefs=[parent])], asked(url))
    assert takes is (outcome.winner is not None)
    assert takes is not bool(outcome.notes)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([None, None], {"b0": Fraction(1, 2), "b1": Fraction(1, 2)}),
        ([2, None], {"b0": Fraction(2, 3), "b1": Fraction(1, 3)}),
        ([95, 5, 0], {"b0": Fraction(19, 20), "b1": Fraction(1, 20)}),
        ([0], None),
        ([], None),
    ],
)
def test_shares_are_weights_by_their_sum(
    weights: list[int | None], expected: dict[str, Fraction] | None
) -> None:
    refs = [
        {"name": f"b{index}", **({} if weight is None else {"weight": weight})}
        for index, weight in enumerate(weights)
    ]
    outcome = simulate([a_route("a", {"backendRefs": refs})], asked())
    assert (expected or {}, None if expected else 500) == (answered(outcome), outcome.status)
    assert len(weights) == len(outcome.shares)


@pytest.mark.parametrize(
    ("amount", "share"),
    [
        ({}, Fraction(1)), ({"percent": 0}, Fraction(0)), ({"percent": 20}, Fraction(1, 5)),
        ({"fraction": {"numerator": 1}}, Fraction(1, 100)),
        ({"fraction": {"numerator": 1, "denominator": 8}}, Fraction(1, 8)),
    ],
)  # fmt: skip
def test_copies(amount: dict[str, Any], share: Fraction) -> None:
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "copy"}, **amount}}
    rule = a_rule(filters=[mirror])
    rule["backendRefs"] = [{"name": "a", "weight": 3}, {"name": "b", "weight": 1, "filters": [mirror]}]
    outcome = simulate([a_route("a", rule)], asked())
    assert [("copy", share), ("copy", share / 4)] == [
        (one.backend.name, one.share) for one in outcome.mirrors
    ]


@pytest.mark.parametrize(
    ("wanted", "url", "leads_to"),
    [
        ({"scheme": "https", "statusCode": 301}, "http://a.com/foo?q=1", Redirect(301, "https://a.com/foo?q=1")),
        ({"scheme": "https"}, "http://a.com:8080/foo", Redirect(302, "https://a.com/foo")),
        ({"hostname": "b.com"}, "http://a.com:8080/foo", Redirect(302, "http://b.com:8080/foo")),
        ({"port": 81}, "http://a.com/foo", Redirect(302, "http://a.com:81/foo")),
        ({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/x"}}, "http://a.com/foo/bar", Redirect(302, "http://a.com/x")),
        ({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x/"}}, "http://a.com/foo/bar", Redirect(302, "http://a.com/x/bar")),
        ({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}, "http://a.com/foo", Redirect(302, "http://a.com/")),
    ],
)  # fmt: skip
def test_redirects_ask_no_backend(wanted: dict[str, Any], url: str, leads_to: Redirect) -> None:
    rule = a_rule(path("/foo"), filters=[{"type": "RequestRedirect", "requestRedirect": wanted}])
    outcome = simulate([a_route("a", rule)], asked(url))
    assert (leads_to, (), leads_to.status) == (outcome.redirect, outcome.shares, outcome.status)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/", Request(host=HOST)),
        ("?a=b", Request(host=HOST, query="a=b")),
        ("a.com", Request(host="a.com")),
        ("A.com:8080/x", Request(host="a.com", port=8080, path="/x")),
        ("https://a.com/x?y=z#part", Request(scheme="https", host="a.com", port=443, path="/x", query="y=z")),
        ("http://[::1]:81/", Request(host="::1", port=81)),
        ("http://user@a.com/%20é", Request(host="a.com", path="/%20%C3%A9")),
    ],
)
def test_urls(url: str, expected: Request) -> None:
    assert expected == request_of(url, "GET", [], f"http://{HOST}")
    assert expected == request_of(expected.url, "GET", [], "")


@pytest.mark.parametrize(
    "url", ["", "/a b", "ftp://a.com", "http://", "http:///x", "http://a_b/", "a.com:x/", "a.com:0", "http://[::1/", "#a"]
)  # fmt: skip
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError):
        request_of(url, "GET", [], f"http://{HOST}")


def test_the_host_header_is_the_host() -> None:
    made = request_of("http://10.0.0.1:8080/", "GET", [("HOST", "B.com:1"), ("x", "y")], "")
    assert Request(host="b.com", port=8080, headers=(("x", "y"),)) == made


def test_a_header_that_comes_twice_is_one_with_commas_and_of_parameters_the_first_counts() -> None:
    request = request_of("/?q=1&q=2&r", "GET", [("x-a", "1"), ("X-A", "2")], f"http://{HOST}")
    assert ("1,2", None) == (request.header("x-a"), request.header("x-b"))
    assert ("1", "", None) == tuple(map(request.parameter, "qrs"))


def test_headers_as_for_curl() -> None:
    assert ("x-a", "b:c") == header_of("x-a:  b:c ")
    for wrong in ("x-a", ": a", "x a: b", "x-a: b\n"):
        with pytest.raises(ValueError):
            header_of(wrong)


HOSTS = ["a.com", "b.a.com", "c.b.a.com", "d.com"]
ELEMENTS = st.lists(st.sampled_from(["foo", "foobar", "bar"]), max_size=3).map(
    lambda found: "/" + "/".join(found)
)
PATHS = st.builds("{}{}".format, ELEMENTS, st.sampled_from(["", "/"])).map(
    lambda text: text.replace("//", "/")
)
NAMES = st.sampled_from(["x-a", "X-A", "x-b"])
KINDS = st.sampled_from(["Exact", "Exact", "RegularExpression"])


def conditions(names: st.SearchStrategy[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.fixed_dictionaries(
        {"name": names, "value": st.sampled_from(["1", "2", "[12]"])}, optional={"type": KINDS}
    )
    return st.lists(one, max_size=3)


HTTP_MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "path": st.one_of(
            st.fixed_dictionaries({"type": st.sampled_from(["PathPrefix", "Exact"]), "value": PATHS}),
            st.fixed_dictionaries({"value": PATHS}),
            st.just({"type": "RegularExpression", "value": "/fo.*"}),
        ),
        "method": st.sampled_from(["GET", "POST"]),
        "headers": conditions(NAMES),
        "queryParams": conditions(st.sampled_from(["q", "Q"])),
    },
)
CALLS = st.fixed_dictionaries(
    {},
    optional={
        "method": st.fixed_dictionaries(
            {},
            optional={
                "type": KINDS,
                "service": st.sampled_from(["foo", "bar", "fo+"]),
                "method": st.just("bar"),
            },
        ),
        "headers": conditions(NAMES),
    },
)


@st.composite
def routes(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["HTTPRoute", "HTTPRoute", "GRPCRoute"]))
    refs = st.lists(
        st.fixed_dictionaries({"name": st.sampled_from("ab")}, optional={"weight": st.integers(0, 3)}),
        max_size=3,
    )
    matches = st.lists(HTTP_MATCHES if kind == "HTTPRoute" else CALLS, max_size=3)
    rule = st.fixed_dictionaries({"backendRefs": refs}, optional={"matches": matches})
    hostnames = st.lists(st.sampled_from([*HOSTS, "*.com", "*.a.com", "*.b.a.com"]), min_size=1, max_size=2)
    spec = draw(
        st.fixed_dictionaries(
            {"rules": st.lists(rule, min_size=1, max_size=3)}, optional={"hostnames": hostnames}
        )
    )
    metadata = draw(
        st.fixed_dictionaries(
            {"name": st.sampled_from("xyz"), "namespace": st.sampled_from("mn")},
            optional={"creationTimestamp": st.sampled_from([OLD, NEW])},
        )
    )
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


ROUTES = st.lists(
    routes(), max_size=4, unique_by=lambda one: (one["metadata"]["namespace"], one["metadata"]["name"])
)
REQUESTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST"]),
        "host": st.sampled_from(HOSTS),
        "path": PATHS,
        "query": st.dictionaries(st.sampled_from(["q", "Q"]), st.sampled_from(["1", "2"])),
        "headers": st.dictionaries(st.sampled_from(["x-a", "x-B"]), st.sampled_from(["1", "2"])),
    }
)


@settings(max_examples=400)
@given(ROUTES, REQUESTS)
@example([], {"method": "GET", "host": "a.com", "path": "/", "query": {}, "headers": {}})
def test_it_is_what_a_second_reading_of_the_specification_says(
    documents: list[dict[str, Any]], wanted: dict[str, Any]
) -> None:
    query = "&".join(f"{name}={value}" for name, value in wanted["query"].items())
    request = Request(
        wanted["method"], "http", wanted["host"], 80, wanted["path"], query, tuple(wanted["headers"].items())
    )
    outcome = simulate(documents, request)
    expected = gateway_spec.winner(documents, wanted)
    winner = outcome.winner
    found = None if winner is None else (documents.index(winner.route.document), winner.rule, winner.match)
    assert expected == found
    if expected is None:
        assert outcome.status == 404
        return
    losers = {
        (documents.index(one.route.document), one.rule): criterion.value for one, criterion in outcome.losers
    }
    assert gateway_spec.losers(documents, wanted) == losers
    share: dict[str, Fraction] = {}
    for one in outcome.shares:
        share[one.backend.name] = share.get(one.backend.name, Fraction(0)) + one.share
    split = gateway_spec.split(documents[expected[0]]["spec"]["rules"][expected[1]])
    assert split == {name: part for name, part in share.items() if part}
    assert (outcome.status is None) is bool(split)


def met(plan: Plan, phase: Phase) -> list[dict[str, Any]]:
    """The documents of a phase that requests meet."""
    wanted = objects.planned(plan.application, phase)
    return [
        one.value
        for one in GENERATOR.render([item for item in wanted if item.part.group in ("route", "gateway")])
    ]


def users_requests(plan: Plan) -> Iterator[tuple[Request, bool]]:
    """Requests by the listener that serves the application, and whether a match of the governed rule must take them.

    For each match one that it takes; then others with another path, another method, and without headers.
    """
    route = plan.application.route
    https = bool(route.gateway.class_name) and "https" in (route.gateway.listener or route.gateway.listeners)
    host = (route.hostnames or ("any.example.com",))[0]
    for match in route.rule.get("matches") or [{}]:
        where = match.get("path", {"value": "/"})
        below = "" if where.get("type") == "Exact" else "/x"
        headers = tuple((one["name"], one["value"]) for one in match.get("headers", []))
        meant = Request(
            method=match.get("method", "GET"),
            scheme="https" if https else "http",
            host=host,
            port=443 if https else 80,
            path=where["value"].rstrip("/") + below or "/",
            headers=headers,
        )
        yield meant, True
        yield replace(meant, path="/elsewhere"), False
        yield replace(meant, headers=()), False
        yield from ((replace(meant, method=method), False) for method in ("GET", "HEAD", "POST", "DELETE"))


def expected_shares(plan: Plan, share: Fraction) -> dict[str, Fraction]:
    (service,) = plan.application.services
    stable, canary = service.names.both()
    return {name: part for name, part in ((stable, 1 - share), (canary, share)) if part}


SENT = {
    "Exact": None,
    "RegularExpression": "yes",
    "Prefix": "y.*es",
}  # what testers of strategies.TESTERS send


def sent(request: Request, testers: Testers, text: str | None = None) -> Request:
    """A request as testers send it, with a text instead of their own."""
    value = testers.value if text is None else text
    if testers.carrier == "query":
        return replace(request, query=f"a=1&{testers.name}={value}")
    if testers.carrier == "cookie":
        return replace(request, headers=(*request.headers, ("Cookie", f"a=1; {testers.name}={value}; b=2")))
    return replace(request, headers=(*request.headers, (testers.name.upper(), value)))


@settings(max_examples=60)
@given(canary_files())
def test_in_every_phase_testers_reach_the_canary_alone_and_all_others_its_share(
    value: dict[str, Any],
) -> None:
    """V2 and V7, by requests: one that nobody answered before is not answered in any phase."""
    plan = planned(value)
    testers = plan.application.testers or Testers("header", "x-tester", "yes")
    before = met(plan, plan.phases[0])
    requests = [
        (request, simulate(before, request).winner is not None, must_be_served)
        for request, must_be_served in users_requests(plan)
    ]
    assert all(is_served or not must_be_served for _, is_served, must_be_served in requests)
    for phase in (*plan.phases, *plan.ways_back()):
        documents, traffic = met(plan, phase), phase.traffic
        for request, is_served, _ in requests:
            for one, share in (
                (request, traffic.share),
                (
                    sent(request, testers, SENT[testers.match]),
                    Fraction(1) if traffic.testers else traffic.share,
                ),
            ):
                outcome = simulate(documents, one)
                expected = expected_shares(plan, share) if is_served else {}
                assert expected == answered(outcome), (phase.name, one)
                copies = {mirror.backend.name: mirror.share for mirror in outcome.mirrors}
                assert expected_copies(plan, phase, one, is_served) == copies, (phase.name, one)


def expected_copies(plan: Plan, phase: Phase, request: Request, is_served: bool) -> dict[str, Fraction]:
    (service,), traffic = plan.application.services, phase.traffic
    is_copied = is_served and traffic.mirror and request.method in (traffic.methods or (request.method,))
    target = traffic.to.name if traffic.to else service.names.canary
    return {target: traffic.mirror} if is_copied else {}
