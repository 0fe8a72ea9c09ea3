"""Patches: exact, guarded, undone; RFC 6902 itself is judged by an independent library."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.api.equality import MISSING, same
from kubectl_canary.release import patches

KEYS = st.sampled_from(["name", "weight", "a/b", "c~d", "~1", "", "é"])
VALUES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["x", "y", ""])
NAMED = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5).flatmap(
    lambda names: st.tuples(
        *(st.fixed_dictionaries({"name": st.just(name)}, optional={"weight": VALUES}) for name in names)
    ).map(list)
)
DOCUMENTS = st.dictionaries(KEYS, st.recursive(
    VALUES | NAMED, lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=3), max_leaves=8,
), max_size=4)  # fmt: skip


def apply(document: Any, operations: list[patches.Op]) -> Any:
    """By an independent library, which knows no test for absence: those we look at ourselves."""
    made = copy.deepcopy(document)
    for operation in operations:
        if operation["op"] == "test" and operation["value"] is None:
            if patches.look_up(made, operation["path"]) not in (MISSING, None):
                raise jsonpatch.JsonPatchTestFailed(operation)
        else:
            made = jsonpatch.apply_patch(made, [operation])
    return made


@given(DOCUMENTS, DOCUMENTS)
def test_a_patch_leads_from_one_to_the_other_and_back(before: Any, after: Any) -> None:
    assert same(after, apply(before, patches.patch(before, after)))
    assert same(before, apply(after, patches.patch(after, before)))
    assert (patches.patch(before, after) == []) is same(before, after)


@given(DOCUMENTS, DOCUMENTS)
def test_guards_come_first_and_hold_where_the_patch_starts(before: Any, after: Any) -> None:
    operations = patches.patch(before, after)
    kinds = [operation["op"] == "test" for operation in operations]
    assert sorted(kinds, reverse=True) == kinds
    assert [] == patches.failed_tests(before, operations)


@given(NAMED, NAMED, NAMED)
def test_on_another_list_a_patch_is_refused_or_hits_the_right_names(
    before: Any, after: Any, other: Any
) -> None:
    """Items that the patch does not speak of survive, and none but those it speaks of change."""
    operations = patches.patch({"l": before}, {"l": after})
    if patches.failed_tests({"l": other}, operations):
        with pytest.raises(jsonpatch.JsonPatchException):
            apply({"l": other}, operations)
        return
    try:
        result = apply({"l": other}, operations)["l"]
    except jsonpatch.JsonPatchException:
        return
    known = {item["name"] for item in (*before, *after)}
    whole = any(operation["path"] == "/l" and operation["op"] != "test" for operation in operations)
    if not whole:
        assert [item for item in other if item["name"] not in known] == [
            item for item in result if item["name"] not in known
        ]


@given(DOCUMENTS, DOCUMENTS)
def test_a_merge_patch_leads_there_too_where_nothing_is_null(before: Any, after: Any) -> None:
    if "null" not in json.dumps([before, after]):
        merged = merge(before, patches.merge_patch(before, after))
        assert same(after, merged)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, to the letter."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge(target.get(name), value)
    return target


@pytest.mark.parametrize(
    ("before", "after", "operations"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, ["test /a 1", "replace /a true"]),
        ({"a/b": {"c~d": 1}}, {"a/b": {}}, ["test /a~1b/c~0d 1", "remove /a~1b/c~0d"]),
        ({"l": [{"name": "a", "w": 1}]}, {"l": [{"name": "a", "w": 2}]}, ['test /l/0/name "a"', "test /l/0/w 1", "replace /l/0/w 2"]),
        ({}, {"a": {"b": 1}}, ["test /a null", 'add /a {"b": 1}']),
        ({"l": [{"name": "a"}]}, {"l": [{"name": "b"}, {"name": "a"}]}, ['test /l/0/name "a"', 'add /l/0 {"name": "b"}']),
        ({"l": [{"name": "a"}]}, {"l": [{"name": "a"}, {"name": "b"}]}, ['test /l/0/name "a"', 'add /l/- {"name": "b"}']),
        ({"l": []}, {"l": [{"name": "b"}]}, ["test /l []", 'add /l/- {"name": "b"}']),
        ({"l": [{"name": "a"}, {"name": "b"}]}, {"l": [{"name": "b"}]}, ['test /l/0/name "a"', "remove /l/0"]),
        ({"l": [1, 2]}, {"l": [1]}, ["test /l [1, 2]", "replace /l [1]"]),
        ({"l": [{"name": "a"}, {"name": "b"}]}, {"l": [{"name": "b"}, {"name": "a"}]},
         ['test /l [{"name": "a"}, {"name": "b"}]', 'replace /l [{"name": "b"}, {"name": "a"}]']),
        ({"l": [{"name": "a", "w": 1}, {"name": "a", "w": 2}]}, {"l": [{"name": "a", "w": 1}, {"name": "a", "w": 3}]},
         ['test /l [{"name": "a", "w": 1}, {"name": "a", "w": 2}]', 'replace /l [{"name": "a", "w": 1}, {"name": "a", "w": 3}]']),
    ],
)  # fmt: skip
def test_these_are_the_operations(before: Any, after: Any, operations: list[str]) -> None:
    found = [
        " ".join([one["op"], one["path"], *([json.dumps(one["value"])] if "value" in one else [])])
        for one in patches.patch(before, after)
    ]
    assert operations == found


def test_where_nothing_changes_nothing_is_tested() -> None:
    standing_on = [(("spec", "hostnames"), ["a"])]
    assert [] == patches.patch({"a": 1}, {"a": 1.0}, standing_on)
    tests = [one["path"] for one in patches.patch({"a": 1}, {"a": 2}, standing_on) if one["op"] == "test"]
    assert ["/spec/hostnames", "/a"] == tests


def test_a_failed_guard_is_explained() -> None:
    operations = patches.patch({"l": [{"name": "a", "w": 1}]}, {"l": [{"name": "a", "w": 2}]})
    assert [patches.FailedTest("/l/0/w", 1, 5)] == patches.failed_tests(
        {"l": [{"name": "a", "w": 5}]}, operations
    )
    missing = patches.failed_tests({"l": []}, operations)
    assert [("/l/0/name", MISSING), ("/l/0/w", MISSING)] == [(one.path, one.found) for one in missing]


@given(DOCUMENTS, DOCUMENTS)
def test_a_patch_is_refused_where_what_it_adds_is_there(before: Any, after: Any) -> None:
    operations = patches.patch(before, after)
    for key in after.keys() - before.keys():
        if after[key] is not None:
            there = {**before, key: "somebody's"}
            assert key in [
                one.path.split("/")[1].replace("~1", "/").replace("~0", "~")
                for one in patches.failed_tests(there, operations)
            ]


@given(DOCUMENTS, DOCUMENTS)
def test_a_way_back_leads_there_and_tests_names_alone(before: Any, after: Any) -> None:
    operations = patches.patch_back(before, after)
    assert same(after, apply(before, operations))
    assert same(after, patches.applied(before, operations))


def test_a_way_back_is_not_stopped_by_harmless_edits() -> None:
    before = {"a": {"phase": "5%"}, "rules": [
        {"name": "testers"},
        {"name": "default", "filters": [{"requestMirror": {"backendRef": {"name": "canary"}, "percent": 20}}],
         "backendRefs": [{"name": "stable", "weight": 95}, {"name": "canary", "weight": 5}]},
    ]}  # fmt: skip
    after = {"a": {}, "rules": [{"name": "default", "backendRefs": [{"name": "stable", "weight": 100}]}]}
    operations = patches.patch_back(before, after)
    edited: Any = copy.deepcopy(before)
    rule: Any = edited["rules"][1]
    rule["backendRefs"][0]["weight"], rule["timeouts"] = 40, {"request": "3s"}
    rule["filters"][0]["requestMirror"]["percent"] = 1
    del edited["a"]["phase"]
    wanted = {"a": {}, "rules": [{**after["rules"][0], "timeouts": {"request": "3s"}}]}
    assert wanted == apply(edited, operations)


def test_a_way_back_loses_nobodys_filter() -> None:
    mirror = {"requestMirror": {"backendRef": {"name": "canary"}}}
    operations = patches.patch_back({"filters": [mirror]}, {})
    assert [patches.FailedTest("/filters", [], [{"type": "theirs"}])] == patches.failed_tests(
        {"filters": [mirror, {"type": "theirs"}]}, operations
    )


@pytest.mark.parametrize(("number", "target"), [("port", "targetPort"), ("containerPort", "hostPort")])
def test_a_way_back_knows_a_nameless_port_by_its_number(number: str, target: str) -> None:
    before, after = ({"ports": [{number: 80, target: port}]} for port in (9090, 8080))
    operations = patches.patch_back(before, after)
    assert [{"op": "test", "path": f"/ports/0/{number}", "value": 80}] == operations[:-1]
    named = {"ports": [{**before["ports"][0], "name": "http"}]}
    assert apply(named, operations) == {"ports": [{**after["ports"][0], "name": "http"}]}


def test_a_way_back_does_not_ask_whether_what_it_adds_is_there() -> None:
    assert [{"op": "add", "path": "/a", "value": 1}] == patches.patch_back({}, {"a": 1})


def test_what_lies_inside_a_tested_value_is_not_tested_again() -> None:
    before, after = {"l": [{"name": "a", "w": 1}]}, {"l": [{"name": "a", "w": 2}]}
    operations = patches.patch(before, after, [(("l",), before["l"])])
    assert ["/l"] == [one["path"] for one in operations if one["op"] == "test"]
