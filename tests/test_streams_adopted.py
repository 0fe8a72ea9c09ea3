"""Canary files that adopt the stream or list they stand in: what the phase changes is replaced, the rest stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Result

CASES = ROOT / "tests/cases"
SHOP = CASES / "adopt-shop"
SETS = CASES / "adopt-sets"
APP = (SHOP / "k8s/app.yaml").read_text()
DEPLOYMENT, SERVICE, CONFIG, BUDGET = APP.split("---\n")
ROUTE = f"# Source: shop/route.yaml\n{(SHOP / 'k8s/route.yaml').read_text()}"
HOOK = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: shop-test, namespace: store, "
    "annotations: {helm.sh/hook: test}} # a hook\nspec: {ports: [{port: 1}]}\n"
)
CARTS = APP.replace("shop", "cart").replace("nodePort: 30080", "nodePort: 30081")


def canary_file(folder: Path = SHOP, phase: str = "10%", **adopt: object) -> str:
    file = yaml.safe_load((folder / "canary.yaml").read_text())
    file["spec"]["phase"] = phase
    file["spec"]["adopt"] |= {"from": "-"} | adopt
    return yaml.safe_dump(file, sort_keys=False)


def stream(*documents: str) -> str:
    return "---\n" + "---\n".join(documents)


def rendered(canary: Callable[..., Result], *documents: str) -> Result:
    return canary("post-render", "--admission-only", stdin=stream(*documents).encode())


def parts(text: str) -> list[str]:
    return text.removeprefix("---\n").split("---\n")


def objects(text: str) -> dict[tuple[str, str], Any]:
    items = [
        item
        for document in yaml.safe_load_all(text)
        if document
        for item in (document["items"] if document["kind"] == "List" else [document])
    ]
    found = {(item["kind"], item["metadata"]["name"]): item for item in items}
    assert len(items) == len(found)
    return found


# --- a stream -----------------------------------------------------------------------


def test_what_the_phase_leaves_alone_stays_to_the_byte(canary: Callable[..., Result]) -> None:
    comment, spaced = "# only a comment\n", CONFIG.replace("data: {", "data:   { # kept\n  ")
    result = rendered(canary, DEPLOYMENT, canary_file(), SERVICE, comment, spaced, BUDGET, ROUTE)
    assert (0, "") == (result.code, result.err)
    deployment, *made, service, only, config, budget, route = parts(result.out)
    assert [DEPLOYMENT, SERVICE, comment, spaced, BUDGET] == [deployment, service, only, config, budget]
    assert ["Service", "Deployment", "PodDisruptionBudget"] == [yaml.safe_load(one)["kind"] for one in made]
    assert route.startswith("# Source: shop/route.yaml\napiVersion: ")
    want = canary("render", "-f", SHOP / "canary.yaml", "--everything").out
    assert objects(want) == objects(result.out)


@pytest.mark.parametrize("phase", ["before", "rolled-back", "deploy"])
def test_where_the_route_is_the_users_all_of_theirs_is(canary: Callable[..., Result], phase: str) -> None:
    theirs = (DEPLOYMENT, SERVICE, CONFIG, BUDGET, ROUTE)
    result = rendered(canary, *theirs, canary_file(phase=phase))
    assert (0, "") == (result.code, result.err)
    made = result.out.removeprefix(stream(*theirs))
    assert len(made) < len(result.out)
    assert ("---\napiVersion: v1\nkind: Service\n" if phase == "deploy" else "") == made[:33]


@pytest.mark.parametrize("phase", ["before", "deploy", "12.5%", "promote-roll", "promoted", "rolled-back"])
def test_two_sets_give_the_whole_phase(canary: Callable[..., Result], phase: str) -> None:
    new = [file.read_text() for file in sorted((SETS / "new").iterdir())]
    own = canary_file(SETS, phase, stable=str(SETS / "old"))
    result = rendered(canary, new[0], own, *new[1:])
    assert (0, "") == (result.code, result.err)
    want = canary("render", "-f", SETS / "canary.yaml", "--phase", phase, "--everything").out
    assert objects(want) == objects(result.out)
    if phase == "promoted":
        assert stream(*new) == result.out


def test_stable_is_named_from_the_working_directory(
    canary: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(SETS / "old", tmp_path / "running")
    monkeypatch.chdir(tmp_path)
    new = [file.read_text() for file in sorted((SETS / "new").iterdir())]
    result = rendered(canary, *new, canary_file(SETS, "before", stable="running"))
    assert (0, "") == (result.code, result.err)
    want = canary("render", "-f", SETS / "canary.yaml", "--phase", "before").out
    assert objects(want) == objects(result.out)


def test_helms_notes_stay_on_what_stands_in_a_place(canary: Callable[..., Result]) -> None:
    note = "postrenderer.helm.sh/postrender-filename: shop/templates/a.yaml"
    config = CONFIG.replace("metadata: {", f"metadata: {{annotations: {{{note}}}, ").replace(
        "data:", "data:  "
    )
    route = ROUTE.replace("metadata:\n", f"metadata:\n  annotations: {{{note}}}\n", 1)
    result = rendered(canary, DEPLOYMENT, SERVICE, config, route, canary_file())
    assert (0, "") == (result.code, result.err)
    there = parts(result.out)
    assert config == there[2]
    assert note in there[3]
    assert "kubectl-canary/phase.shop" in there[3]
    assert note not in "".join(there[4:])


def new_set(tmp_path: Path, phase: str) -> tuple[str, ...]:
    """A Deployment of another image and a ConfigMap more than what runs, and their canary file."""
    (tmp_path / "app.yaml").write_text(stream(APP, ROUTE))
    extra = "# Source: shop/extra.yaml\n" + CONFIG.replace("shop-config", "shop-extra")
    own = yaml.safe_load(canary_file(phase=phase, stable=str(tmp_path)))
    del own["spec"]["canary"]
    return (
        DEPLOYMENT.replace("shop:v1", "shop:v2"),
        SERVICE,
        CONFIG,
        BUDGET,
        extra,
        ROUTE,
        yaml.safe_dump(own),
    )


def test_what_is_not_there_yet_leaves_nothing(canary: Callable[..., Result], tmp_path: Path) -> None:
    result = rendered(canary, *new_set(tmp_path, "before"))
    assert (0, "") == (result.code, result.err)
    assert stream(DEPLOYMENT, SERVICE, CONFIG, BUDGET, ROUTE) == result.out
    called, answer = function(canary, *new_set(tmp_path, "before"), team="")
    assert (0, "") == (called.code, called.err)
    names = [one["metadata"]["name"] for one in answer["items"]]
    assert ["shop", "shop", "shop-config", "shop", "storefront"] == names
    assert "image: registry.example.com/shop:v1\n" in called.out
    assert "replicas: 8 # as many as we need" in called.out


def test_hooks_stay_though_they_are_not_adopted(canary: Callable[..., Result]) -> None:
    result = rendered(canary, DEPLOYMENT, SERVICE, CONFIG, HOOK, ROUTE, canary_file())
    assert (0, "") == (result.code, result.err)
    assert HOOK in parts(result.out)


def test_without_a_namespace_nobody_is_given_one(canary: Callable[..., Result]) -> None:
    bare = [one.replace("namespace: store", "labels: {a: b}") for one in (DEPLOYMENT, SERVICE, CONFIG, ROUTE)]
    bare[0] = bare[0].replace("  labels: {a: b}\n", "")
    own = canary_file().replace("name: shop\n", "name: shop\n  namespace: store\n", 1)
    result = rendered(canary, *bare, own)
    assert (0, "") == (result.code, result.err)
    assert bare[:3] == parts(result.out)[:3]


def test_the_second_file_sees_the_stream_as_the_first_left_it(canary: Callable[..., Result]) -> None:
    both = ROUTE.replace(
        "    - {name: legacy, port: 80, weight: 40}\n", "    - {name: cart, port: 80, weight: 40}\n"
    )
    cart = canary_file(deployment="cart", phase="50%").replace("name: shop\n", "name: cart\n", 1)
    result = rendered(canary, APP, CARTS, canary_file(deployment="shop"), both, cart)
    assert (0, "") == (result.code, result.err)
    rules = objects(result.out)["HTTPRoute", "storefront"]["spec"]["rules"]
    (old,) = (
        {ref["name"]: ref["weight"] for ref in rule["backendRefs"]}
        for rule in rules
        if len(rule["backendRefs"]) > 2
    )
    assert {"shop": 54, "shop-canary": 6, "cart": 20, "cart-canary": 20} == old
    annotations = objects(result.out)["HTTPRoute", "storefront"]["metadata"]["annotations"]
    assert ("10%", "50%") == tuple(annotations[f"kubectl-canary/phase.{name}"] for name in ("shop", "cart"))
    assert {*parts(APP), *parts(CARTS)} <= {*parts(result.out)}


def test_an_item_of_a_list_is_replaced_beside_the_others(canary: Callable[..., Result]) -> None:
    items = [yaml.safe_load(one) for one in (CONFIG, ROUTE)]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    result = rendered(canary, DEPLOYMENT, SERVICE, f"{listed}\n", canary_file())
    assert (0, "") == (result.code, result.err)
    assert parts(result.out)[:2] == [DEPLOYMENT, SERVICE]
    assert ("ConfigMap", "shop-config") in objects(result.out)
    assert "10%" in result.out


WRONG = [
    ({"from": "k8s/"}, "spec.adopt.from: `k8s/`, and here what should run are the manifests beside", 'write `from: "-"`'),
    ({"stable": "no-such"}, "spec.adopt.stable: ", "no-such"),
    ({"stable": "git:v1"}, "spec.adopt.stable: git:v1 names no path", "write `git:v1:PATH`"),
    ({"stable": "-"}, "spec.adopt.stable: standard input can be read only once", "name a file, a folder"),
    ({"deployment": "shpo"}, "spec.adopt.deployment: no Deployment `shpo`", "did you mean `shop`?"),
]  # fmt: skip


@pytest.mark.parametrize(("adopt", "said", "hint"), WRONG)
def test_what_cannot_be_read_is_said_at_its_place(
    canary: Callable[..., Result], adopt: dict[str, str], said: str, hint: str
) -> None:
    own = canary_file(**adopt)
    result = rendered(canary, APP, own, ROUTE)
    assert (1, "") == (result.code, result.out)
    assert "standard input:" in result.err
    assert said in result.err
    assert hint in result.err
    called, answer = function(canary, APP, own, ROUTE)
    assert (1, ["Canary"]) == (called.code, [one["resourceRef"]["kind"] for one in answer["results"]])
    assert hint in answer["results"][0]["message"]


# --- a ResourceList -----------------------------------------------------------------


def noted(text: str, number: int, team: str) -> str:
    """A document with what kustomize and kpt note on it."""
    prefix = "internal.config.kubernetes.io"
    notes = f'annotations: {{{prefix}/path: a.yaml, {prefix}/index: "{number}"{team}}}'
    flow = text.replace("metadata: {", f"metadata: {{{notes}, ", 1)
    return flow if flow != text else text.replace("metadata:\n", f"metadata:\n  {notes}\n", 1)


def item(text: str) -> str:
    head, *lines = (line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    return f"- {head}" + "".join(f"  {line}" for line in lines)


RENDER = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {verb: render}}\n"


def called_with(*documents: str, config: str = RENDER, team: str = ", team: shop") -> str:
    every = [part for text in documents for part in parts(text)]
    items = "".join(item(noted(one, number, team)) for number, one in enumerate(every))
    start = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
    return f"{start}items:\n{items}functionConfig: {config}"


def function(canary: Callable[..., Result], *documents: str, **call: str) -> tuple[Result, Any]:
    result = canary("krm", "--admission-only", stdin=called_with(*documents, **call).encode())
    return result, yaml.safe_load(result.out)


def test_items_stay_in_their_place_with_comments_and_notes(canary: Callable[..., Result]) -> None:
    result, answer = function(canary, APP, canary_file(), ROUTE)
    assert (0, "") == (result.code, result.err)
    start = called_with(APP, canary_file(), ROUTE).partition("- apiVersion: kubectl-canary")[0]
    # ruamel.yaml writes a pair in a flow sequence so
    assert result.out.startswith(
        start.replace("[{configMapRef: {name: shop-config}}]", "[configMapRef: {name: shop-config}]")
    )
    kinds = [one["kind"] for one in answer["items"]]
    theirs = ["Deployment", "Service", "ConfigMap", "PodDisruptionBudget"]
    assert [*theirs, "Service", "Deployment", "PodDisruptionBudget", "HTTPRoute"] == kinds
    route = answer["items"][-1]["metadata"]["annotations"]
    assert ("5", "10%") == (route["internal.config.kubernetes.io/index"], route["kubectl-canary/phase.shop"])


def test_what_tools_note_on_the_users_is_not_copied(canary: Callable[..., Result]) -> None:
    _, answer = function(canary, APP, canary_file(), ROUTE)
    made = [one for one in answer["items"] if one["metadata"]["name"].endswith("-canary")]
    assert 3 == len(made)
    assert "config.kubernetes.io" not in json.dumps(made)


def test_notes_make_no_difference_to_what_runs(canary: Callable[..., Result], tmp_path: Path) -> None:
    """Files of stable have none; the items that say the same otherwise are the user's own, with theirs."""
    (tmp_path / "app.yaml").write_text(stream(APP, ROUTE).replace("as we need", "as there were"))
    own = canary_file(phase="before", stable=str(tmp_path))
    result, answer = function(canary, APP, own, ROUTE, team="")
    assert (0, "") == (result.code, result.err)
    assert "replicas: 8 # as many as we need" in result.out
    want = yaml.safe_load(called_with(APP, own, ROUTE, team=""))["items"]
    assert [one for one in want if one["kind"] != "Canary"] == answer["items"]


def test_a_canary_file_as_configuration_adopts_the_items(canary: Callable[..., Result]) -> None:
    own = json.dumps(yaml.safe_load(canary_file()))
    result, answer = function(canary, APP, ROUTE, config=f"{own}\n")
    assert (0, "") == (result.code, result.err)
    names = [one["metadata"]["name"] for one in answer["items"]]
    assert ["shop", "shop", "shop-config", "shop", "storefront", *["shop-canary"] * 3] == names


def test_files_in_a_list_are_chained(canary: Callable[..., Result]) -> None:
    cart = canary_file(deployment="cart", phase="50%").replace("name: shop\n", "name: cart\n", 1)
    both = ROUTE.replace("name: docs", "name: cart")
    result, answer = function(canary, APP, canary_file(deployment="shop"), CARTS, both, cart)
    assert (0, "") == (result.code, result.err)
    names = [one["metadata"]["name"] for one in answer["items"]]
    assert ["shop-canary"] * 3 + ["cart"] * 2 + ["cart-config", "cart", "storefront"] == names[4:12]
    assert ["cart-canary"] * 3 == names[12:]
    phases = answer["items"][11]["metadata"]["annotations"]
    assert ("10%", "50%") == tuple(phases[f"kubectl-canary/phase.{name}"] for name in ("shop", "cart"))


def test_the_check_judges_every_phase_over_the_items(canary: Callable[..., Result]) -> None:
    config = RENDER.replace("render", "validate")
    text = called_with(APP, canary_file(), ROUTE, config=config)
    assert Result(0, text, "") == canary("krm", "--admission-only", stdin=text.encode())
    wrong = APP.replace("containerPort: 8080", "containerPort: 808080")
    result, answer = function(canary, wrong, canary_file(), ROUTE, config=config)
    assert 1 == result.code
    assert {"Deployment", "Canary"} == {one["resourceRef"]["kind"] for one in answer["results"]}
    assert "Deployment shop-canary: " in result.err


def test_validate_judges_a_file_over_the_stream_that_it_stands_in(canary: Callable[..., Result]) -> None:
    for port, code in (("port: 80", 0), ("port: 99999", 1)):
        text = stream(APP, ROUTE.replace("port: 80", port, 1), canary_file())
        done = canary("validate", "-", "--admission-only", stdin=text.encode())
        assert (done.code, "5 documents" in done.out or "6 documents" in done.out) == (code, True), done.out
        assert done.err == ""
