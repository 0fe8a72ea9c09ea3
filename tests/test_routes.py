"""Clones of a rule: which matches, which filters, which names."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from kubectl_canary.release import routes
from kubectl_canary.release.plan import Traffic
from kubectl_canary.release.testers import Testers

CANARY = {"name": "shop-canary", "port": 80, "weight": 0}
STABLE = {"name": "shop-stable", "port": 80, "weight": 100}
HEADER = Testers("header", "x-canary", "true")
REWRITE = {
    "type": "URLRewrite",
    "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
}
REDIRECT = {
    "type": "RequestRedirect",
    "requestRedirect": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
}
FULL_PATH = {
    "type": "URLRewrite",
    "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/"}},
}
SAFE = Traffic("mirror 20%", mirror=Fraction(1, 5), methods=("GET", "HEAD"))


def a_rule(*matches: dict[str, Any], filters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    rule: dict[str, Any] = {"name": "default", "matches": list(matches), "backendRefs": [STABLE]}
    return {**rule, "filters": filters} if filters else rule


def path(value: str) -> dict[str, Any]:
    return {"path": {"type": "PathPrefix", "value": value}}


def test_a_match_with_a_method_is_copied_for_that_method_alone() -> None:
    """A clone of a POST match that asked for GET would take requests that no rule of the user's takes."""
    rule = a_rule({**path("/a"), "method": "GET"}, {**path("/b"), "method": "POST"}, path("/c"))
    (clone,) = routes.mirror_clones(rule, CANARY, SAFE)
    assert [("/a", "GET"), ("/c", "GET"), ("/c", "HEAD")] == [
        (match["path"]["value"], match["method"]) for match in clone["matches"]
    ]


def test_where_no_match_has_a_mirrored_method_there_is_no_clone() -> None:
    assert [] == routes.mirror_clones(a_rule({"method": "POST"}), CANARY, SAFE)


def test_testers_keep_the_headers_of_the_match() -> None:
    region = {"type": "Exact", "name": "x-region", "value": "eu"}
    (clone,) = routes.testers_clones(a_rule({**path("/"), "headers": [region]}), CANARY, HEADER)
    assert [region, {"type": "Exact", "name": "x-canary", "value": "true"}] == clone["matches"][0]["headers"]
    assert [{**CANARY, "weight": 100}] == clone["backendRefs"]


def test_a_rule_without_matches_is_cloned_for_every_path() -> None:
    (clone,) = routes.testers_clones({"backendRefs": [STABLE]}, CANARY, HEADER)
    assert [{"type": "PathPrefix", "value": "/"}] == [match["path"] for match in clone["matches"]]


@pytest.mark.parametrize(
    ("filters", "number"), [([REWRITE], 2), ([REDIRECT], 2), ([FULL_PATH], 1), (None, 1)]
)
def test_a_filter_that_replaces_the_prefix_needs_a_rule_for_each_match(
    filters: list[dict[str, Any]] | None, number: int
) -> None:
    clones = routes.testers_clones(a_rule(path("/a"), path("/b"), filters=filters), CANARY, HEADER)
    assert number == len(clones)
    assert ["/a", "/b"] == [match["path"]["value"] for clone in clones for match in clone["matches"]]


def test_a_mirror_is_the_last_filter_and_has_no_weight() -> None:
    set_header = {
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]},
    }
    made = routes.mirrored(a_rule(filters=[set_header]), CANARY, SAFE)
    mirror = {"backendRef": {"name": "shop-canary", "port": 80}, "percent": 20}
    assert [set_header, {"type": "RequestMirror", "requestMirror": mirror}] == made["filters"]
    assert [STABLE] == made["backendRefs"]


def test_a_field_that_is_null_has_its_default() -> None:
    """The server drops nulls, and Helm charts write them."""
    written = {"name": "shop", "port": 80}
    nulls = {"kind": None, "group": None, "namespace": None, "weight": None}
    bare, null = routes.BackendRef(written), routes.BackendRef({**written, **nulls})
    assert (bare.identity, 1, 1) == (null.identity, bare.weight, null.weight)
    assert "store" == null.namespace("store")
    rule = a_rule({**path("/a"), "method": None, "headers": None}) | {"filters": None}
    (clone,) = routes.mirror_clones(rule, {**CANARY, **nulls}, SAFE)
    assert ["GET", "HEAD"] == [match["method"] for match in clone["matches"]]
    target = clone["filters"][0]["requestMirror"]["backendRef"]
    assert {"name": "shop-canary", "port": 80} == target
    (clone,) = routes.testers_clones(rule, CANARY, HEADER)
    assert ["x-canary"] == [header["name"] for header in clone["matches"][0]["headers"]]


def test_clones_have_names_of_their_own() -> None:
    assert ["default-canary-testers-shop"] == routes.clone_names("default", "testers", 1, "shop")
    assert ["default-canary-mirror-1-shop", "default-canary-mirror-2-shop"] == routes.clone_names(
        "default", "mirror", 2, "shop"
    )
    assert ["rule-canary-testers-shop"] == routes.clone_names(routes.NAMELESS, "testers", 1, "shop")


@pytest.mark.parametrize("length", range(225, 254))
def test_names_of_clones_are_never_too_long(length: int) -> None:
    ending = "-canary-testers-shop"
    (name,) = routes.clone_names("a" * length, "testers", 1, "shop")
    assert (len(name) <= 253, name.endswith(ending)) == (True, True)
    assert (name == "a" * length + ending) is (length + len(ending) <= 253)
    assert len(name) == min(253, length + len(ending))


def test_a_cut_name_has_no_two_separators() -> None:
    (name,) = routes.clone_names("a" * 220 + "." * 20 + "b", "testers", 1, "shop")
    assert ".-" not in name
