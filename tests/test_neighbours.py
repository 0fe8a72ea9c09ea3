"""What controllers lead comes over as it was: the same shares, and phases that the API server takes.

The neighbours' own examples, from their modules, are all imported and render, or are refused with a reason.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import build
import pytest
import test_import_argo_rollouts
import test_import_flagger
import test_import_kruise
import yaml
from conftest import Cluster, run_here
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plan import GENERATOR

from kubectl_canary.commands import inputs
from kubectl_canary.commands.run.requests import documents
from kubectl_canary.errors import Refused, UsageError
from kubectl_canary.integrations.importers import argo_rollouts, flagger
from kubectl_canary.integrations.importers.imported import Gateway, Imported, Wish
from kubectl_canary.reading.adopted.objects import at
from kubectl_canary.reading.manifests import read
from kubectl_canary.reading.release import Release
from kubectl_canary.routing.requests import Request
from kubectl_canary.routing.simulation import simulate

Object = dict[str, Any]
FENCED = re.compile(r"^ *```ya?ml.*?\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
HERE_DOCUMENT = re.compile(r"<<-? ?'?EOF'?.*?\n(.*?)^\s*EOF", re.DOTALL | re.MULTILINE)
OF_ITS_AUTHORS = r"metadata.name|image|of type quantity"  # what no cluster would take, and placeholders
WISH = Wish(Gateway("edge", "infra"))


def texts(folder: Path) -> Iterator[str]:
    """The manifests in a module, also those in its documentation and its scripts."""
    for file in sorted(folder.iterdir()):
        text = file.read_text(encoding="utf-8")
        found = {".yaml": [text], ".md": FENCED.findall(text), ".sh": HERE_DOCUMENT.findall(text)}
        yield from found[file.suffix]


def objects(text: str) -> list[Object]:
    """The objects of a text; what is a template, or half a document, is none."""
    found = []
    for part in re.split(r"^---.*$", text, flags=re.MULTILINE):
        try:
            value = yaml.safe_load(part)
        except yaml.YAMLError:
            continue
        if isinstance(value, dict) and isinstance(value.get("metadata"), dict):
            found.append(value)
    return found


def is_of(value: Object, kind: str, group: str) -> bool:
    return value.get("kind") == kind and str(value.get("apiVersion")).startswith(group)


def service(name: str, namespace: str | None, labels: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    spec = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def deployment(name: str, namespace: str | None) -> Object:
    labels = {"app": name}
    container = {"name": "app", "image": "registry.example.com/app:v1", "ports": [{"containerPort": 9898}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def of_flagger() -> Iterator[list[Object]]:
    """Each Canary, with a Deployment of its target's name, and the MetricTemplates of its name or its file."""
    every = [objects(text) for text in texts(build.ensure("flagger-examples"))]
    templates = [value for values in every for value in values if value.get("kind") == "MetricTemplate"]
    for values in every:
        for canary in (value for value in values if is_of(value, "Canary", "flagger.app/")):
            target, namespace = (
                at(canary, "spec", "targetRef", "name"),
                at(canary, "metadata", "namespace"),
            )
            metrics = at(canary, "spec", "analysis", "metrics") or []
            asked = {at(metric, "templateRef", "name") for metric in metrics}
            used = {at(value, "metadata", "name"): value for value in templates}
            yield [
                canary,
                deployment(str(target or "podinfo"), namespace),
                *(
                    value
                    for value in values
                    if value.get("kind") not in ("Canary", "Deployment", "MetricTemplate")
                ),
                *(value for name, value in used.items() if name in asked),
            ]


def of_argo_rollouts() -> Iterator[list[Object]]:
    """Each Rollout at rest, with the Services that it names, or one where it names none."""
    for text in texts(build.ensure("argo-rollouts-examples")):
        values = objects(text)
        for rollout in (value for value in values if is_of(value, "Rollout", "argoproj.io/")):
            others = [value for value in values if not is_of(value, "Rollout", "argoproj.io/")]
            resting = {key: copy.deepcopy(child) for key, child in rollout.items() if key != "status"}
            canary = at(rollout, "spec", "strategy", "canary") or {}
            services = [
                canary.get("stableService") or at(canary, "pingPong", "pingService"),
                canary.get("canaryService") or at(canary, "pingPong", "pongService"),
            ]
            known = {at(value, "metadata", "name") for value in others if value.get("kind") == "Service"}
            wanted = [name for name in services if name and name not in known]
            labels, namespace = (
                at(rollout, "spec", "selector", "matchLabels"),
                at(rollout, "metadata", "namespace"),
            )
            made = [service(name, namespace, labels) for name in wanted or ([] if known else ["app"])]
            yield [resting, *others, *made]


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("examples", "imported", "least", "rules"),
    [
        (of_flagger, flagger.imported, 60, {"target", "api-version", "invalid"}),
        (of_argo_rollouts, argo_rollouts.imported, 75, {"blue-green", "services", "workload", "invalid"}),
    ],
    ids=["flagger", "argo-rollouts"],
)
def test_each_example_is_imported_and_renders_or_is_refused_with_a_reason(
    examples: Callable[[], Iterator[list[Object]]],
    imported: Callable[..., Imported],
    least: int,
    rules: set[str],
) -> None:
    taken, refused = 0, 0
    for values in examples():
        text = "---\n".join(yaml.safe_dump(value, sort_keys=False, width=10_000) for value in values)
        try:
            found = imported(read("k8s.yaml", text), WISH)
        except Refused as error:
            refused += 1
            known = {
                finding.rule.removeprefix("flagger-").removeprefix("argo-rollouts-")
                for finding in error.findings
            }
            assert known <= rules, [*map(str, error.findings)]
            continue
        try:
            test_import_argo_rollouts.rendered(found)
        except (Refused, UsageError) as error:
            refused += 1
            said = [*map(str, error.findings)] if isinstance(error, Refused) else [f"{error}: {error.hint}"]
            assert all(re.search(OF_ITS_AUTHORS, text) for text in said), said
        else:
            taken += 1
    assert taken >= least
    print(f"{taken} imported, {refused} refused")


# --- the same share ---------------------------------------------------------

WEIGHTS = st.sampled_from([1, 5, 20, 33, 50, 99])
PATHS = ("/", "/cart", "/cart/items", "/api/v2")
OTHER = {"name": "legacy", "port": 80, "weight": 50}


def split(rules: list[Object], stable: str, canary: str, weight: int) -> list[Object]:
    """Rules with the share of a step, as controllers write it: 100 parts, of which the canary has its weight."""
    found = copy.deepcopy(rules)
    for rule in found:
        others = [ref for ref in rule.get("backendRefs", ()) if ref["name"] not in (stable, canary)]
        pair = [
            {"name": stable, "port": 80, "weight": 100 - weight},
            {"name": canary, "port": 80, "weight": weight},
        ]
        rule["backendRefs"] = [*pair, *others]
    return found


def rule(path: str, *refs: Object) -> Object:
    return {"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": list(refs)}


def with_rules(route: Object, rules: list[Object]) -> Object:
    return {**route, "spec": {**route["spec"], "rules": rules}}


def from_argo_rollouts(paths: list[str], has_other: bool, weight: int) -> tuple[list[Object], Object, str]:
    """What is imported, the route of the first step, and the name of the canary's Service there."""
    pair = [{"name": "shop", "port": 80, "weight": 100}, {"name": "shop-next", "port": 80, "weight": 0}]
    rules = [rule(path, *pair, *([OTHER] if has_other else [])) for path in paths]
    way = with_rules(test_import_argo_rollouts.route(), rules)
    there = test_import_argo_rollouts.shop(test_import_argo_rollouts.rollout({"setWeight": weight}), way=way)
    return there, with_rules(way, split(rules, "shop", "shop-next", weight)), "shop-next"


def from_kruise(paths: list[str], _: bool, weight: int) -> tuple[list[Object], Object, str]:
    rules = [rule(path, {"name": "shop", "port": 80}) for path in paths]
    way = with_rules(test_import_kruise.a_route(), rules)
    rollout = test_import_kruise.a_rollout([{"traffic": f"{weight}%", "pause": {"duration": 60}}])
    there = test_import_kruise.around(rollout, route=way)
    return there, with_rules(way, split(rules, "shop", "shop-canary", weight)), "shop-canary"


def from_flagger(paths: list[str], _: bool, weight: int) -> tuple[list[Object], Object, str]:
    """Flagger makes one rule of all matches. Source: makeHTTPRoute in pkg/router/gateway_api.go"""
    match = [{"uri": {"prefix": path}} for path in paths]
    there = [
        test_import_flagger.a_canary(
            {"stepWeights": [weight]}, {"match": match, "hosts": ["shop.example.com"]}
        ),
        test_import_flagger.deployment(),
    ]
    one = {
        "matches": [{"path": {"type": "PathPrefix", "value": path}} for path in paths],
        "backendRefs": [],
    }
    way = with_rules(test_import_argo_rollouts.route(), split([one], "shop-primary", "shop-canary", weight))
    return there, way, "shop-canary"


CONTROLLERS = [from_argo_rollouts, from_kruise, from_flagger]


def release_of(folder: Path, there: list[Object]) -> Release:
    (folder / "k8s.yaml").write_text(yaml.safe_dump_all(there))
    words = ("--into", folder / "gateway", "-f", folder / "canary.yaml")
    result = run_here("import", folder / "k8s.yaml", *words)
    assert result.code == 0, result.err
    return inputs.load([f"{folder}/canary.yaml"], ["spec.canary.tag=v2"])


@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda one: one.__name__)
@settings(max_examples=40, deadline=None)
@given(
    paths=st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True),
    has_other=st.booleans(),
    weight=WEIGHTS,
    asked=st.sampled_from([*PATHS, "/elsewhere"]),
)
def test_the_first_step_gives_each_request_the_share_that_it_had(
    tmp_path_factory: pytest.TempPathFactory,
    controller: Callable[[list[str], bool, int], tuple[list[Object], Object, str]],
    paths: list[str],
    has_other: bool,
    weight: int,
    asked: str,
) -> None:
    there, theirs, canary = controller(paths, has_other, weight)
    release = release_of(tmp_path_factory.mktemp("import"), there)
    phase = next(known for known in release.plan.phases if known.traffic.share)
    assert phase.traffic.share == Fraction(weight, 100)
    request = Request(host="shop.example.com", path=asked)
    ours = simulate(documents(release, GENERATOR, phase), request)
    had = {share.backend.name: share.share for share in simulate([theirs], request).shares}
    has = {share.backend.name: share.share for share in ours.shares}
    assert had.get(canary) == has.get(release.plan.application.workloads[0].service.names.canary)
    assert had.get("legacy") == has.get("legacy")


@pytest.mark.cluster
@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda one: one.__name__)
def test_the_api_server_takes_every_phase(
    controller: Callable[[list[str], bool, int], tuple[list[Object], Object, str]],
    cluster: Cluster,
    namespace: str,
    tmp_path: Path,
) -> None:
    there = yaml.safe_load(
        json.dumps(controller(["/", "/cart"], True, 20)[0]).replace('"store"', f'"{namespace}"')
    )
    release = release_of(tmp_path, there)
    for phase in release.plan.phases:
        words = ("-f", tmp_path / "canary.yaml", "--set", "spec.canary.tag=v2", "--phase", phase.name)
        rendered = run_here("render", *words).out
        cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=rendered)
