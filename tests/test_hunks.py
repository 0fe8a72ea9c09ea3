"""What we have written into a text is taken out again, whatever others have written beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.reading import hunks
from kubectl_canary.reading.hunks import Clash

KEPT, REPLACED, ADDED, TAKEN = "kept", "replaced", "added", "taken"
Step = tuple[str, str]
# where we have taken a line out, nothing tells whether others write before or after it
STEP = st.tuples(st.sampled_from((KEPT, REPLACED, ADDED)), st.sampled_from(("", "before", "drop"))) | st.just(
    (TAKEN, "")
)
STEPS = st.lists(STEP)


def texts(steps: list[Step]) -> tuple[str, str, str, str]:
    """A text, what we make of it, what others make of that, and what they would have made of the first."""
    before, made, now, wanted = [], [], [], []
    for number, (ours, theirs) in enumerate(steps):
        old, new, mine = f"old {number}\n", f"new {number}\n", f"mine {number}\n"
        is_dropped = theirs == "drop" and ours == KEPT
        if theirs == "before":
            now.append(mine)
            wanted.append(mine)
        if ours != ADDED:
            before.append(old)
            wanted += [] if is_dropped else [old]
        line = old if ours == KEPT else new
        if ours != TAKEN:
            made.append(line)
            now += [] if is_dropped else [line]
    return "".join(before), "".join(made), "".join(now), "".join(wanted)


@given(STEPS)
def test_edits_beside_hunks_stay(steps: list[Step]) -> None:
    # lines that others write between two of ours that stand together are among ours
    apart = [step for known in steps for step in (known, (KEPT, ""))]
    before, made, now, wanted = texts(apart)
    assert hunks.taken_out(now, before, hunks.between(before, made)) == wanted
    assert hunks.taken_out(made, before, hunks.between(before, made)) == before


@pytest.mark.parametrize(
    ("now", "clashes"),
    [
        ("a\nX\ny\nc\n", [Clash(1, ("x",))]),
        ("a\nx\nc\n", [Clash(2, ("y",))]),
        ("a\nx\nmine\ny\nc\n", [Clash(2, ())]),
        ("a\nc\n", [Clash(1, ("x", "y"))]),
        ("mine\na\nx\nY\nmine\nc\n", [Clash(3, ("y",))]),
        ("a\nmine\nx\ny\nmine\nc\n", "a\nmine\nb\nmine\nc\n"),
        ("x\ny\n", "b\n"),
        ("a\r\nx\r\ny\r\nc\r\n", "a\r\nb\nc\r\n"),
    ],
)
def test_edits_of_a_hunk_are_clashes_at_their_lines(now: str, clashes: str | list[Clash]) -> None:
    assert hunks.taken_out(now, "a\nb\nc\n", hunks.between("a\nb\nc\n", "a\nx\ny\nc\n")) == clashes


@pytest.mark.parametrize(
    ("before", "after", "now", "line"),
    [
        ("a:\n- b\n", "a:\n- b\nc:\n- d\n", "a:\n- b\nc:\n- d\n- mine\n", 4),
        ("a:\n  b: 1\n", "a:\n  b: 1\nc:\n  d: 1\n", "a:\n  b: 1\nc:\n  d: 1\n  # x\n\n  mine: 1\n", 6),
        ("- a: 1\n", "- a: 1\n- b: 1\n", "- a: 1\n- b: 1\n  mine: 1\n", 2),
        ("a:\n  - b\n", "a:\n  - b\n  - c:\n", "a:\n  - b\n  - c:\n    - mine\n", 3),
        ("a:\n  b: 1\n", "c:\n  b: 1\n", "c:\n  b: 1\n  mine: 1\n", 2),
        ("- a: 1\n", "- a: 1\n- b: 1\n", "- a: 1\n- b: 1\n- mine: 1\n", None),
        ("a:\n  b: 1\n", "a:\n  b: 2\n", "a:\n  b: 2\n  mine: 1\n", None),
        ("a:\n- b: 1\n", "a:\n- b: 2\n", "a:\n- b: 2\nmine:\n- c\n", None),
        ("a: 1\n", "a: 1\nb:\n- c\n", "a: 1\nb:\n- c\n# mine\n", None),
    ],
)
def test_what_would_be_something_else_without_a_hunk_is_a_clash(
    before: str, after: str, now: str, line: int | None
) -> None:
    found = hunks.taken_out(now, before, hunks.between(before, after))
    if line is None:
        assert found == before + "".join(known for known in now.splitlines(True) if known not in after)
    else:
        assert found == [Clash(line)]


@pytest.mark.parametrize(
    ("block", "mine", "is_text"),
    [
        ("a: |\n  text\n", "  # mine\n", True),
        ("a: >-  # folded\n  text\n\n    more\n", "\n", True),
        ("- |\n  text\n", "# mine\n", True),
        ("a:\n  text\n", "  # mine\n", False),
        ("a: |\n  text\nb: c\n", "# mine\n", False),
        ("a: b|\n", "# mine\n", False),
    ],
)
def test_a_comment_is_no_text_of_a_block(block: str, mine: str, is_text: bool) -> None:
    after = f"{block}new: 1\nnewer: 2\n"
    found = hunks.taken_out(f"{after}{mine}", block, hunks.between(block, after))
    assert found == ([Clash(after.count("\n"))] if is_text else f"{block}{mine}")


@pytest.mark.parametrize("line", ["weight: 9 # x", "weight: '9'", "weight: 9  "])
def test_quotes_and_comments_are_no_edits_of_a_hunk(line: str) -> None:
    found = hunks.between("a: 1\n", 'a: 1\nweight: "9"\n' if "'" in line else "a: 1\nweight: 9\n")
    assert hunks.taken_out(f"a: 1\n{line}\n", "a: 1\n", found) == "a: 1\n"
    assert hunks.taken_out(f"a: 1\n  {line}\n", "a: 1\n", found) != "a: 1\n"


def test_spaces_in_braces_are_no_edits_of_a_hunk() -> None:
    found = hunks.between("a: 1\n", "a: 1\nb: {c: [d, e]}\n")
    assert hunks.taken_out("a: 1\nb: { c: [ d, e ] }\n", "a: 1\n", found) == "a: 1\n"


def test_large_texts_are_quickly_compared() -> None:
    lines = [f"{'  ' * (number % 9)}key: value\n" for number in range(20_000)]
    text = "".join(lines)
    after = "".join([*lines[:500], "new: 1\n", *lines[500:15_000], "new: 2\n", *lines[15_001:]])
    assert hunks.taken_out(f"{after}mine: 1\n", text, hunks.between(text, after)) == f"{text}mine: 1\n"


def test_a_last_line_without_an_end_gets_one_where_others_follow() -> None:
    found = hunks.between("a\nb", "a\nx")
    assert hunks.taken_out("a\nx\nmine", "a\nb", found) == "a\nb\nmine"
    assert hunks.taken_out("a\nx", "a\nb", found) == "a\nb"


def test_where_lines_were_taken_out_others_may_not_be() -> None:
    found = hunks.between("a\nb\nc\nd\n", "a\nd\n")
    assert hunks.taken_out("a\nd\nmine\n", "a\nb\nc\nd\n", found) == "a\nb\nc\nd\nmine\n"
    assert hunks.taken_out("d\n", "a\nb\nc\nd\n", found) == "b\nc\nd\n"
    assert hunks.taken_out("mine\n", "a\nb\nc\nd\n", found) == [Clash(0, ())]
    assert hunks.taken_out("mine\n", "a\nb\n", hunks.between("a\nb\n", "a\n")) == "mine\nb\n"
