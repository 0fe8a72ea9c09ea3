"""What a verb takes, said once: a command line that is right is read here, and click is told for all others.

To import click takes longer than most verbs take to read a release. It answers whatever is asked of it: help, what is
wrong with a line, and what may follow while the user types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from kubectl_canary.errors import CanaryError
from kubectl_canary.records import dataclass

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]
# the values typed so far → what may stand there, each with a text
Candidates = Callable[[dict[str, Any]], Iterable[tuple[str, str]]]
FLAG, MANY = "flag", "many"


@dataclass(frozen=True)
class Parameter:
    """A flag or an argument, and the field that it fills.

    `names` are as they are typed, none of an argument. `is_flag` says that no value follows, `multiple` that there may
    be several. A value is one of `choices`, a whole number from `least` to `most`, or any text; `alone` is that of a
    flag after which none stands. `candidates` may stand there; `takes_files` is left to the shell.
    """

    field: str
    names: tuple[str, ...] = ()
    help: str = ""
    metavar: str | None = None
    default: Any = None
    show_default: bool = False
    is_flag: bool = False
    multiple: bool = False
    required: bool = False
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    alone: str | None = None
    candidates: Candidates | None = None
    takes_files: bool = False

    def __post_init__(self) -> None:
        """Raises TypeError for a number without bounds: it would be any text."""
        if self.least is None and isinstance(self.default, int):
            raise TypeError(f"{self.field}: a number needs `least`")

    @property
    def otherwise(self) -> Any:
        """Its value where it is not typed."""
        if self.is_flag:
            return False
        return tuple(self.default or ()) if self.multiple else self.default

    def value(self, text: str) -> Any:
        """The value of a text. Raises ValueError where it has none, or click alone knows."""
        if self.least is not None:
            if not (text.isascii() and text.isdigit()):
                raise ValueError(text)
            number = int(text)
            if number < self.least or (self.most is not None and number > self.most):
                raise ValueError(text)
            return number
        if self.choices and text not in self.choices:
            raise ValueError(text)
        return text


def option(*names: str, **properties: Any) -> Decorator:
    """A flag, as `-f`, `--filename`; the last name without dashes, or the longest one, is that of its field."""
    field = next(
        (name for name in names if not name.startswith("-")), names[-1].lstrip("-").replace("-", "_")
    )
    typed = tuple(name for name in names if name.startswith("-"))
    return _taking(Parameter(field, typed, **properties))


def argument(field: str, **properties: Any) -> Decorator:
    """An argument."""
    return _taking(Parameter(field, **properties))


def _taking(parameter: Parameter) -> Decorator:
    def decorate(function: Function) -> Function:
        function.__dict__.setdefault("parameters", []).insert(0, parameter)
        return function

    return decorate


def typed(parameters: Sequence[Parameter], words: Sequence[str]) -> dict[str, Any] | None:
    """The values that a command line gives, by field; None where it is not plainly right, which click looks at.

    It is read as click reads it: flags and arguments in any order, `--` before arguments alone.
    """
    values = given(parameters, words)
    if values is None or any(known.required and known.field not in values for known in parameters):
        return None
    return values


def given(parameters: Sequence[Parameter], words: Sequence[str]) -> dict[str, Any] | None:
    """The same of a command line that may go on."""
    options = {name: known for known in parameters for name in known.names}
    values: dict[str, Any] = {}
    rest: list[str] = []
    try:
        for known, text in _told(iter(words), options):
            if known is None:
                rest.append(text)
            elif known.multiple:
                values[known.field] = (*values.get(known.field, ()), known.value(text))
            else:
                values[known.field] = True if known.is_flag else known.value(text)
        values |= _arguments([known for known in parameters if not known.names], rest)
    except (ValueError, KeyError):
        return None
    return values


def candidates(known: Parameter, typed: dict[str, Any], incomplete: str) -> list[tuple[str, str]]:
    """The values of a parameter that begin so, each with a text; none where they cannot be had."""
    try:
        pairs = list(known.candidates(typed) if known.candidates else ())
    except (CanaryError, OSError):
        return []
    return [(value, text) for value, text in pairs if value.startswith(incomplete)]


def _told(words: Iterator[str], options: dict[str, Parameter]) -> Iterator[tuple[Parameter | None, str]]:
    """Each flag with its text, each argument without one.

    Raises KeyError for what is no flag, ValueError for one that has a value where it takes none, or has none.
    """
    for word in words:
        if word == "--":
            yield from ((None, rest) for rest in words)
        elif not word.startswith("-") or word == "-":
            yield None, word
        else:
            name, text = _split(word)
            known = options[name]
            if (known.is_flag and text is not None) or (known.alone is not None and text is None):
                raise ValueError(word)
            yield known, "" if known.is_flag else _text(text, words)


def _split(word: str) -> tuple[str, str | None]:
    """A flag's name, and what is said in the same word."""
    if word.startswith("--"):
        name, equals, text = word.partition("=")
        return name, text if equals else None
    return word[:2], word[2:] or None


def _text(text: str | None, words: Iterator[str]) -> str:
    if text is not None:
        return text
    following = next(words, None)
    if following is None:
        raise ValueError("no value")
    return following


def _arguments(parameters: Sequence[Parameter], rest: Sequence[str]) -> dict[str, Any]:
    """The values of arguments, of which the last alone may be several. Raises ValueError for too many."""
    values: dict[str, Any] = {}
    left = list(rest)
    for known in parameters:
        if known.multiple and left:
            values[known.field], left = tuple(map(known.value, left)), []
        elif left:
            values[known.field] = known.value(left.pop(0))
    if left:
        raise ValueError(left)
    return values
