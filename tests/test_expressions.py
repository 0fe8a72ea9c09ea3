"""An expression that is compiled late is the one that would have been compiled at once."""

from __future__ import annotations

import copy
import re

import pytest

from kubectl_canary.expressions import _Pending, compiled_late, regex


def test_it_is_compiled_when_it_is_asked_and_not_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def compile_it(text: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append(text)
        return re.compile(text, flags)

    monkeypatch.setattr("kubectl_canary.expressions._compile", compile_it)
    word = regex("[A-Z]+", re.IGNORECASE)
    assert not compiled
    assert [bool(word.match(text)) for text in ("a", "B", "1")] == [True, True, False]
    assert len(compiled) == 1
    assert (word.sub("-", "a1b"), word.pattern, word.flags & re.IGNORECASE) == (
        "-1-",
        "[A-Z]+",
        re.IGNORECASE,
    )


def test_what_is_wrong_is_raised_when_it_is_asked() -> None:
    broken = regex("(")
    with pytest.raises(re.error):
        broken.match("(")


def test_what_is_imported_meanwhile_is_late_and_nothing_afterwards() -> None:
    with pytest.raises(ValueError, match="no module"), compiled_late():
        late = re.compile(pattern="a+")
        assert re.compile(re.compile(b"a")).match(b"a")
        raise ValueError("no module")
    assert isinstance(late, _Pending)
    assert late.fullmatch("aa")
    assert isinstance(re.compile("a+"), re.Pattern)


def test_a_copy_is_another_one() -> None:
    assert copy.copy(regex("a+")).fullmatch("aa")
