"""What phases have in common is read and judged once, and what differs is not taken for the same."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kubectl_canary.api import verdict
from kubectl_canary.api.catalog import Target
from kubectl_canary.commands import inputs
from kubectl_canary.errors import Refused
from kubectl_canary.findings import Finding
from kubectl_canary.reading import yamltext
from kubectl_canary.release.documents import Document, Part
from kubectl_canary.rendering import generator as module
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("case", ["minimal", "autoscaled", "my-app"])
def test_a_document_that_phases_have_in_common_is_read_and_judged_once(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()
    only_document, judge = module._only_document, verdict.judge

    def reads(text: str, template: str) -> yamltext.Document:
        asked[f"read {text}"] += 1
        return only_document(text, template)

    def judges(document: Any, target: Target) -> list[Finding] | None:
        asked[f"judged {document}"] += 1
        return judge(document, target)

    monkeypatch.setattr(module, "_only_document", reads)
    monkeypatch.setattr(verdict, "judge", judges)
    plan = inputs.load([str(CASES / case / "canary.yaml")]).plan
    generator = Generator()
    texts = {
        document.text
        for phase in (*plan.phases, *plan.ways_back())
        for document in generator.render(planned(plan.application, phase))
    }
    assert set(asked.values()) == {1}
    assert len(asked) == 2 * len(texts)


def test_who_changes_a_document_changes_no_other_phase() -> None:
    plan = inputs.load([str(CASES / "minimal/canary.yaml")]).plan
    generator, phase = Generator(), planned(plan.application, plan.phases[0])
    for document in generator.render(phase):
        document.value["metadata"]["labels"].clear()
    again = generator.render(phase)
    assert [document.value for document in again] == [
        yamltext.read(document.text, "f.yaml")[0].value for document in again
    ]


def test_what_others_have_is_judged_as_it_is_now() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 80}]},
    }
    document, generator = Document(Part("services", "v1", "Service", None, "a"), service), Generator()
    generator.refuse_invalid([document])
    document.value["spec"]["ports"][0]["port"] = 99999999
    with pytest.raises(Refused):
        generator.refuse_invalid([document])


def test_a_document_that_is_gone_says_nothing_of_one_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "judge", lambda document, _: [document["wrong"]] if document else [])
    generator = Generator()
    for number in range(1000):
        assert generator._refusals({"wrong": number}) == [number]
        gc.collect(0)
