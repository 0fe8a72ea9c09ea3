"""Places of values that several files and flags have given."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kubectl_canary.commands import inputs
from kubectl_canary.errors import UsageError
from kubectl_canary.reading import sources
from kubectl_canary.reading.sources import Sources


def layered(*texts: str, settings: Sequence[str] = ()) -> Sources:
    """The texts as 0.yaml, 1.yaml and so on, merged, with these settings over them."""
    made = sources.layered([sources.document(f"{number}.yaml", text) for number, text in enumerate(texts)])
    sources.settle(made, settings, {})
    return made


def test_a_place_is_in_the_file_that_had_the_last_word() -> None:
    made = layered("spec:\n  image: a\n  testers: false\n", "\n\nspec:\n    image: b\n")
    assert "b" == made.value["spec"]["image"]
    assert "1.yaml:4:5" == str(made.where(("spec", "image")))
    assert "1.yaml:4:12" == str(made.value_where(("spec", "image")))
    assert "0.yaml:3:3" == str(made.where(("spec", "testers")))
    assert "1.yaml:3:1" == str(made.where(("spec", "route")))


def test_a_later_flag_takes_the_place_of_those_below_it() -> None:
    made = layered("spec: {}\n", settings=["spec.canary.tag=a", "spec.canary={tag: b}"])
    assert "--set spec.canary={tag: b}" == str(made.where(("spec", "canary", "tag")))
    assert {"canary": {"tag": "b"}} == made.value["spec"]


def test_what_is_typed_holds_all_below_it_whatever_a_file_says_there() -> None:
    made = layered("spec: {testers: {query: a, value: b}}\n", settings=["spec.testers={query: c d}"])
    for path in (("spec", "testers"), ("spec", "testers", "query"), ("spec", "testers", "value")):
        assert "--set spec.testers={query: c d}" == str(made.where(path)) == str(made.value_where(path))
    assert "0.yaml:1:1" == str(made.where(("spec",)))


def test_a_list_grows_by_one_and_has_no_gaps() -> None:
    text = "spec: {phases: [5%]}\n"
    assert ["5%", "50%"] == layered(text, settings=["spec.phases[1]=50%"]).value["spec"]["phases"]
    with pytest.raises(UsageError) as error:
        layered(text, settings=["spec.phases[2]=50%"])
    assert "the list has 1 items, so [2] would leave a gap" in error.value.message


def test_standard_input_is_read_once() -> None:
    with pytest.raises(UsageError):
        inputs.load(["-", "-"])
