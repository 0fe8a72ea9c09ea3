"""The schemas that we ship: complete for editors, and read alike by the quick walk and by jsonschema."""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import KINDS_OF_OTHERS, ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from strategies import JSON, damaged

from kubectl_canary.api import catalog, explain, formats, lists, prepare, quick, re2, schema

SCHEMA_FILES = [
    file
    for file in sorted((ROOT / "schemas").rglob("*.json"))
    if file.name not in ("releases.json", "kinds.json", "implementations.json")
]
CANARY: dict[str, Any] = json.loads((ROOT / "schemas/canary.schema.json").read_text())
FLEET: dict[str, Any] = json.loads((ROOT / "schemas/fleet.schema.json").read_text())


def own_properties(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property that is ours: those of Container, PodSpec and HTTPRoute come by reference."""
    for key, child in node.get("properties", {}).items():
        if "$ref" not in child or "title" in child:
            yield f"{path}.{key}", child
        yield from own_properties(child, f"{path}.{key}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from own_properties(node[key], f"{path}[]")
    for branch in node.get("anyOf", []):
        yield from own_properties(branch, path)


@pytest.mark.parametrize(
    ("path", "node"),
    [*own_properties(CANARY), *own_properties(FLEET, "Fleet")],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_every_property_is_described_for_editors(path: str, node: dict[str, Any]) -> None:
    assert node["title"]
    assert node["description"].endswith((".", "1"))
    assert node["examples"]
    for example in node["examples"]:
        assert [] == list(schema.validator_of(catalog._Whole().of(node, catalog.CANARY)).iter_errors(example))


def test_deployment_takes_what_kubernetes_takes_besides_pods_and_replicas() -> None:
    """`paused` would stop the release halfway."""
    fields = set(CANARY["properties"]["spec"]["properties"]["deployment"]["properties"])
    definition = catalog.load("kubernetes/v1.37/definitions.json")["definitions"][
        "io.k8s.api.apps.v1.DeploymentSpec"
    ]
    assert set(definition["properties"]) - fields == {"paused", "replicas", "selector", "template"}


@pytest.mark.parametrize("known", [CANARY, FLEET])
def test_the_schemas_are_draft_2020_12(known: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(known)
    assert "https://json-schema.org/draft/2020-12/schema" == known["$schema"]


@pytest.mark.parametrize(("key", "kind"), [("container", "Container"), ("pod", "PodSpec")])
def test_container_and_pod_take_every_field_of_kubernetes(key: str, kind: str) -> None:
    fields = catalog.load("kubernetes/v1.37/definitions.json")["definitions"][f"io.k8s.api.core.v1.{kind}"][
        "properties"
    ]
    assert set(fields) <= set(CANARY["properties"]["spec"]["properties"][key]["properties"])


@pytest.mark.parametrize(
    ("definition", "field", "keywords"),
    [
        ("core.v1.Container", "env", {"patch-merge-key": "name", "patch-strategy": "merge"}),
        ("core.v1.PodSpec", "volumes", {"patch-merge-key": "name", "patch-strategy": "merge,retainKeys"}),
        ("core.v1.PodSpec", "tolerations", {}),
    ],
)
def test_kubernetes_schemas_say_how_lists_merge(
    definition: str, field: str, keywords: dict[str, str]
) -> None:
    file = catalog.load("kubernetes/v1.37/definitions.json")
    schema = file["definitions"][f"io.k8s.api.{definition}"]["properties"][field]
    prefix = "x-kubernetes-"
    found = {key: value for key, value in schema.items() if key.startswith(f"{prefix}patch-")}
    assert {f"{prefix}{key}": value for key, value in keywords.items()} == found


@pytest.mark.parametrize("kubernetes", catalog.in_order("kubernetes"))
def test_every_built_in_kind_can_be_loaded_by_itself(kubernetes: str) -> None:
    for name, scope in catalog.releases()["kubernetes"][kubernetes]["kinds"].items():
        kind = catalog.Target(kubernetes=kubernetes).find(*name.split())
        assert kind is not None
        assert "properties" in kind.schema
        assert kind.namespaced is (scope == "Namespaced")


def test_cluster_scoped_kinds_are_known_to_be() -> None:
    kinds = catalog.releases()["kubernetes"]["v1.37"]["kinds"]
    assert {
        "CSIDriver", "CSINode", "ClusterRole", "ClusterRoleBinding", "IPAddress", "IngressClass", "Namespace",
        "Node", "PersistentVolume", "PriorityClass", "ServiceCIDR", "StorageClass", "VolumeAttachment",
        "VolumeAttributesClass",
    } == {name.split()[1] for name, scope in kinds.items() if scope == "Cluster"}  # fmt: skip


def test_a_canary_reads_none_of_the_schemas_of_kinds_that_it_does_not_render(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are as large as the others together, and the start would wait for them."""
    read: list[str] = []
    monkeypatch.setattr(
        catalog.resources, "read", lambda *name: read.append(name[-1]) or (ROOT.joinpath(*name)).read_text()
    )
    for cached in (catalog.load, catalog.whole, catalog.definition, catalog._vendored):
        cached.cache_clear()
    for document in DOCUMENTS:
        assert catalog.Target().find(document["apiVersion"], document["kind"])
    catalog.definition("v1.37", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
    assert read
    assert [] == [name for name in read if "more-definitions" in name or "kinds" in name]


@pytest.mark.parametrize("file", SCHEMA_FILES, ids=lambda path: path.name)
def test_the_quick_walk_knows_every_keyword(file: Path) -> None:
    """Else every document would take the slow way, and nobody would notice."""
    for node in subschemas(json.loads(file.read_text())):
        for keyword in node:
            assert keyword in quick.KEYWORDS or keyword in quick.SILENT or keyword == "$ref", keyword


def subschemas(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for key, child in node.items():
            if key in ("properties", "definitions"):
                for one in child.values():
                    yield from subschemas(one)
            elif key in ("items", "additionalProperties"):
                yield from subschemas(child)
            elif key in ("anyOf", "oneOf", "allOf"):
                for one in child:
                    yield from subschemas(one)


@pytest.mark.parametrize(
    ("value", "wanted", "accepted"),
    [(1, True, False), (True, 1, False), (0, False, False), (1, 1, True), (True, True, True)],
)
def test_the_quick_walk_tells_one_from_true(value: Any, wanted: Any, accepted: bool) -> None:
    """The walk may accept no more than jsonschema, which tells them apart too."""
    for known in ({"const": wanted}, {"enum": ["x", wanted]}):
        assert quick.accepts(value, known) is accepted
        assert Draft202012Validator(known).is_valid(value) is accepted


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"x-kubernetes-validations": [{"rule": "self == 1"}]}, 1, 2),
        ({"items": {"type": "string"}}, ["a"], ["a", 1]),
        ({"properties": {"a": {"type": "string"}}}, {"a": "a"}, {"a": 1}),
        ({"additionalProperties": {"type": "string"}}, {"a": "a"}, {"a": 1}),
        ({"not": {"const": 2}}, 1, 2),
        ({"if": {"const": 1}, "else": {"const": 3}}, 1, 2),
    ],
)
def test_what_is_made_for_one_value_holds_for_the_next(
    schema: dict[str, Any], right: Any, wrong: Any
) -> None:
    accepts = quick.function(schema)
    assert [True, False, True, False] == [accepts(value) for value in (right, wrong, right, wrong)]


@pytest.mark.parametrize(
    ("keyword", "fitting"),
    [
        ("oneOf", {"one": True, "both": False, "none": False}),
        ("anyOf", {"one": True, "both": True, "none": False}),
    ],
)
def test_the_quick_walk_counts_branches_that_fit(keyword: str, fitting: dict[str, bool]) -> None:
    known = {keyword: [{"maximum": 2}, {"minimum": 2, "maximum": 4}]}
    for value, name in ((1, "one"), (2, "both"), (5, "none")):
        assert fitting[name] is quick.accepts(value, known) is Draft202012Validator(known).is_valid(value)


@settings(max_examples=400)
@given(damaged())
def test_the_quick_walk_accepts_just_what_jsonschema_accepts(value: Any) -> None:
    assert quick.accepts(value, catalog.fitting(catalog.CANARY, value)) is (
        not list(schema.findings(value, catalog.CANARY))
    )


DOCUMENTS = [
    document
    for file in sorted((ROOT / "tests/cases").glob("*/expected/0[1346]*.yaml"))
    for document in yaml.load_all(file.read_bytes(), yaml.CSafeLoader)
    if document["kind"] not in KINDS_OF_OTHERS
]


@settings(max_examples=400)
@given(st.sampled_from(DOCUMENTS), st.data())
def test_the_quick_walk_and_jsonschema_agree_on_documents(
    document: dict[str, Any], data: st.DataObject
) -> None:
    changed = copy.deepcopy(document)
    node: Any = next(changed[key] for key in ("spec", "data", "metadata") if key in changed)
    for _ in range(8):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans()):
            node = node[key]
            continue
        node[key] = data.draw(JSON)
        break
    kind = catalog.Target().find(document["apiVersion"], document["kind"])
    assert kind is not None
    value = prepare.prepared(changed, kind.schema, [])
    assert quick.accepts(prepare.prepared(document, kind.schema, []), kind.schema)
    assert quick.accepts(value, kind.schema) is (not list(explain.field_errors(value, kind.schema)))


def test_items_of_a_map_are_told_apart_by_all_of_their_keys() -> None:
    known = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"]}
    udp, tcp = ({"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP"))
    assert [] == list(lists.repeated([udp, tcp, {"port": 53}], known))
    assert [(2, udp), (3, {"port": 53})] == [
        *lists.repeated([udp, tcp, {**udp, "name": "dns"}], known),
        *lists.repeated([udp, tcp, {"port": 53}, {"port": 53}], known),
    ]


def test_a_null_is_absent_unless_the_schema_takes_one() -> None:
    known = {
        "properties": {
            "a": {"type": "string", "default": "b"},
            "c": {"type": "string"},
            "d": {"type": ["string", "null"]},
        }
    }
    assert {"a": "b", "d": None} == prepare.prepared({"a": None, "c": None, "d": None}, known, [])


def test_a_default_gets_the_defaults_inside_of_it() -> None:
    inner = {"type": "object", "properties": {"type": {"type": "string", "default": "PathPrefix"}}}
    known = {"properties": {"path": {**inner, "default": {"value": "/"}}}}
    assert {"path": {"type": "PathPrefix", "value": "/"}} == prepare.prepared({}, known, [])
    assert {"value": "/"} == known["properties"]["path"]["default"]


PATTERNS = sorted({
    node["pattern"]
    for file in SCHEMA_FILES
    for node in subschemas(json.loads(file.read_text()))
    if "pattern" in node
})  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_linear_and_ends_where_the_text_ends(pattern: str) -> None:
    compiled = re2.compiled(pattern)
    start = time.process_time()
    for unit in ("a", "a.", "a-", "1m", "/", "*.", "a ", "\t!", "A1"):
        compiled.search(unit * (4096 // len(unit)) + "\x00")
    assert time.process_time() - start < 5
    for text in ("a", "true", "example.com", "10s", "http"):
        if compiled.pattern.endswith(r"\Z") and "|" not in pattern and compiled.search(text):
            assert not compiled.search(f"{text}\n")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a$", "a\n", False),
        ("^[a$]$", "$", True),
        (r"^\$$", "$", True),
        (r"^\d$", "٣", False),
        ("^[]a]$", "]", True),
    ],
)
def test_patterns_mean_what_re2_means(pattern: str, text: str, found: bool) -> None:
    assert found is bool(re2.compiled(pattern).search(text))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a", "", "")), ("a:1", ("a", "1", "")), ("r:5000/a", ("r:5000/a", "", "")),
        ("r:5000/a/b:v1@sha256:0", ("r:5000/a/b", "v1", "sha256:0")), ("a@sha256:0", ("a", "", "sha256:0")),
    ],
)  # fmt: skip
def test_images_are_split(text: str, parts: tuple[str, str, str]) -> None:
    assert parts == formats.split_image(text)


@pytest.mark.parametrize(
    "text",
    ["a", "localhost/a", "R.example.com:5000/a/b_c", "a__b/c--d", "[::1]:5000/a", "docker.io/library/nginx"],
)
def test_images_that_are_good(text: str) -> None:
    formats.image_repository(text)


@pytest.mark.parametrize("text", ["", "A", "a//b", "/a", "a/", "a b", "-a", "http://r/a", "a:", "é"])
def test_images_that_are_not(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"`{text}`")):
        formats.image_reference(f"{text}")


@pytest.mark.cluster
def test_the_schemas_are_regenerated_to_the_same_bytes(tmp_path: Path) -> None:
    """The script and what it reads are pinned; what it writes is what is committed."""
    import shutil
    import subprocess
    import sys

    from conftest import build

    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/update_schemas.py", tmp_path / "scripts")
    environment = {**build._environment(), "KUBECTL_CANARY_GO": build.go(), "GOFLAGS": "-mod=mod"}
    subprocess.run(
        [sys.executable, "scripts/update_schemas.py"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    for file in sorted((ROOT / "schemas").rglob("*.json")):
        assert file.read_bytes() == (tmp_path / file.relative_to(ROOT)).read_bytes()
