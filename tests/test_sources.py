"""Places of values that several files and flags have given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_canary.errors import UsageError
from kubectl_canary.reading import sources

Write = Callable[..., list[str]]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def write(*texts: str) -> list[str]:
        names = [f"{number}.yaml" for number in range(len(texts))]
        for name, text in zip(names, texts, strict=True):
            Path(name).write_text(text)
        return names

    return write


def test_a_place_is_in_the_file_that_had_the_last_word(written: Write) -> None:
    made = sources.load(written("spec:\n  image: a\n  testers: false\n", "\n\nspec:\n    image: b\n"))
    assert "b" == made.value["spec"]["image"]
    assert "1.yaml:4:5" == str(made.where(("spec", "image")))
    assert "1.yaml:4:12" == str(made.value_where(("spec", "image")))
    assert "0.yaml:3:3" == str(made.where(("spec", "testers")))
    assert "1.yaml:3:1" == str(made.where(("spec", "route")))


def test_a_later_flag_takes_the_place_of_those_below_it(written: Write) -> None:
    made = sources.load(written("spec: {}\n"), ["spec.canary.tag=a", "spec.canary={tag: b}"])
    assert "--set spec.canary={tag: b}" == str(made.where(("spec", "canary", "tag")))
    assert {"canary": {"tag": "b"}} == made.value["spec"]


def test_a_list_grows_by_one_and_has_no_gaps(written: Write) -> None:
    names = written("spec: {phases: [5%]}\n")
    assert ["5%", "50%"] == sources.load(names, ["spec.phases[1]=50%"]).value["spec"]["phases"]
    with pytest.raises(UsageError) as error:
        sources.load(names, ["spec.phases[2]=50%"])
    assert "the list has 1 items, so [2] would leave a gap" in error.value.message


def test_standard_input_is_read_once() -> None:
    with pytest.raises(UsageError):
        sources.load(["-", "-"])
