"""The list of bugs that tests must find: it fits the code."""

from __future__ import annotations

from pathlib import Path

import mutate
import pytest
from bugs import BUGS, Bug


def test_every_bug_can_still_be_put_in() -> None:
    assert [] == list(mutate.problems(BUGS))


def test_a_text_that_is_not_there_once_is_an_error_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "kubectl_canary").mkdir()
    (tmp_path / "kubectl_canary/a.py").write_text("once twice twice")
    for text, becomes, problem in (
        ("twice", "x", "a.py: b: the text is found 2 times"),
        ("never", "x", "a.py: b: the text is found 0 times"),
        ("once", "once", "a.py: b: this changes nothing"),
    ):
        assert [problem] == list(mutate.problems([Bug("b", "a.py", text, becomes, "")], tmp_path))
    two = [Bug("b", "a.py", "once", "x", "test_none")] * 2
    assert {"a.py: b: the name stands twice", "a.py: b: there is no tests/test_none.py"} == set(
        mutate.problems(two, tmp_path)
    )


@pytest.mark.parametrize(("reason", "code"), [("", 1), ("equivalent", 0)])
def test_a_survivor_needs_a_reason(capsys: pytest.CaptureFixture[str], reason: str, code: int) -> None:
    outcome = mutate.Outcome(Bug("b", "a.py", "1", "2", "", reason), "survived", "", 1.0)
    assert code == mutate.report([outcome])
    assert f"survived: a.py: b: {reason or 'WITHOUT A REASON'}" in capsys.readouterr().out


def test_bugs_are_chosen_by_file_or_name() -> None:
    bugs = [Bug("one", "a.py", "", "", ""), Bug("two", "b.py", "", "", "")]
    assert ["one", "two"] == [bug.name for bug in mutate.chosen(bugs, [])]
    assert ["two"] == [bug.name for bug in mutate.chosen(bugs, ["b.py"])]
    assert ["one"] == [bug.name for bug in mutate.chosen(bugs, ["one"])]
