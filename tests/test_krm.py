"""A ResourceList in, a ResourceList out: what is kept, what is rendered, and what is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from conftest import SEED, Result

from kubectl_canary.reading import edit, yamltext

ITEMS = """\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
# the settings
- apiVersion: example.com/v1
  kind: Settings
  metadata:
    name: settings   # of the shop
    annotations: {internal.config.kubernetes.io/path: settings.yaml, internal.config.kubernetes.io/index: "0"}
  data:
    on: "off"        # quoted
    'number': 0777   # octal
    big: 1234e56
    empty:
    when: 2001-12-14t21:59:43.10-05:00
    text: |
      # no comment
      two
"""


def indented(text: str, depth: int) -> str:
    return "".join(f"{' ' * depth}{line}".rstrip() + "\n" for line in text.splitlines())


def generator(phase: str, items: str = ITEMS) -> str:
    own = SEED.read_text().replace("phase: deploy", f"phase: {phase}")
    return f"{items}functionConfig:\n{indented(own, 2)}"


def called(canary: Callable[..., Result], text: str, *arguments: str) -> tuple[Result, dict[str, Any]]:
    result = canary("krm", "--ignore=unknown-kind", *arguments, stdin=text.encode())
    return result, yaml.safe_load(result.out) if result.out else {}


def identities(answer: dict[str, Any]) -> list[str]:
    return [f"{item['kind']} {item['metadata']['name']}" for item in answer["items"]]


def test_a_canary_file_as_configuration_adds_the_documents_of_its_phase(
    canary: Callable[..., Result],
) -> None:
    result, answer = called(canary, generator("25%"))
    assert (0, "") == (result.code, result.err)
    alone = canary("render", "-f", SEED, "--phase", "25%").out
    assert [*yaml.safe_load_all(alone)] == answer["items"][1:]


def test_what_is_not_ours_stays_as_it_was_written(canary: Callable[..., Result]) -> None:
    result, _ = called(canary, generator("5%"))
    assert result.out.startswith(ITEMS)
    assert indented(SEED.read_text().partition("  phases:")[0].replace("deploy", "5%"), 2) in result.out


def test_a_second_run_changes_nothing(canary: Callable[..., Result]) -> None:
    first, _ = called(canary, generator("25%"))
    second, _ = called(canary, first.out)
    assert first.out == second.out


def test_documents_of_the_phase_before_are_replaced_in_their_place(canary: Callable[..., Result]) -> None:
    first, before = called(canary, generator("50%"))
    noted = first.out.replace(
        "    name: my-app-canary-route\n",
        "    name: my-app-canary-route # the route\n",
    ).replace(
        "    annotations:\n      kubectl-canary/governs: default\n",
        "    annotations:\n      config.kubernetes.io/path: r.yaml\n      kubectl-canary/governs: default # ours\n",
    )
    assert "# ours" in noted
    result, after = called(canary, noted.replace("phase: 50%", "phase: 25%"))
    assert identities(before) == identities(after)
    route = after["items"][-1]
    assert [75, 25] == [ref["weight"] for ref in route["spec"]["rules"][-1]["backendRefs"]]
    assert "r.yaml" == route["metadata"]["annotations"]["config.kubernetes.io/path"]
    assert "name: my-app-canary-route # the route\n" in result.out
    assert "governs: default # ours\n" in result.out


def test_what_the_phase_has_not_is_left_out(canary: Callable[..., Result]) -> None:
    first, _ = called(canary, generator("100%"))
    _, after = called(canary, first.out.replace("phase: 100%", "phase: promoted"))
    assert "Settings settings" in identities(after)
    assert "Deployment my-app-stable" in identities(after)
    assert not any("my-app-canary" in one for one in identities(after) if "Route" not in one)


def test_an_object_that_is_not_ours_is_never_replaced(canary: Callable[..., Result]) -> None:
    theirs = "- apiVersion: v1\n  kind: Service\n  metadata: {name: my-app-stable, namespace: production}\n"
    result, answer = called(canary, generator("5%", ITEMS + theirs))
    assert 1 == result.code
    assert "would be lost" in result.err
    assert ["Settings settings", "Service my-app-stable"] == identities(answer)
    assert "error" == answer["results"][0]["severity"]


def test_everything_that_would_be_lost_or_is_wrong_is_said_at_once(canary: Callable[..., Result]) -> None:
    theirs = "- {apiVersion: v1, kind: Service, metadata: {name: my-app-%s, namespace: production}}\n"
    items = ITEMS + theirs % "stable" + theirs % "canary"
    result, _ = called(canary, generator("5%", items))
    assert 2 == result.err.count("would be lost: the release my-app has an object of this name")
    wrong = CANARY_ITEM.replace("replicas: 3", "replicas: three")
    both = ITEMS + wrong + wrong.replace("name: my-app\n", "name: other\n")
    result, answer = called(canary, both + config(verb="render"))
    assert ["my-app", "other"] == [one["resourceRef"]["name"] for one in answer["results"]]


def test_two_releases_may_share_a_gateway_but_not_a_name(canary: Callable[..., Result]) -> None:
    other = CANARY_ITEM.replace("name: my-app\n", "name: other\n")
    result, answer = called(canary, ITEMS + CANARY_ITEM + other + config(verb="render"))
    assert 1 == result.code  # the labels of the Gateway name the application
    assert ["Gateway"] == [one["resourceRef"]["kind"] for one in answer["results"]]
    alone = other.replace(
        "create: {className: istio, tls: {secret: my-app-tls, only: true}}", "sectionName: https"
    )
    result, answer = called(canary, ITEMS + CANARY_ITEM + alone + config(verb="render"))
    assert (0, 12) == (result.code, len(answer["items"]))


def config(**data: str) -> str:
    return (
        f"functionConfig: {json.dumps({'apiVersion': 'v1', 'kind': 'ConfigMap', 'data': data}, indent=2)}\n"
    )


CANARY_ITEM = "- " + indented(SEED.read_text().partition("\n")[2], 2)[2:]


def test_canary_files_among_the_items_are_replaced_by_their_documents(canary: Callable[..., Result]) -> None:
    result, answer = called(canary, ITEMS + CANARY_ITEM + config(verb="render"))
    assert (0, "") == (result.code, result.err)
    assert "Canary my-app" not in identities(answer)
    rendered = [*yaml.safe_load_all(canary("render", "-f", SEED).out)]
    assert rendered == answer["items"][1:]


def test_validation_keeps_the_items_and_says_what_is_wrong(canary: Callable[..., Result]) -> None:
    wrong = (
        "- apiVersion: gateway.networking.k8s.io/v1\n  kind: HTTPRoute\n"
        "  metadata: {name: shop, annotations: {config.kubernetes.io/path: a/r.yaml}}\n"
        "  spec: {rules: [{backendRefs: [{name: a, port: 99999}]}]} # wrong\n"
    )
    result, answer = called(canary, ITEMS.partition("  data:")[0] + wrong + config(verb="validate"))
    assert 1 == result.code
    assert ["Settings settings", "HTTPRoute shop"] == identities(answer)
    assert {
        "message": "Invalid value: 99999: spec.rules[0].backendRefs[0].port in body should be less than or equal to 65535",
        "severity": "error",
        "resourceRef": {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "name": "shop"},
        "file": {"path": "a/r.yaml"},
        "field": {"path": "spec.rules[0].backendRefs[0].port"},
        "tags": {"rule": "admission"},
    } in answer["results"]
    assert "a/r.yaml: error HTTPRoute shop: spec.rules[0].backendRefs[0].port: Invalid value" in result.err
    assert "# wrong\n" in result.out


def test_options_are_those_of_validate(canary: Callable[..., Result]) -> None:
    rule = "- apiVersion: gateway.networking.k8s.io/v1\n  kind: HTTPRoute\n  metadata: {name: shop}\n"
    rule += "  spec: {rules: [{name: here}]}\n"
    start = ITEMS.partition("- apiVersion")[0]
    assert 0 == called(canary, start + rule)[0].code
    older = {"gateway-api": "v1.0"}
    assert 1 == called(canary, start + rule + config(**older))[0].code
    assert 1 == called(canary, start + rule, "--gateway-api=v1.0")[0].code
    never, answer = called(canary, start + rule + config(**older, **{"fail-on": "never"}))
    assert 0 == never.code
    assert 1 == len(answer["results"])


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", 1, "expected one ResourceList"),
        ("a: [", 1, "is not YAML"),
        ("apiVersion: v1\nkind: List\nitems: []\n", 1, "expected one ResourceList"),
        (f"{ITEMS}- 5\n", 1, "standard input:19:3: items[1]: expected an object"),
        (f"{ITEMS}functionConfig: 5\n", 1, "functionConfig: expected an object"),
        (f"{ITEMS}functionConfig: {{kind: Secret}}\n", 1, "expected a Canary or a ConfigMap"),
        (ITEMS + config(verb="rendr"), 2, "data.verb is `rendr`\nit is one of validate, render"),
        (ITEMS + config(**{"gatway-api": "v1.0"}), 2, "no such key\ndid you mean `gateway-api`?"),
        (ITEMS + config(**{"gateway-api": "v9"}), 2, "not known here"),
        (ITEMS + config(ignore="no-such, no-weight"), 2, "no rule `no-such`"),
        (ITEMS + config(help="true"), 2, "data.help: no such key"),
        (ITEMS.replace("on: ", "! on: ") + config(**{"admission-only": "true"}), 1, ""),
    ],
)
def test_what_is_no_call_is_refused(canary: Callable[..., Result], text: str, code: int, said: str) -> None:
    result = canary("krm", stdin=text.encode())
    assert code == result.code
    assert said in result.err


def test_results_of_a_function_before_are_not_ours(canary: Callable[..., Result]) -> None:
    earlier = "results:\n- {message: of another function, severity: info}\n"
    result, answer = called(canary, generator("25%") + earlier)
    assert (0, "") == (result.code, result.err)
    assert "results" not in answer
    assert len(answer["items"]) > 1


def test_nothing_to_render_and_a_wrong_canary_file_are_results(canary: Callable[..., Result]) -> None:
    result, answer = called(canary, ITEMS + config(verb="render"))
    assert 1 == result.code
    assert "no canary file" in answer["results"][0]["message"]
    result, answer = called(canary, generator("26%"))
    assert 1 == result.code
    assert {"apiVersion", "kind", "name", "namespace"} == answer["results"][0]["resourceRef"].keys()
    assert "spec.phase" == answer["results"][0]["field"]["path"]
    assert ["Settings settings"] == identities(answer)


def test_yaml_that_cannot_be_written_back_is_refused(canary: Callable[..., Result]) -> None:
    """A tag that makes a text of what would be a boolean; the library that keeps comments forgets it."""
    tagged = ITEMS.replace('"off"        # quoted', "! off")
    assert tagged != ITEMS
    assert {"true": "off"} == yamltext.read("on: ! off", "")[0].value
    result = canary("krm", stdin=generator("5%", tagged).encode())
    assert (1, "") == (result.code, result.out)
    assert "cannot be written back with the same meaning; write the value out" in result.err


@pytest.mark.parametrize(
    "value",
    [
        "on",
        "0777",
        "1e3",
        "",
        " a",
        "a\n",
        "a\nb\n",
        "null",
        "~",
        "é",
        "\x07",
        "- a",
        "a: b",
        "#",
        "x" * 300,
        "\u2028",
    ],
)
def test_new_values_are_quoted_so_that_every_reader_reads_the_same(value: str) -> None:
    text = "items: []\na: b # kept\n"
    written = edit.rewritten(text, {"items": [{"a": value, value: 1}], "a": "b"}, [None])
    assert value == yaml.safe_load(written)["items"][0]["a"]
    assert value == yamltext.read(written, "")[0].value["items"][0]["a"]
    assert "a: b # kept\n" in written


def test_json_is_a_resource_list_too(canary: Callable[..., Result]) -> None:
    """What comes back says the same as for YAML, and holds the objects that were there."""
    call = yaml.safe_load(generator("5%"))
    del call["items"][0]["data"]
    result, answer = called(canary, json.dumps(call))
    as_yaml, same = called(canary, yaml.safe_dump(call))
    assert (0, 0) == (result.code, as_yaml.code)
    assert same == answer
    assert call["items"][0] == answer["items"][0]
    assert ["Deployment", "Deployment", "HTTPRoute", "Service", "Service"] == sorted(
        item["kind"] for item in answer["items"] if item["kind"] not in ("Settings", "Gateway")
    )


def test_what_is_in_order_comes_back_to_the_byte(canary: Callable[..., Result]) -> None:
    """Also where it could not be written back: nothing has to be."""
    text = ITEMS.replace('"off"        # quoted', "! off") + config()
    assert "! off" in text
    assert Result(0, text, "") == canary("krm", "--ignore=unknown-kind", stdin=text.encode())


def test_many_items_are_no_bomb(canary: Callable[..., Result]) -> None:
    item = "- {apiVersion: v1, kind: ConfigMap, metadata: {name: c%s}, data: {a: b}}\n"
    text = ITEMS.partition("# the")[0] + "".join(item % number for number in range(19_000))
    assert Result(0, text, "") == canary("krm", "--admission-only", stdin=text.encode())
    bomb = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join([f'*{chr(97 + level)}'] * 10)}]\n"
        for level in range(6)
    )
    assert "values, counting aliases" in canary("krm", stdin=bomb.encode()).err


def test_the_same_object_twice_is_a_result(canary: Callable[..., Result]) -> None:
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    text = yaml.safe_dump(
        {
            "apiVersion": "config.kubernetes.io/v1",
            "kind": "ResourceList",
            "items": [item, item | {"data": {}}],
        }
    )
    result, answer = called(canary, text)
    assert 1 == result.code
    assert ["same-object-twice"] == [one["tags"]["rule"] for one in answer["results"]]


def test_items_that_are_null_are_none(canary: Callable[..., Result]) -> None:
    """So Go writes a list without items."""
    empty = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: null\n"
    result, _ = called(canary, empty)
    assert (0, empty) == (result.code, result.out)
    config = yaml.safe_dump({"functionConfig": yaml.safe_load(SEED.read_text())})
    filled, answer = called(canary, empty + config)
    assert 0 == filled.code, filled.err
    assert "HTTPRoute my-app-canary-route" in identities(answer)


def test_a_list_without_items_is_given_back_as_it_came(canary: Callable[..., Result]) -> None:
    bare = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
    result, _ = called(canary, bare)
    assert (0, bare) == (result.code, result.out)
