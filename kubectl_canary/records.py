"""Dataclasses that are made when their first instance is: a call uses half of those that it imports.

The standard library writes and compiles half a dozen functions for each, which was a third of the time of a verb. Here
`__init__` alone is compiled; the others are made of what the fields are called. Fields are still the library's.
"""

from __future__ import annotations

import dataclasses
import operator
import threading
from collections.abc import Callable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

ONE_AT_A_TIME = threading.RLock()
NOT_GIVEN = object()  # what stands for a default that a function makes
COMPARISONS = ("__lt__", "__le__", "__gt__", "__ge__")
Method = Callable[..., Any]

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        cls: type | None = None, *, frozen: bool = False, eq: bool = True, order: bool = False
    ) -> Any:
        """As `dataclasses.dataclass`; before there is an instance, the class has no fields."""
        how = _How(frozen, eq, order)
        return _pending(cls, how) if cls is not None else lambda known: _pending(known, how)


class _How:
    """What a decorator was told."""

    def __init__(self, frozen: bool, eq: bool, order: bool) -> None:
        self.frozen, self.eq, self.order = frozen, eq, order


class _Pending:
    """What stands for the `__init__` of a class until its first call."""

    def __init__(self, cls: Any, how: _How) -> None:
        self._cls, self._how = cls, how

    def __get__(self, instance: Any, owner: Any) -> Method:
        with ONE_AT_A_TIME:
            for known in reversed(owner.__mro__):
                pending = known.__dict__.get("__init__")
                if isinstance(pending, _Pending):
                    pending.make()
        initialize: Method = self._cls.__init__.__get__(instance, owner)
        return initialize

    def make(self) -> None:
        """Make the class what the standard library makes of it, `__init__` last."""
        self._cls.__doc__ = self._cls.__doc__ or self._cls.__name__  # else the library asks for its signature
        cls = dataclasses.dataclass(init=False, repr=False, eq=False)(self._cls)
        fields = dataclasses.fields(cls)
        if odd := [
            field.name for field in fields if not field.init or field.kw_only or field.hash is not None
        ]:
            raise TypeError(
                f"{cls.__qualname__}: {', '.join(odd)}: only the standard library makes such fields"
            )
        for name, method in _methods(cls, fields, self._how).items():
            if cls.__dict__.get(name) is None:  # else it has one of its own
                setattr(cls, name, method)
        cls.__init__ = _initializer(cls, fields, self._how.frozen)


def _pending(cls: Any, how: _How) -> Any:
    if "__init__" in cls.__dict__:
        raise TypeError(f"{cls.__qualname__} has an `__init__` of its own")
    cls.__init__ = _Pending(cls, how)
    return cls


def _methods(cls: Any, fields: tuple[dataclasses.Field[Any], ...], how: _How) -> dict[str, Method | None]:
    """The methods of a class beside `__init__`; None where it has none, as what may change has no hash."""
    compared = _values([field.name for field in fields if field.compare])
    made: dict[str, Method | None] = {
        "__repr__": _representer([field.name for field in fields if field.repr])
    }
    if how.eq:
        made["__eq__"] = _comparer(operator.eq, compared)
        made["__hash__"] = (lambda self: hash(compared(self))) if how.frozen else None
    if how.order:
        made |= {name: _comparer(getattr(operator, name), compared) for name in COMPARISONS}
    if how.frozen:
        made |= _refusers(cls, frozenset(field.name for field in fields))
    return made


def _values(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What answers with the values of some fields."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda instance: tuple(getattr(instance, name) for name in names)


def _representer(names: list[str]) -> Method:
    @recursive_repr()
    def represent(self: Any) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({values})"

    return represent


def _comparer(compare: Callable[[Any, Any], bool], values: Callable[[Any], tuple[Any, ...]]) -> Method:
    def method(self: Any, other: Any) -> Any:
        return compare(values(self), values(other)) if other.__class__ is self.__class__ else NotImplemented

    return method


def _refusers(cls: Any, names: frozenset[str]) -> dict[str, Method]:
    """What refuses to set and to delete the fields of a class, and anything of its own instances."""

    def refuse(act: str, self: Any, name: str) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot {act} field {name!r}")

    def set_attribute(self: Any, name: str, value: Any) -> None:
        refuse("assign to", self, name)
        super(cls, self).__setattr__(name, value)

    def delete_attribute(self: Any, name: str) -> None:
        refuse("delete", self, name)
        super(cls, self).__delattr__(name)

    return {"__setattr__": set_attribute, "__delattr__": delete_attribute}


def _initializer(cls: Any, fields: tuple[dataclasses.Field[Any], ...], frozen: bool) -> Method:
    """The `__init__` of a class, compiled: it runs for each instance, and Python says what is missing."""
    known: dict[str, Any] = {"NOT_GIVEN": NOT_GIVEN, "_put": object.__setattr__}
    parameters, lines = ["self"], []
    for field in fields:
        name = value = field.name
        if field.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = field.default_factory
            parameters.append(f"{name}=NOT_GIVEN")
            value = f"_make_{name}() if {name} is NOT_GIVEN else {name}"
        elif field.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = field.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f" _put(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    lines.append(" self.__post_init__()" if hasattr(cls, "__post_init__") else " return")
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines), known)  # noqa: S102  of identifiers alone
    initialize: Method = known["__init__"]
    initialize.__qualname__ = f"{cls.__qualname__}.__init__"
    return initialize
