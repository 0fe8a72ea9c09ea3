"""The canary's own configuration: laid over stable's as Kubernetes' strategic merge does it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_canary.release import strategic

BASE = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  stable: {image: "r/shop:v1"}
  canary:
    image: r/shop:v2
    CANARY
  container: {port: 80, env: [{name: A, value: "1"}], args: [a, b], livenessProbe: {httpGet: {port: 80}}}
  pod:
    containers: [{name: proxy, image: "r/proxy:v1"}]
    volumes: [{name: cache, emptyDir: {}}]
  podMetadata: {labels: {team: shop}}
  route: {gateway: {name: gw}}
  phases: [50%]
"""
NAMES = st.sampled_from(["a", "b", "c"])
TEXT = st.sampled_from(["1", "2", ""])
ENV = st.lists(
    st.fixed_dictionaries({"name": NAMES, "value": TEXT}), max_size=3, unique_by=lambda one: one["name"]
)
MOUNTS = st.lists(
    st.fixed_dictionaries({"name": NAMES, "mountPath": st.sampled_from(["/a", "/b", "/c"])}),
    max_size=3,
    unique_by=lambda one: one["mountPath"],
)
PROBE = st.fixed_dictionaries(
    {}, optional={"periodSeconds": st.integers(1, 3), "timeoutSeconds": st.integers(1, 3)}
)
FIELDS = {
    "env": ENV,
    "volumeMounts": MOUNTS,
    "args": st.lists(TEXT, max_size=2),
    "workingDir": TEXT,
    "readinessProbe": PROBE,
}
CONTAINER = st.fixed_dictionaries({}, optional=FIELDS)
DELETED = st.lists(
    st.fixed_dictionaries({"name": NAMES, "$patch": st.just("delete")}),
    max_size=2,
    unique_by=lambda one: one["name"],
)
PATCH = st.fixed_dictionaries({}, optional={
    **{key: st.none() | value for key, value in FIELDS.items() if key != "env"},
    "env": ENV | DELETED | st.just([{"$patch": "replace"}, {"name": "z", "value": "1"}]),
    "readinessProbe": PROBE | PROBE.map(lambda one: {**one, "$patch": "replace"}) | st.none()
    | PROBE.map(lambda one: {**one, "$retainKeys": sorted({"periodSeconds", *one})}),
})  # fmt: skip


def by_name(container: dict[str, Any]) -> dict[str, Any]:
    """Kubernetes puts new items in front, we behind: their order is not compared, nor is an empty list or map."""
    lists = {"env": "name", "volumeMounts": "mountPath"}
    return {
        key: sorted(value, key=lambda one: str(one[lists[key]])) if key in lists else value
        for key, value in container.items()
        if value not in ([], {}, None)
    }


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CONTAINER, PATCH), min_size=12, max_size=12))
def test_a_merge_is_what_kubectl_makes_of_it(
    program: Callable[[str], Path], tmp_path: Path, pairs: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    """Many containers of one pod are patched at once, since kubectl takes 50 ms to start."""
    pods = [
        [{**one, "name": f"n{number}"} for number, one in enumerate(side)]
        for side in zip(*pairs, strict=True)
    ]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": pods[0]}}
    (tmp_path / "pod.json").write_text(json.dumps(pod))
    (tmp_path / "patch.json").write_text(json.dumps({"spec": {"containers": pods[1]}}))
    words = ["patch", "--local", "-o", "json", "--type=strategic", f"--patch-file={tmp_path}/patch.json"]
    done = subprocess.run(
        [program("kubectl"), *words, "-f", tmp_path / "pod.json"],
        capture_output=True, text=True, check=False, env={"KUBECONFIG": "/dev/null"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    theirs = {one.pop("name"): one for one in json.loads(done.stdout)["spec"]["containers"]}
    place = strategic.Place.at(("spec", "container"))
    for number, (container, patch) in enumerate(pairs):
        if "readinessProbe" not in container and "$" in str(patch.get("readinessProbe")):
            continue  # kubectl leaves out, or keeps the directive of, what is not there: nobody can want that
        ours = strategic.merged(container, patch, place)
        left = {key: value for key, value in theirs[f"n{number}"].items() if key != "resources"}
        assert by_name(left) == by_name(ours), (container, patch)


@pytest.mark.parametrize(
    ("value", "patch", "made"),
    [
        ({"workingDir": "/a", "args": ["x"]}, {"workingDir": None}, {"args": ["x"]}),
        ({"args": ["x", "y"]}, {"args": ["z"]}, {"args": ["z"]}),
        ({"readinessProbe": {"periodSeconds": 1}}, {"readinessProbe": {"timeoutSeconds": 2}}, {"readinessProbe": {"periodSeconds": 1, "timeoutSeconds": 2}}),
        ({"readinessProbe": {"periodSeconds": 1}}, {"readinessProbe": {"$patch": "replace", "timeoutSeconds": 2}}, {"readinessProbe": {"timeoutSeconds": 2}}),
        ({"readinessProbe": {"periodSeconds": 1, "timeoutSeconds": 1}}, {"readinessProbe": {"$retainKeys": ["timeoutSeconds"]}}, {"readinessProbe": {"timeoutSeconds": 1}}),
        ({"readinessProbe": {"periodSeconds": 1}}, {"readinessProbe": {"$patch": "delete"}}, {"readinessProbe": {}}),
        ({"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "1"}]}, {"env": [{"name": "a", "$patch": "delete"}]}, {"env": [{"name": "b", "value": "1"}]}),
        ({"env": [{"name": "a", "value": "1"}]}, {"env": [{"name": "b", "value": "2"}]}, {"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]}),
        ({"volumeMounts": [{"mountPath": "/a", "name": "a"}]}, {"volumeMounts": [{"mountPath": "/a", "readOnly": True}]}, {"volumeMounts": [{"mountPath": "/a", "name": "a", "readOnly": True}]}),
        ({"env": [{"name": "a", "value": "1"}]}, {"env": [{"$patch": "replace"}, {"name": "b", "value": "2"}]}, {"env": [{"name": "b", "value": "2"}]}),
    ],
)  # fmt: skip
def test_these_are_merges(value: Any, patch: Any, made: Any) -> None:
    """Each of them is among what the test above may draw, and holds without kubectl."""
    assert made == strategic.merged(value, patch, strategic.Place.at(("spec", "container")))


def test_the_canarys_images_are_those_of_its_containers(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path]
) -> None:
    both = BASE.replace(
        "  podMetadata",
        "    initContainers: [{name: setup, image: 'r/setup:v1'}, {name: kept, image: 'r/kept:v1'}]\n  podMetadata",
    )
    canary_yaml(both.replace("CANARY", "images: {proxy: 'r/proxy:v2', setup: 'r/setup:v2'}"))
    rendered = canary("render", "--phase", "deploy", "--only", "workloads").out
    deployments = [one for one in yaml.safe_load_all(rendered) if one["kind"] == "Deployment"]
    stable, new = (
        {one["name"]: one["image"] for group in ("containers", "initContainers") for one in pod[group]}
        for pod in (one["spec"]["template"]["spec"] for one in deployments)
    )
    assert {"app": "r/shop:v1", "proxy": "r/proxy:v1", "setup": "r/setup:v1", "kept": "r/kept:v1"} == stable
    assert {"app": "r/shop:v2", "proxy": "r/proxy:v2", "setup": "r/setup:v2", "kept": "r/kept:v1"} == new


@given(CONTAINER, CONTAINER, CONTAINER)
def test_what_is_carried_over_is_the_difference_and_nothing_else(live: Any, before: Any, after: Any) -> None:
    place = strategic.Place.at(("spec", "container"))
    assert live == strategic.carried(live, before, before, place)
    made = strategic.carried(live, before, after, place)
    for key in {*live, *before, *after}:
        if key not in after:
            assert key not in made or before == after or (key in live and key not in before)
        elif before.get(key) != after[key] and key in ("workingDir", "args"):
            assert made[key] == after[key]


def test_what_both_plans_say_is_the_clusters() -> None:
    live = {
        "env": [{"name": "A", "value": "edited"}, {"name": "THEIRS", "value": "x"}],
        "imagePullPolicy": "Always",
    }
    before = {"env": [{"name": "A", "value": "1"}, {"name": "OLD", "value": "1"}]}
    after = {"env": [{"name": "A", "value": "1"}, {"name": "NEW", "value": "2"}]}
    made = strategic.carried(live, before, after, strategic.Place.at(("spec", "container")))
    assert {**live, "env": [*live["env"], {"name": "NEW", "value": "2"}]} == made


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("container: {enb: []}", "canary.yaml:8:17: spec.canary.container.enb: unknown key; did you mean `env`?"),
        ("container: {env: [{name: A, valu: x}]}", "spec.canary.container.env[0].valu: unknown key"),
        ("container: {image: x}", "spec.canary.container.image: `image` does not belong here; write it into spec.canary.image"),
        ("container: {env: [{$patch: merge-all, name: A}]}", "spec.canary.container.env[0].$patch: `merge-all` is no directive"),
        ("container: {$setElementOrder/env: []}", "`$setElementOrder/env` is not followed here; known are `$patch` and `$retainKeys`"),
        ("container: {readinessProbe: {$retainKeys: [httpGet], tcpSocket: {port: 80}}}", "spec.canary.container.readinessProbe.tcpSocket: `$retainKeys` beside it does not keep `tcpSocket`"),
        ("pod: {volumes: {}}", "spec.canary.pod.volumes: "),
        ("images: {prxy: r/proxy:v2}", "spec.canary.images.prxy: no container `prxy`; did you mean `proxy`?"),
        ("podMetadata: {labels: {app: x}}", "spec.canary.podMetadata.labels.app: `app` is set by kubectl canary"),
        ("podMetadata: {labels: {a: {}}}", "spec.canary.podMetadata.labels.a: "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_canarys_own_is_said_at_its_place(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path], own: str, said: str
) -> None:
    canary_yaml(BASE.replace("CANARY", own))
    result = canary("render")
    assert (1, "") == (result.code, result.out)
    assert said in result.err


@pytest.mark.parametrize(
    ("stable", "own", "place"),
    [
        ("nope", "cache", "canary.yaml:9:37: error Canary shop: spec.container.volumeMounts[0].name"),
        ("cache", "nope", "canary.yaml:8:39: error Canary shop: spec.canary.container.volumeMounts[0].name"),
    ],
)
def test_what_the_server_says_of_a_version_stands_where_that_version_says_it(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path], stable: str, own: str, place: str
) -> None:
    """Both mount something at one place, so that the canary's own item is laid over stable's."""
    container = "container: {volumeMounts: [{name: %s, mountPath: /x}]"
    lines = BASE.replace("    CANARY\n", f"    {container % own}}}\n")
    canary_yaml(lines.replace("  container: {port: 80", f"  {container % stable}, port: 80"))
    out = canary("validate").out
    assert place in out
    assert 1 == out.count("Not found")


def test_deploy_leaves_stable_alone_and_promotion_brings_the_configuration(
    canary: Callable[..., Result], canary_yaml: Callable[[str], Path]
) -> None:
    own = (
        "{container: {env: [{name: NEW, value: x}], args: [c]}, pod: {volumes: [{name: more, emptyDir: {}}]}}"
    )
    file = BASE.replace("    CANARY\n", "").replace(
        "image: r/shop:v2", "image: r/shop:v2\n    " + own[1:-1].replace(", pod", "\n    pod")
    )
    canary_yaml(file)
    parts = ("--only", "workloads", "--skip")
    documents = {
        phase: canary("render", "--phase", phase, *parts).out.split("---\n")
        for phase in (
            "before",
            "deploy",
            "50%",
            "promote-roll",
            "promoted",
            "rollback-promotion from promote-roll",
        )
    }
    before = documents["before"][0]
    assert "name: NEW" not in before
    assert before == documents["deploy"][0] == documents["50%"][0]
    assert before == documents["rollback-promotion from promote-roll"][0]
    assert "name: NEW" in documents["deploy"][1]
    assert "name: NEW" in documents["promote-roll"][0] == documents["promoted"][0]
    plan = canary("plan").out
    assert (
        "Besides its image the canary differs in container.env[NEW], container.args, pod.volumes[more]."
        in plan
    )


def test_ports_of_one_number_are_two_items_where_their_protocols_differ() -> None:
    planned = {"ports": [{"containerPort": 443}, {"containerPort": 443, "protocol": "UDP"}]}
    live = {
        "ports": [{"containerPort": 443, "protocol": "TCP"}, planned["ports"][1], {"containerPort": 9090}]
    }
    assert live == strategic.carried(live, {}, planned, strategic.Place.at(("spec", "container")))
