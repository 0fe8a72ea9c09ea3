"""What a translated rule calls while it is evaluated.

What fails raises CelError; where the specification says that the other operand may still decide, the error waits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from kubectl_canary.api.cel.functions import GLOBALS, METHODS
from kubectl_canary.api.cel.values import CelError, Duration, Format, equal, integer


def select(value: Any, name: str) -> Any:
    """`value.name`."""
    if not isinstance(value, dict) or name not in value:
        raise CelError(f"no such key: {name}")
    return value[name]


def has(value: Any, name: str) -> bool:
    """`has(value.name)`."""
    if not isinstance(value, dict):
        raise CelError("no such overload")
    return name in value


def index(value: Any, at: Any) -> Any:
    """`value[at]`."""
    if isinstance(value, list) and isinstance(at, int) and 0 <= at < len(value):
        return value[at]
    if isinstance(value, dict) and at in value:
        return value[at]
    raise CelError("no such key")


def boolean(value: Any) -> bool:
    """The value, which has to be true or false."""
    if not isinstance(value, bool):
        raise CelError("no such overload")
    return value


def first(decisive: bool, *operands: Callable[[], Any]) -> bool:
    """`a && b` or `a || b`: whether any operand has the decisive value; else the first error is raised."""
    return _first(operands, decisive, lambda operand: operand())


def macro(name: str, over: Any, *bodies: Callable[[Any], Any]) -> Any:
    """`over.name(variable, body…)`."""
    if not isinstance(over, list | dict):
        raise CelError("no such overload")
    return MACROS[name, len(bodies)](list(over), *bodies)


def _first(operands: Iterable[Any], decisive: bool, evaluate: Callable[[Any], Any]) -> bool:
    """Whether any operand has the decisive value; where none has it, the first error is raised."""
    failed: CelError | None = None
    for operand in operands:
        try:
            if boolean(evaluate(operand)) is decisive:
                return decisive
        except CelError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return not decisive


MACROS: dict[tuple[str, int], Callable[..., Any]] = {
    ("all", 1): lambda items, holds: _first(items, False, holds),
    ("exists", 1): lambda items, holds: _first(items, True, holds),
    ("exists_one", 1): lambda items, holds: [boolean(holds(item)) for item in items].count(True) == 1,
    ("filter", 1): lambda items, holds: [item for item in items if boolean(holds(item))],
    ("map", 1): lambda items, transform: [transform(item) for item in items],
    ("map", 2): lambda items, holds, transform: [transform(item) for item in items if boolean(holds(item))],
}


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        if _comparable(left) is not _comparable(right):
            raise CelError("no such overload")
        return compare(left, right)

    return ordered


def _comparable(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float
    if not isinstance(value, str | bool | Duration):
        raise CelError("no such overload")
    return type(value)


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def arithmetic(left: Any, right: Any) -> Any:
        if isinstance(left, Duration) and isinstance(right, Duration):
            return Duration(integer(compute(left.nanoseconds, right.nanoseconds)))
        if type(left) is not type(right) or isinstance(left, bool | dict):
            raise CelError("no such overload")
        return integer(compute(left, right))

    return arithmetic


def _divided(left: int, right: int) -> int:
    if right == 0:
        raise CelError("division by zero")
    return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)


def _contained(item: Any, container: Any) -> bool:
    if isinstance(container, dict):
        return item in container
    return any(equal(item, element) for element in container)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _contained,
    "+": _arithmetic(operator.add),
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(lambda left, right: left / right if isinstance(left, float) else _divided(left, right)),
    "%": _arithmetic(lambda left, right: left - right * _divided(left, right)),
}

# all that the text of a rule can reach
NAMES: dict[str, Any] = {
    "__builtins__": {"float": float},
    "Format": Format,
    "GLOBALS": GLOBALS,
    "METHODS": METHODS,
    "OPERATORS": OPERATORS,
    "boolean": boolean,
    "first": first,
    "has": has,
    "index": index,
    "integer": integer,
    "macro": macro,
    "select": select,
}
