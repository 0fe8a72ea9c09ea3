"""Our verdicts beside the real API server's: a sample; `make agreement` is the whole."""

from __future__ import annotations

import json
from typing import Any

import agreement
import cel_cases
import jsonpatch
import pytest
from conftest import Cluster
from test_verdict import DISAGREEMENTS, EDGES

from kubectl_canary.api import catalog, verdict

TARGET = catalog.Target()
SAMPLE = 700


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> agreement.Server:
    found = agreement.Server(cluster.kubeconfig)
    found.discover()
    return found


def test_a_sample_gets_the_verdict_of_the_api_server(server: agreement.Server) -> None:
    found = agreement.compared(server, TARGET, agreement.sample(TARGET, SAMPLE))
    assert [] == found.disagreements
    assert 200 < found.accepted
    assert 300 < found.refused


def test_upstreams_invalid_examples_are_refused() -> None:
    folder = agreement.crds(TARGET).parents[2] / "hack/invalid-examples/standard"
    files = sorted(folder.rglob("*.yaml"))
    assert 20 < len(files)
    for file in files:
        documents = [one for one in agreement.yaml.safe_load_all(file.read_text()) if one]
        assert any(verdict.judge(one, TARGET) for one in documents), file.name


def test_built_in_kinds_get_the_verdict_of_the_api_server(server: agreement.Server) -> None:
    found = agreement.compared(server, TARGET, agreement.built_in_sample(1500))
    assert [] == found.disagreements
    assert 400 < found.accepted
    assert 900 < found.refused


@pytest.mark.parametrize("case", DISAGREEMENTS, ids=lambda case: case["why"])
def test_what_judges_once_disagreed_on(server: agreement.Server, case: dict[str, Any]) -> None:
    refusal = server.refusal(case["document"])
    assert case["accepted"] is (refusal is None), refusal
    assert case["accepted"] is (verdict.judge(case["document"], TARGET) == [])


@pytest.mark.parametrize("edge", EDGES)
def test_the_edges_are_the_servers(server: agreement.Server, edge: str) -> None:
    """Our place is the server's or below it: it names the labels, we the label."""
    inside, outside, said = EDGES[edge]
    assert server.refusal(inside) is None
    place = str(server.refusal(outside)).partition(" is invalid: ")[2].lstrip("[").partition(": ")[0]
    assert place
    assert said.startswith(place)


def test_what_is_judged_by_schema_alone_is_not_refused_where_the_server_accepts(
    server: agreement.Server,
) -> None:
    documents = agreement.schema_only_sample(2500)
    found = agreement.compared(server, TARGET, documents)
    assert [] == [one for one in found.disagreements if one[1] == "accepted"]
    assert 500 < found.accepted


def test_every_document_that_is_judged_by_schema_alone_is_valid() -> None:
    for document in agreement.schema_only_sample(0):
        assert [] == verdict.judge(document, TARGET)


def test_every_built_in_kind_is_in_a_sample() -> None:
    sample = [*agreement.built_in_sample(0), *agreement.schema_only_sample(0)]
    kinds = {f"{one['apiVersion']} {one['kind']}" for one in sample}
    assert kinds == catalog.releases()["kubernetes"][TARGET.kubernetes]["kinds"].keys()


CASES = json.loads(cel_cases.FILE.read_text(encoding="utf-8"))


def test_every_cel_rule_has_a_pair_of_documents() -> None:
    assert {site.id for site in cel_cases.sites()} == {one["id"] for one in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"][:60])
def test_a_rule_is_kept_and_broken(server: agreement.Server, case: dict[str, Any]) -> None:
    target = catalog.Target(channel=case["channel"])
    keeps, breaks = case["keeps"], jsonpatch.apply_patch(case["keeps"], case["breaks"])
    assert [] == verdict.judge(keeps, target)
    messages = [finding.message for finding in verdict.judge(breaks, target) or []]
    rule = case["id"].partition(": ")[2].strip()
    assert f"Invalid value: {case['message'] or f'failed rule: {rule}'}" in messages
    if case["channel"] == "standard":  # the server has that channel's CRDs
        assert server.refusal(keeps) is None
        assert (case["message"] or rule) in str(server.refusal(breaks))
