"""YAML as kubectl reads it: held against kubectl itself."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from conftest import Cluster
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.errors import Refused
from kubectl_canary.reading import yamltext

PLAIN = """
y Y yes Yes YES n N no No NO true True TRUE false False FALSE on On ON off Off OFF yEs tRue oN ~ null Null NULL nULL
0 1 -1 +1 007 0777 08 09 0o17 0O17 -0777 0x1F 0X1f 0xg 0b11 0B11 0b2 1_000 1__0 _1 1_ 0_7 12:30 12:30:45 190:20:30
1e3 1E3 1e+3 1e-3 1.5e3 1e 1e3x 1234e56 1e400 -1e400 .5 -.5 +.5 5. 1.0 1.50 -0 -0.0 +0 0.0 .e3 1.2.3 1,000
2026-11-24 2026-11-24T01:02:03Z v1 1v = << - -- ... a:b a=b 1m 500Mi 9223372036854775807 9223372036854775808
18446744073709551615 18446744073709551616 -9223372036854775808 -9223372036854775809 123456789012345678901234567890
""".split()
QUOTED = ["'on'", '"0777"', "'1e3'", '"12:30"', "!!str 1", "!!str on", "! 1", "'it''s'", '"\\u00e9\\n\\t"']
COLLECTIONS = ["[a, 1, on]", "{a: 1, on: off, 1: 2, 1e3: x}", "[]", "{}", "[[1], [y]]", "{? a : b}"]


def ask_kubectl(cluster: Cluster, text: str) -> Any:
    done = cluster.kubectl(
        "create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", stdin=text
    )
    return json.loads(done.stdout)


def document(values: list[str]) -> str:
    lines = ["apiVersion: gateway.networking.k8s.io/v1", "kind: GatewayClass", "metadata: {name: x}", "spec:"]
    return "\n".join([*lines, *(f"  k{index}: {value}" for index, value in enumerate(values))]) + "\n"


def test_values_are_what_kubectl_finds(cluster: Cluster) -> None:
    values = [value for value in (*PLAIN, *QUOTED, *COLLECTIONS) if value not in ("-", "<<")]
    text = document(values)
    ours = yamltext.read(text, "x")[0].value["spec"]
    theirs = ask_kubectl(cluster, text)["spec"]
    wrong = {
        value: (ours[key], theirs.get(key))
        for key, value in zip(ours, values, strict=True)
        if not same(ours[key], theirs.get(key))
    }
    assert wrong == {}


def same(ours: Any, theirs: Any) -> bool:
    """Equal as JSON: kubectl prints large numbers as floats."""
    if isinstance(ours, int | float) and isinstance(theirs, int | float) and not isinstance(ours, bool):
        return math.isclose(ours, theirs, rel_tol=1e-15) and not isinstance(theirs, bool)
    return type(ours) is type(theirs) and bool(ours == theirs)


def test_what_we_write_is_what_kubectl_reads(cluster: Cluster) -> None:
    texts = [*PLAIN, "", " ", " a", "a ", "a: b", "a #b", "#", "- a", "é", "😀", "\u00a0", "\u2028x", "\ufeff", "a\x85b",
             "\x7f", "a\tb", "a\\nb", "one\ntwo\n", "one\n\n  two", "  one\ntwo", "\n", "\n\n", "a\n\n", "---\n...\n",
             "'", '"', "{{ x }}", "%", "@", "`", "*a", "&a", "!a", "|", ">", "[", "]", "{", "}", ",", "?", ":", "a:", ":a"]  # fmt: skip
    value = {"texts": texts, "map": {text: text for text in texts}}
    lines = yamltext.after_key(value, 2)
    found = ask_kubectl(cluster, document([]).replace("spec:", f"spec:{lines}"))["spec"]
    assert value == found


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
), st.integers(0, 8))  # fmt: skip
def test_whatever_is_written_is_read_back(value: Any, indent: int) -> None:
    assert {"a": value} == yamltext.read(f"a:{yamltext.after_key(value, indent + 1)}\n", "x")[0].value
    listed = f"{' ' * indent}- {yamltext.block(value, indent + 2)}\n"
    assert [value] == yamltext.read(listed, "x")[0].value


def test_a_mark_is_where_the_key_stands() -> None:
    found = yamltext.read("a: 1\nb:\n  - c: &x {d: 07}\n  - *x\n", "f")[0]
    assert (3, 5) == found.mark(("b", 0, "c")).key
    assert (3, 15) == found.mark(("b", 0, "c", "d")).value
    assert "07" == found.mark(("b", 1, "d")).spelling
    assert found.mark(("b", 2)) is None


def test_merge_keys_are_merged_as_kubectl_does(cluster: Cluster) -> None:
    text = document(["&base {a: 1, b: 2}", "{<<: *base, b: 3}", "{<<: [{c: 1}, {c: 2, d: 3}], e: 4}"])
    assert ask_kubectl(cluster, text)["spec"] == yamltext.read(text, "x")[0].value["spec"]


@pytest.mark.parametrize(
    "text", ["a: [", "a: *b", "a: &a [*a]", "? [a]\n: b", "a: b: c", "\t", "%YAML 9", "a: '"]
)
def test_what_is_not_yaml_is_refused_with_a_place(text: str) -> None:
    with pytest.raises(Refused) as refused:
        yamltext.read(text, "f.yaml")
    assert refused.value.findings[0].where.line >= 1


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_input_breaks_the_reader(data: bytes) -> None:
    try:
        yamltext.read(data.decode("utf-8", "replace"), "f.yaml")
    except Refused as refused:
        assert refused.findings


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_a_number_without_end_is_no_bug(name: str) -> None:
    assert yamltext.read(f'{{"a": {"9" * 5000}}}', name)[0].value == {"a": "9" * 5000}
    assert yamltext.read(f"a: 0x{'0' * 5000}1\n", "a.yaml")[0].value == {"a": 1}


LONG = "k" * 2000


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "standard input"])
def test_json_may_have_keys_that_no_yaml_parser_takes(name: str) -> None:
    text = f'\n{{"kind": "ConfigMap",\n "data": {{"{LONG}": "1"}}}}'
    (document,) = yamltext.read(text, name)
    assert {"kind": "ConfigMap", "data": {LONG: "1"}} == document.value
    assert (3, 11) == (document.where(("data", LONG)).line, document.where(("data", LONG)).column)


def test_json_is_what_json_says() -> None:
    text = r'{"a": "\ud83d\ude00\/", "b": [1, 1.0, -2.5, 1e3, true, null], "c": "on", "<<": {"d": "1"}}'
    (document,) = yamltext.read(text, "a.json")
    assert {**json.loads(text), "b": [1, 1, -2.5, 1000, True, None]} == document.value


def test_a_key_that_json_repeats_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        yamltext.read('{"a": 1,\n "a": 2}', "a.json")
    (finding,) = refused.value.findings
    assert ("`a` stands here again; it was already given in line 1", 2, 2) == (
        finding.message,
        finding.where.line,
        finding.where.column,
    )


def test_json_objects_may_stand_in_a_row() -> None:
    documents = yamltext.read('{"a": {"b": [1]}}\n {"c": "}"}{"d": {}}\n', "standard input")
    assert [{"a": {"b": [1]}}, {"c": "}"}, {"d": {}}] == [one.value for one in documents]
    assert [(1, 1), (2, 2), (2, 12)] == [one.start for one in documents]
    for text in ('{"a": 1} {"a": ', '{"a": 1} b', '{"a": 1} [1]'):
        with pytest.raises(Refused, match="not YAML"):
            yamltext.read(text, "a.json")


def test_what_only_begins_like_json_is_yaml() -> None:
    assert {"a": "b"} == yamltext.read("{a: b}", "a.json")[0].value
    assert [{"a": 1}, {"b": 2}] == [one.value for one in yamltext.read('{"a": 1}\n---\n{"b": 2}\n', "-")]
    with pytest.raises(Refused, match="not YAML"):
        yamltext.read('{"a": ' * 500 + "1" + "}" * 500, "a.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.text(), one),
        max_leaves=8,
    )
)
def test_every_json_value_is_read_as_it_is(value: object) -> None:
    for indent in (None, 2):
        text = json.dumps({"a": value}, indent=indent)
        assert {"a": value} == yamltext.read(text, "a.json")[0].value
