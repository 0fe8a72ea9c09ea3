"""What follows a flag is the same without click as with it, and wherever that is not plain click is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import SEED

from kubectl_canary import click_group, completing
from kubectl_canary.commands.parameters import Parameter
from kubectl_canary.verbs import VERBS, verb_called

FILE = ("-f", str(SEED))


def flags() -> Iterator[tuple[str, str, Parameter]]:
    """Every flag of every verb that has a value."""
    for verb in VERBS:
        for known in verb_called(verb).parameters:
            for name in known.names:
                if not known.is_flag:
                    yield verb, name, known


CASES = [pytest.param(*case, id=f"{case[0]}{case[1]}") for case in flags()]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster is asked."""
    monkeypatch.setenv("KUBECONFIG", "/dev/null")
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.mark.parametrize(("verb", "name", "known"), CASES)
@pytest.mark.parametrize("incomplete", ["", "5", "s"])
def test_what_follows_a_flag_is_what_click_says(
    verb: str, name: str, known: Parameter, incomplete: str
) -> None:
    files = FILE if any("-f" in each.names for each in verb_called(verb).parameters) else ()
    found = completing._value([verb, *files, name], incomplete)
    assert (found is None) is (known.candidates is None)
    if found is not None:
        assert (found, False) == click_group.following([verb, *files, name], incomplete)


def test_phases_are_found_without_click() -> None:
    found = completing._value(["render", *FILE, "--set", "spec.phases=[5%]", "--phase"], "")
    assert found is not None
    assert ["before", "deploy", "5%"] == [name for name, _ in found][:3]
    assert ["deploy"] == [name for name, _ in completing._value(["render", *FILE, "--phase"], "de") or ()]


@pytest.mark.parametrize(
    ("before", "incomplete"),
    [
        ([], ""),
        (["--phase"], ""),
        (["render"], "--ph"),
        (["render"], ""),
        (["render", *FILE], ""),
        (["nothing", "--phase"], ""),
        (["render", "--no-such-flag", "--phase"], ""),
        (["render", "--phase"], "-"),
        (["render", "--phase", "5%"], ""),
        (["render", "--", "--phase"], ""),
        (["render", "-f", "--phase"], ""),
        (["render", "--all"], ""),
        (["render", "extra", "--phase"], ""),
    ],
)
def test_click_is_asked_where_it_is_not_plain(before: list[str], incomplete: str) -> None:
    assert completing._value(before, incomplete) is None


def test_what_cannot_be_read_has_nothing_to_follow(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == completing.complete(["render", "-f", "/nowhere/canary.yaml", "--phase", ""])
    assert f":{completing.DIRECTIVE_NO_FILES}\n" == capsys.readouterr().out
