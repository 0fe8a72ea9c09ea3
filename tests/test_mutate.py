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


def test_a_test_that_fails_without_a_bug_stops_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kill by such a test would prove nothing. Each file is run once, whatever many bugs name it."""
    ran: list[str] = []

    def tested(files: list[str], tree: Path, with_cluster: bool) -> tuple[int, str]:
        ran.extend(files)
        return (1, "FAILED tests/test_ways.py::test_x - boo") if files == ["test_ways.py"] else (0, "")

    monkeypatch.setattr(mutate, "tested", tested)
    monkeypatch.setattr(mutate, "attempts", lambda *_: pytest.fail("a bug was put in"))
    assert 2 == mutate.main(["ways.py", "shares.py"])
    said = capsys.readouterr().err
    assert "tests/test_ways.py fails without a bug: FAILED tests/test_ways.py::test_x\n" == said
    assert len(set(ran)) == len(ran)
    assert {"test_ways.py", "test_shares.py"} < set(ran)


def test_the_tests_are_really_run_without_a_bug(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    for name, body in (("good", "assert True"), ("bad", "assert False"), ("none", "")):
        (tmp_path / f"tests/test_{name}.py").write_text(f"def test_{name}():\n    {body}\n" if body else "")
    (tmp_path / "tests/conftest.py").write_text(
        "from hypothesis import settings\nsettings.register_profile('mutants')\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = cluster\n")
    bug = Bug("b", "a.py", "1", "2", "test_good test_bad test_none")
    assert ["tests/test_bad.py fails without a bug: FAILED tests/test_bad.py::test_bad"] == list(
        mutate.failures_without_a_bug([bug], tmp_path, with_cluster=False)
    )
