"""A value written into a text: it reads as exactly that value, and no line changes that need not."""

from __future__ import annotations

import copy
import difflib
import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_canary.api.equality import identical
from kubectl_canary.errors import Refused
from kubectl_canary.reading import yamltext
from kubectl_canary.reading.alignment import aligned
from kubectl_canary.reading.splice import spliced

Change = Callable[[Any], Any]


def value_of(text: str, number: int = 0) -> Any:
    """A document's value, in which nothing is shared."""
    return _unshared(yamltext.read(text, "text")[number].value)


def _unshared(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unshared(child) for key, child in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def edited(text: str, change: Change, number: int = 0) -> str:
    after = value_of(text, number)
    change(after)
    return spliced(text, after, "k8s/route.yaml", number)


def put(*path: Any, to: Any) -> Change:
    def change(value: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        if isinstance(value, list) and path[-1] == len(value):
            value.append(to)
        else:
            value[path[-1]] = to

    return change


def gone(*path: Any) -> Change:
    def change(value: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        del value[path[-1]]

    return change


def before(*path: Any, item: Any) -> Change:
    def change(value: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        value.insert(path[-1], item)

    return change


# a text, what changes, and the text that comes out
TABLE: dict[str, tuple[str, Change, str]] = {
    "a number keeps its comment": (
        "a:\n  weight: 5   # five\n",
        put("a", "weight", to=10),
        "a:\n  weight: 10   # five\n",
    ),
    "a comment above what goes is no line of the text that comes": (
        "a:\n    # first\n    - x\n",
        put("a", to={"b": "two\nlines\n"}),
        "a:\n    # first\n  b: |\n    two\n    lines\n",
    ),
    "double quotes stay": ('a: "x" # c\n', put("a", to="on"), 'a: "on" # c\n'),
    "single quotes stay": ("a: 'x'\n", put("a", to="it's"), "a: 'it''s'\n"),
    "what plain text would not be is quoted": ("a: x\n", put("a", to="on"), 'a: "on"\n'),
    "single quotes cannot hold a tab": ("a: 'x'\n", put("a", to="x\ty"), 'a: "x\\ty"\n'),
    "nothing becomes a value": ("a:\nb: 1\n", put("a", to=2), "a: 2\nb: 1\n"),
    "nothing becomes a list": ("a: # c\nb: 1\n", put("a", to=[1]), "a: # c\n  - 1\nb: 1\n"),
    "an item that is nothing": ("a:\n-\n- 1\n", put("a", 0, to=2), "a:\n- 2\n- 1\n"),
    "a key comes last, in the indentation of the others": (
        "metadata:\n    name: x\n    # why\nspec: 1\n",
        put("metadata", "labels", to={"a": "b"}),
        "metadata:\n    name: x\n    labels:\n        a: b\n    # why\nspec: 1\n",
    ),
    "a list comes as others stand": (
        "a:\n- 1\nb: 2\n",
        put("c", to=[{"x": [1]}]),
        "a:\n- 1\nb: 2\nc:\n- x:\n  - 1\n",
    ),
    "a key goes with its comments": (
        "a: 1\n\n# of b\n# too\nb:\n  c: 1\n  # inside\n# of d\nd: 2\n",
        gone("b"),
        "a: 1\n\n# of d\nd: 2\n",
    ),
    "a comment above that stands elsewhere is not of the key": (
        "a:\n  x: 1\n  # inside\nb: 2\n",
        gone("b"),
        "a:\n  x: 1\n  # inside\n",
    ),
    "a comment above a space is not of the key": ("a: 1\n# apart\n\nb: 2\n", gone("b"), "a: 1\n# apart\n\n"),
    "the only key": ("a:\n  b: 1\nc: 2\n", gone("a", "b"), "a: {}\nc: 2\n"),
    "the only item": ("a: # list\n  - 1\nc: 2\n", gone("a", 0), "a: [] # list\nc: 2\n"),
    "a key beside its dash": (
        "- name: x\n  port: 1\n".join(["a:\n", ""]),
        gone("a", 0, "name"),
        "a:\n- port: 1\n",
    ),
    "a key beside its dash, with comments of the next": (
        "a:\n- name: x\n  # port\n  port: 1\n",
        gone("a", 0, "name"),
        "a:\n-\n  # port\n  port: 1\n",
    ),
    "all keys beside a dash": ("a:\n- b: 1\n- c: 2\n", put("a", 0, to={"x": 3}), "a:\n- x: 3\n- c: 2\n"),
    "an item before the first, and its comment": (
        "rules:\n  # main\n  - name: x # x\n    b: 1\n",
        before("rules", 0, item={"name": "new"}),
        "rules:\n  - name: new\n  # main\n  - name: x # x\n    b: 1\n",
    ),
    "an item in the midst": (
        "rules:\n- name: a\n\n# of b\n- name: b\n",
        before("rules", 1, item={"name": "new", "c": [1]}),
        "rules:\n- name: a\n- name: new\n  c:\n  - 1\n\n# of b\n- name: b\n",
    ),
    "an item goes with its comment": (
        "rules:\n# of a\n- name: a\n# of b\n- name: b\n",
        gone("rules", 0),
        "rules:\n# of b\n- name: b\n",
    ),
    "an item among flow mappings is one": (
        "refs:\n- {name: a, port: 80}\n",
        put("refs", 1, to={"name": "b", "port": 80}),
        "refs:\n- {name: a, port: 80}\n- {name: b, port: 80}\n",
    ),
    "flow": (
        "a: {name: x, w: [1, 2]} # c\n",
        put("a", "w", to=[1, 2, 3]),
        "a: {name: x, w: [1, 2, 3]} # c\n",
    ),
    "flow, first": ("a: [1, 2]\n", before("a", 0, item=0), "a: [0, 1, 2]\n"),
    "flow, one goes": ("a: {b: 1, c: 2, d: 3}\n", gone("a", "c"), "a: {b: 1, d: 3}\n"),
    "flow, the last goes": ("a: {b: 1, c: 2, d: 3}\n", gone("a", "d"), "a: {b: 1, c: 2}\n"),
    "flow in quotes": ('a: {"b": 1}\n', put("a", "c", to="x"), 'a: {"b": 1, "c": "x"}\n'),
    "an empty flow mapping": ("a: {} # c\nb: 1\n", put("a", "x", to=1), "a: # c\n  x: 1\nb: 1\n"),
    "nothing within flow": ("a: {b: , c: 1}\n", put("a", "b", to="x"), "a: {b: x , c: 1}\n"),
    "JSON": (
        '{\n  "a": {\n    "b": 1\n  }\n}\n',
        put("a", "c", to="x"),
        '{\n  "a": {\n    "b": 1,\n    "c": "x"\n  }\n}\n',
    ),
    "JSON in one line": ('{"a":1,"b":2}', put("c", to=3), '{"a":1,"b":2,"c": 3}'),
    "line ends of Windows": (
        "a:\r\n  b: 1\r\nc: 2\r\n",
        put("a", "d", to={"x": 1}),
        "a:\r\n  b: 1\r\n  d:\r\n    x: 1\r\nc: 2\r\n",
    ),
    "no line end at the end": ("a:\n  b: 1", put("a", "c", to=2), "a:\n  b: 1\n  c: 2"),
    "no line end after what goes": ("a: 1\nb: 2", gone("b"), "a: 1"),
    "an alias becomes a value of its own": ("a: &x {b: 1}\nc: *x\n", put("c", to=5), "a: &x {b: 1}\nc: 5\n"),
    "an alias changes within": (
        "a: &x {b: 1}\nc: *x # c\n",
        put("c", "b", to=2),
        "a: &x {b: 1}\nc: # c\n  b: 2\n",
    ),
    "an anchor that nobody names": ("a: &x 1\n", put("a", to=2), "a: &x 2\n"),
    "a merged key is written over": (
        "a: &x\n  b: 1\nc:\n  <<: *x\n  d: 2\n",
        put("c", "b", to=3),
        "a: &x\n  b: 1\nc:\n  <<: *x\n  d: 2\n  b: 3\n",
    ),
    "a tag goes": ("a: !!str 5\n", put("a", to=6), "a: 6\n"),
    "text of several lines": ("a: |\n  x\n  y\nb: 1\n", put("a", to="x\nz\n"), "a: |\n  x\n  z\nb: 1\n"),
    "text of several lines becomes one": ("a: >-\n  x\n  y\n# b\nb: 1\n", put("a", to="z"), "a: z\n# b\nb: 1\n"),
    "a key after text of several lines": ("a:\n  b: |\n    x\n", put("a", "c", to=1), "a:\n  b: |\n    x\n  c: 1\n"),
    "what comes after a text with empty lines at its end": (
        "a:\n- b: |+\n    x\n\n- c: 1\n",
        put("a", 0, "d", to=1),
        "a:\n- b: |+\n    x\n\n  d: 1\n- c: 1\n",
    ),
    "a text with empty lines at its end goes": ("a: |+\n  x\n\n\nb: 1\n", gone("a"), "b: 1\n"),
    "an item that is named otherwise": (
        "a:\n- name: x # c\n  b: 1\n- name: y\n  c: 2\n",
        put("a", 0, "name", to="z"),
        "a:\n- name: z # c\n  b: 1\n- name: y\n  c: 2\n",
    ),
    "an item in the place of another": (
        "a:\n# x\n- name: x\n  b: 1\n- name: y\n",
        put("a", 0, to={"name": "z", "c": 1}),
        "a:\n- name: z\n  c: 1\n- name: y\n",
    ),
    "an item becomes text of several lines": ("a:\n- 1 # one\n", put("a", 0, to="x\ny\n"), "a:\n- | # one\n  x\n  y\n"),
    "a list becomes text of several lines": (
        "a: # list\n  # one\n  - 1\nb: 1\n",
        put("a", to="x\ny\n"),
        "a: | # list\n  x\n  y\nb: 1\n",
    ),
    "a text with empty lines at its end becomes a scalar": ("a: |+\n  x\n\nb: 1\n", put("a", to=5), "a: 5\n\nb: 1\n"),
    "a text with empty lines at its end becomes a list": ("a: |+\n  x\n\nb: 1\n", put("a", to=[5]), "a:\n  - 5\n\nb: 1\n"),
    "a mapping becomes a scalar": ("a: # c\n  b: 1\n  c: 2\nd: 1\n", put("a", to=5), "a: 5 # c\nd: 1\n"),
    "a mapping becomes a list": ("a: # c\n  b: 1\nd: 1\n", put("a", to=[5]), "a: # c\n  - 5\nd: 1\n"),
    "a list becomes a mapping": ("a:\n- 1\nd: 1\n", put("a", to={"b": 1}), "a:\n  b: 1\nd: 1\n"),
    "a list in a list": ("a:\n- - 1\n  - 2\n", before("a", 0, 0, item=0), "a:\n- - 0\n  - 1\n  - 2\n"),
    "an item becomes a mapping": ("a:\n- 1\n- 2\n", put("a", 0, to={"b": {"c": 1}}), "a:\n- b:\n    c: 1\n- 2\n"),
    "lines of a quoted text are no comments": (
        'a: "x\n# y"\nb: 1\n',
        gone("b"),
        'a: "x\n# y"\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_only_what_must_change_does(name: str) -> None:
    text, change, wanted = TABLE[name]
    assert edited(text, change) == wanted


@pytest.mark.parametrize(
    ("text", "change", "place"),
    [
        ("a: &x {b: 1}\nc: *x\n", put("a", "b", to=2), "k8s/route.yaml:1:4"),
        ("a: &x\n  b: 1\nc: {<<: *x}\n", put("a", "d", to=2), "k8s/route.yaml:1:4"),
        ("z: 1\na:\n  b: &x 1\nc: *x\n", gone("a"), "k8s/route.yaml:3:6"),
        ("z: 1\na:\n  b: &x 1\nc: *x\n", put("a", to=3), "k8s/route.yaml:3:6"),
        ("a: &x {b: 1}\nc: {<<: *x, d: 1}\n", gone("c", "b"), "k8s/route.yaml:1:1"),
        ("? a\n: 1\n", put("b", to=2), "k8s/route.yaml:1:1"),
        ("- 1\n", put(0, to=2), "k8s/route.yaml:1:1"),
    ],
)
def test_what_cannot_be_spliced_is_refused_at_its_place(text: str, change: Change, place: str) -> None:
    with pytest.raises(Refused) as refused:
        edited(text, change)
    (finding,) = refused.value.findings
    assert str(finding.where) == place
    assert finding.hint


def test_another_document_of_the_file_stays() -> None:
    text = "# one\na: 1\n---\n# two\na: 1 # x\n...\n---\na: 3\n"
    assert edited(text, put("a", to=2), 1) == text.replace("a: 1 # x", "a: 2 # x")


def test_objects_of_json_in_a_row() -> None:
    text = '{"a": 1}\n{"a": 2}\n'
    assert edited(text, put("a", to=3)) == '{"a": 3}\n{"a": 2}\n'
    with pytest.raises(Refused):  # YAML reads the first one alone
        edited(text, put("a", to=3), 1)


def test_items_are_told_by_equality_and_name_and_likeness() -> None:
    a, b, nameless = {"name": "a", "w": 1}, {"name": "b"}, {"matches": [1], "x": 1}
    assert aligned([a, b], [b, {"name": "a"}]) == [(1, 0)]
    assert aligned([a, nameless, b], [{"name": "a", "w": 2}, {"n": 1}, {"matches": [1], "x": 2}, b]) == [
        (0, 0), (1, 2), (2, 3),
    ]  # fmt: skip
    assert aligned([1, 2], [1, 3, 2]) == [(0, 0), (1, 2)]
    for other in ({"name": "b"}, {}):
        assert aligned([{"name": "a"}], [other]) == [(0, 0)]
    crossing = [{"m": 1, "k": 2, "x": 2}, {"name": "a", "x": 2}]
    assert aligned([{"name": "a", "x": 1}, {"m": 1, "k": 2, "x": 1}], crossing) == [(0, 1)]


# --- a corpus: what lies in the repository, in more than one style ------------------

FOLDERS = ("tests/cases", "tests/manifests", "examples", "contrib", "docs")


def _is_plain_yaml(text: str) -> bool:
    try:
        return all(isinstance(document.value, dict) for document in yamltext.read(text, "text"))
    except Refused:
        return False


def _files() -> Iterator[tuple[str, str]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            if text.strip() and _is_plain_yaml(text):
                yield str(path.relative_to(ROOT)), text


FILES = dict(_files())


def test_the_corpus_is_large() -> None:
    assert len(FILES) >= 200


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path of a value, but its own."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def changed_lines(text: str, new: str) -> tuple[list[str], list[str]]:
    """The lines that go and those that come."""
    old_lines, new_lines = text.splitlines(), new.splitlines()
    went, came = [], []
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind != "equal":
            went += old_lines[start:end]
            came += new_lines[new_start:new_end]
    return went, came


def styled(text: str, number: int) -> str:
    """The same text as others write it: as it is, with line ends of Windows, without the last, with comments."""
    if number % 4 == 1:
        return text.replace("\n", "\r\n")
    if number % 4 == 2:
        return text.removesuffix("\n")
    return text


@pytest.fixture
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is read again is the same documents: here nobody changes them."""
    monkeypatch.setattr(yamltext, "read", functools.lru_cache(maxsize=4)(yamltext.read))


@pytest.mark.usefixtures("read_once")
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_corpus_changes_in_its_place(name: str) -> None:
    chosen = random.Random(name)
    text = styled(FILES[name], list(FILES).index(name))
    count = len(yamltext.read(text, "text"))
    for number in chosen.sample(range(count), min(2, count)):
        value = value_of(text, number)
        for path in chosen.sample(sorted(places(value), key=str), min(4, len(list(places(value))))):
            _check_scalar(text, number, value, path)
            _check_gone(text, number, value, path)
            _check_added(text, number, value, path)


def _spliced(text: str, number: int, after: Any) -> str:
    new = spliced(text, after, "text", number)
    values = _values(text)
    assert identical(_values(new), [*values[:number], after, *values[number + 1 :]])
    return new


def _values(text: str) -> list[Any]:
    return [document.value for document in yamltext.read(text, "text")]


def _check_scalar(text: str, number: int, value: Any, path: tuple[Any, ...]) -> None:
    old = at(value, path)
    if isinstance(old, dict | list) or "\n" in str(old):
        return
    after = copy.deepcopy(value)
    put(*path, to=old + 1 if type(old) is int else "changed")(after)
    old_lines, new_lines = text.splitlines(), _spliced(text, number, after).splitlines()
    if len(old_lines) == len(new_lines):  # folded texts have several
        assert sum(left != right for left, right in zip(old_lines, new_lines, strict=True)) == 1
    else:
        assert len(new_lines) < len(old_lines)


def _check_gone(text: str, number: int, value: Any, path: tuple[Any, ...]) -> None:
    after = copy.deepcopy(value)
    gone(*path)(after)
    if not after:
        return
    went, came = changed_lines(text, _spliced(text, number, after))
    assert len(came) <= 1  # `[]`, the dash of the next key, or what stays between braces
    assert len(went) <= len(came) + yamltext.block({"": at(value, path)}, 0).count("\n") + 12


def _check_added(text: str, number: int, value: Any, path: tuple[Any, ...]) -> None:
    after, holder = copy.deepcopy(value), at(value, path)
    if isinstance(holder, dict) and holder:
        put(*path, "added", to={"x": ["y"]})(after)
    elif isinstance(holder, list) and holder:
        before(*path, 0, item={"name": "added"})(after)
    else:
        return
    went, came = changed_lines(text, _spliced(text, number, after))
    assert len(went) <= 1
    assert len(came) <= len(went) + 3


# --- texts that somebody could write -----------------------------------------------

WORDS = st.sampled_from(
    ["a", "b", "name", "on", "x y", "80", "it's", 'say "hi"', "#no", "", "k: v", "ü", "- d"]
)
SCALARS = st.one_of(WORDS, st.integers(-3, 300), st.booleans(), st.none(), st.just("two\nlines\n"))
KEYS = st.sampled_from(["a", "b", "c", "name", "ports", "on", "x/y"])
VALUES = st.recursive(
    SCALARS,
    lambda child: st.lists(child, max_size=4) | st.dictionaries(KEYS, child, max_size=4),
    max_leaves=12,
)
ROOTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)


class Writer:
    """A value as YAML, each time in other styles, with a comment of its own at every entry."""

    def __init__(self, chosen: random.Random) -> None:
        self.chosen = chosen
        self.step, self.dash = chosen.choice([(2, 0), (2, 2), (4, 0), (4, 4), (3, 2)])
        self.comments: dict[tuple[Any, ...], str] = {}

    def write(self, value: Any) -> str:
        text = "".join(f"{line}\n" for line in self.lines(value, 0, ()))
        text = text if self.chosen.random() < 0.8 else text.removesuffix("\n")
        return text.replace("\n", "\r\n") if self.chosen.random() < 0.2 else text

    def lines(self, value: Any, column: int, path: tuple[Any, ...]) -> Iterator[str]:
        pad, pairs = " " * column, value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in pairs:
            here = (*path, key)
            if self.chosen.random() < 0.3:
                self.comments[here] = f"# at {here}"
                yield pad + self.comments[here]
            start = f"{pad}-" if isinstance(value, list) else f"{pad}{yamltext.scalar(key)}:"
            if not isinstance(child, dict | list) or not child or self.chosen.random() < 0.3:
                yield f"{start} {self.inline(child)}"
            elif isinstance(value, list):
                inner = list(self.lines(child, column + 2, here))
                yield from (
                    [start, *inner] if "#" in inner[0] else [f"{start} {inner[0].strip()}", *inner[1:]]
                )
            else:
                yield start
                yield from self.lines(
                    child, column + (self.dash if isinstance(child, list) else self.step), here
                )

    def inline(self, value: Any) -> str:
        if isinstance(value, dict):
            return (
                "{"
                + ", ".join(f"{yamltext.scalar(key)}: {self.inline(child)}" for key, child in value.items())
                + "}"
            )
        if isinstance(value, list):
            return "[" + ", ".join(map(self.inline, value)) + "]"
        if isinstance(value, str) and "\n" not in value and self.chosen.random() < 0.4:
            return "'" + value.replace("'", "''") + "'"
        return yamltext.scalar(value)


@settings(max_examples=600, deadline=None)
@given(value=ROOTS, after=ROOTS, share=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_any_value_is_written_into_any_text(value: Any, after: Any, share: float, seed: int) -> None:
    chosen = random.Random(seed)
    writer = Writer(chosen)
    text = writer.write(value)
    assert identical(value_of(text), value)
    wanted = _mixed(value, after, chosen, share)
    new = spliced(text, wanted)
    assert identical(value_of(new), wanted)
    assert spliced(text, value) == text
    for path, comment in writer.comments.items():
        if _stays(value, wanted, path):
            assert comment in new
    assert ("\r\n" in text) or "\r\n" not in new


def _mixed(old: Any, new: Any, chosen: random.Random, share: float) -> Any:
    """Parts of both."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [key for key in dict.fromkeys([*old, *new]) if chosen.random() < 0.85] or [*old]
        return {
            key: _mixed(old[key], new[key], chosen, share)
            if key in old and key in new
            else {**new, **old}[key]
            for key in keys
        }
    if isinstance(old, list) and old and chosen.random() < 0.7:
        mixed = [item for item in old if chosen.random() < 0.8]
        mixed.insert(chosen.randint(0, len(mixed)), chosen.choice(["new", {"name": "new", "ports": [1]}]))
        return mixed
    return old if chosen.random() < share else new


def _stays(old: Any, new: Any, path: tuple[Any, ...]) -> bool:
    """Whether an entry of mappings is in both, and is a mapping or the same in both."""
    for part in path:
        if not isinstance(old, dict) or not isinstance(new, dict) or part not in new:
            return False
        old, new = old[part], new[part]
    return identical(old, new)
