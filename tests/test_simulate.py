"""`simulate`: what it prints in each form, what it assumes and says, and how it refuses what is no request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import SEED, Result

Canary = Callable[..., Result]
TESTER = ("-H", "X-Canary: true")


@pytest.fixture
def simulate(canary: Canary) -> Canary:
    def call(*arguments: object) -> Result:
        return canary("simulate", "-f", SEED, *arguments)

    return call


def test_a_phase_says_who_answers_and_why(simulate: Canary) -> None:
    result = simulate("--phase", "5%", *TESTER, "https://app.example.com/cart")
    assert (0, "") == (result.code, result.err)
    assert (
        result.out
        == """\
GET https://app.example.com/cart in `5%`: HTTPRoute my-app-canary-route, rules[0] default-canary-testers-my-app, matches[0]

     100%  my-app-canary:80

Why, criterion by criterion of the Gateway API's precedence:
  hostname     app.example.com  as all that are left
  path type    PathPrefix /     as all that are left
  path length  PathPrefix /     as all that are left
  method       any              as all that are left
  headers      x-canary         before rules[1] default (none)
"""
    )


def test_where_one_rule_takes_it_there_is_nothing_to_decide(simulate: Canary) -> None:
    result = simulate("--phase", "5%", "https://app.example.com/")
    assert (
        result.out
        == """\
GET https://app.example.com/ in `5%`: HTTPRoute my-app-canary-route, rules[1] default, matches[0]

      95%  my-app-stable:80
       5%  my-app-canary:80

No other rule takes it.
"""
    )


def test_copies_are_shown(simulate: Canary) -> None:
    result = simulate("--phase", "mirror 20%", "/")
    assert "\n     100%  my-app-stable:80\n      20%  copied to my-app-canary:80\n" in result.out
    assert "copied" not in simulate("--phase", "mirror 20%", "-X", "POST", "/").out


def test_a_path_alone_is_one_of_the_routes_first_hostname_and_that_is_said(
    simulate: Canary, canary: Canary
) -> None:
    result = simulate("/cart?a=b")
    assert (0, "`/cart?a=b` is taken as https://app.example.com/cart?a=b\n") == (result.code, result.err)
    assert "GET https://app.example.com/cart?a=b in `deploy`: " in result.out
    for setting, address in (
        ("spec.route={gateway: {name: gw}}", "http://localhost/"),
        ("spec.route={gateway: {name: gw}, hostnames: ['*.a.com', b.com]}", "http://any.a.com/"),
    ):
        assert f"`/` is taken as {address}\n" == simulate("--set", setting, "/").err


def test_all_phases_are_a_table(simulate: Canary) -> None:
    result = simulate("--all", *TESTER, "https://app.example.com/")
    lines = result.out.splitlines()
    assert (0, "GET https://app.example.com/", "") == (result.code, lines[0], lines[1])
    assert ["PHASE", "RULE", "ANSWERED", "BY", "COPIES", "TO"] == lines[2].split()
    rows = {line[:40].strip(): line[40:].split() for line in lines[3:]}
    plan = json.loads(simulate("--all", "-o", "json", "https://app.example.com/").out)
    assert [*rows] == [one["phase"] for one in plan["phases"]]
    assert ["default", "my-app-stable:80", "100%"] == rows["before"]
    assert ["default-canary-testers-my-app", "my-app-canary:80", "100%"] == rows["header-only"]
    assert ["default", "my-app-stable:80", "100%"] == rows["rollback from 25%"]
    back = rows["rollback-promotion from promote-roll"]
    assert ["default-canary-testers-my-app", "my-app-canary:80", "100%"] == back
    assert "my-app-canary:80 20%" in next(line for line in lines if line.startswith("mirror 20%"))


def test_json_is_for_programs(simulate: Canary) -> None:
    value = json.loads(simulate("--phase", "5%", "-o", "json", *TESTER, "https://app.example.com/").out)
    assert {"method", "url", "headers"} == value["request"].keys()
    (phase,) = value["phases"]
    testers: dict[str, Any] = {
        "kind": "HTTPRoute", "namespace": "production", "name": "my-app-canary-route", "rule": 0,
        "ruleName": "default-canary-testers-my-app", "match": 0,
    }  # fmt: skip
    default = {**testers, "rule": 1, "ruleName": "default", "has": "none"}
    assert ("5%", None, testers) == (phase["phase"], phase["status"], phase["winner"])
    assert {"criterion": "headers", "has": "x-canary", "beaten": [default]} == phase["decisions"][-1]
    canary = {"kind": "Service", "namespace": "production", "name": "my-app-canary", "port": 80}
    assert [{**canary, "share": "100%", "fraction": "1"}] == phase["backends"]


@pytest.mark.parametrize("form", [[], ["--all"], ["-o", "json"]])
def test_where_no_backend_answers_it_is_1(simulate: Canary, form: list[str]) -> None:
    for url, said in (
        ("http://app.example.com/", "no route is attached to a listener for http on port 80"),
        ("https://other.example.com/", "404"),
    ):
        result = simulate(*form, url)
        assert (1, True) == (result.code, said in result.out)


def test_a_redirect_is_no_answer_of_a_backend(simulate: Canary) -> None:
    create = "spec.route.gateway.create={className: istio, tls: {secret: s}, redirect: true}"
    result = simulate("--set", create, "http://app.example.com/cart?a=b")
    assert 1 == result.code
    assert "HTTPRoute my-app-canary-route-redirect, rules[0]" in result.out
    assert "\n  301: redirected to https://app.example.com/cart?a=b\n" in result.out
    value = json.loads(simulate("--set", create, "-o", "json", "http://app.example.com/").out)["phases"][0]
    assert ({"status": 301, "url": "https://app.example.com/"}, []) == (value["redirect"], value["backends"])
    assert 0 == simulate("--set", create, "https://app.example.com/cart").code


def test_a_way_back_starts_where_from_says(simulate: Canary) -> None:
    result = simulate("--phase", "rollback", "--from", "25%", *TESTER, "/")
    assert "in `rollback from 25%`: HTTPRoute my-app-canary-route, rules[0] default, " in result.out


def test_templates_of_the_users_count(simulate: Canary, tmp_path: Path) -> None:
    from kubectl_canary.resources import read

    rule = (
        "    - {matches: [{path: {type: Exact, value: /theirs}}], backendRefs: [{name: theirs, port: 80}]}\n"
    )
    template = read("templates", "httproute.yaml.j2").rstrip("\n")
    (tmp_path / "httproute.yaml.j2").write_text(f"{template}\n{rule}")
    result = simulate("--templates", tmp_path, "--phase", "5%", "/theirs")
    assert ("path type" in result.out, "100%  theirs:80" in result.out) == (True, True), result.err


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["ftp://a.com/"], "`ftp://a.com/` is not a URL: the scheme is `ftp`; http and https are routed", "write it as http://"),
        (["/a b"], "`/a b` is not a URL: it has a space or a control character; write %20", "write it as http://"),
        (["a.com:x/"], "`a.com:x/` is not a URL: the port of `a.com:x` is none", "write it as http://"),
        (["-H", "x-a", "/"], "`x-a` is not a header: it has no colon", "write it as -H 'name: value'"),
        (["-H", "x a: b", "/"], "`x a: b` is not a header: `x a` is not a header name", "write it as -H 'name: value'"),
        (["--all", "--phase", "5%", "/"], "--all is of all phases and ways back", "leave --phase and --from out"),
        (["--from", "5%", "/"], "--from goes with --phase rollback", ""),
        (["--phase", "6%", "/"], "unknown phase `6%`", "did you mean `5%`?"),
        (["-X", "FETCH", "/"], "Invalid value for '-X' / '--request': 'FETCH' is not one of 'GET'", ""),
        ([], "Missing argument 'URL'", ""),
    ],
)  # fmt: skip
def test_what_is_no_request_is_2_with_what_to_write(
    simulate: Canary, arguments: list[str], message: str, hint: str
) -> None:
    result = simulate(*arguments)
    assert (2, "") == (result.code, result.out)
    first, _, rest = result.err.partition("\n")
    assert first.startswith(f"error: {message}")
    assert rest.startswith(hint)


def test_urls_and_methods_are_completed(canary: Canary, canary_yaml: Callable[[str], Path]) -> None:
    canary_yaml(SEED.read_text())
    asked = canary("completion", "answer", "--", "simulate", "")
    assert "/\tThe first hostname of the route\nhttp://app.example.com/\n" in asked.out
    assert "POST\n" in canary("completion", "answer", "--", "simulate", "-X", "P").out
    assert "25%\t" in canary("completion", "answer", "--", "simulate", "--phase", "2").out


def test_one_phase_in_which_nobody_answers_is_enough_for_1(simulate: Canary, tmp_path: Path) -> None:
    """A rule that stands only beside the testers'; whoever gets nothing is not in the table."""
    from kubectl_canary.resources import read

    rule = "    - {matches: [{path: {value: /theirs}}], backendRefs: [{name: theirs, port: 80}, {name: none, port: 80, weight: 0}]}"
    template = read("templates", "httproute.yaml.j2").rstrip("\n")
    (tmp_path / "httproute.yaml.j2").write_text(
        f"{template}\n{{% if rules | length > 1 %}}\n{rule}\n{{% endif %}}\n"
    )
    shop = "spec.route.matches=[{path: {value: /shop}}]"
    result = simulate("--templates", tmp_path, "--set", shop, "--all", "/theirs")
    assert (1, True) == (result.code, "404: no rule takes it" in result.out), result.err
    rows = {line.split("  ")[0]: line.split() for line in result.out.splitlines()}
    assert ["5%", "rules[2]", "theirs:80", "100%"] == rows["5%"]
