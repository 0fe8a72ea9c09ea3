"""Dataclasses that are made when their first instance is: a call uses half of those that it imports.

The standard library writes and compiles half a dozen functions for each, and imports what takes programs apart, which
was a third of the time of a verb. Here `__init__` alone is compiled, where there are many instances, and the others are
made of what the fields are called. Type checkers see the library's own.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

ONE_AT_A_TIME = threading.RLock()
MANY = 8  # instances of a class, for which its `__init__` is compiled
NOTHING = object()  # what stands for a default that is none, or that a function makes
COMPARISONS = ("__lt__", "__le__", "__gt__", "__ge__")
Method = Callable[..., Any]


class Field:
    """What `field` says of a field; its name is known once its class is made."""

    def __init__(self, default: Any, default_factory: Any, is_shown: bool, is_compared: bool) -> None:
        self.name = ""
        self.default, self.default_factory = default, default_factory
        self.is_shown, self.is_compared = is_shown, is_compared


if TYPE_CHECKING:
    from dataclasses import asdict as asdict
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:

    def dataclass(
        cls: type | None = None, *, frozen: bool = False, eq: bool = True, order: bool = False
    ) -> Any:
        """As `dataclasses.dataclass`; before there is an instance, the class has no fields."""
        how = _How(frozen, eq, order)
        return _pending(cls, how) if cls is not None else lambda known: _pending(known, how)

    def field(
        *, default: Any = NOTHING, default_factory: Any = NOTHING, repr: bool = True, compare: bool = True
    ) -> Any:
        """As `dataclasses.field`, of what is used here."""
        return Field(default, default_factory, repr, compare)

    def replace(instance: Any, /, **changes: Any) -> Any:
        """As `dataclasses.replace`: another instance, made with these values in the place of some."""
        values = {known.name: getattr(instance, known.name) for known in instance.__fields__}
        return instance.__class__(**{**values, **changes})

    def asdict(instance: Any) -> dict[str, Any]:
        """The values of an instance by name; those that are dataclasses too are mappings."""
        values = {known.name: getattr(instance, known.name) for known in instance.__fields__}
        return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__fields__") else value


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
        cls: Any = self._cls
        cls.__fields__ = fields = _fields(cls)
        for name, value in _methods(cls, fields, self._how).items():
            if cls.__dict__.get(name) is None:  # else it has one of its own
                setattr(cls, name, value)
        cls.__init__ = _first_initializer(cls, fields, self._how.frozen)


def _pending(cls: Any, how: _How) -> Any:
    if "__init__" in cls.__dict__:
        raise TypeError(f"{cls.__qualname__} has an `__init__` of its own")
    cls.__init__ = _Pending(cls, how)
    return cls


def _fields(cls: Any) -> tuple[Field, ...]:
    """The fields of a class: those that it derives, then its own in the order of their annotations, which are texts."""
    known: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        known |= {derived.name: derived for derived in base.__dict__.get("__fields__", ())}
    own = cls.__dict__.get("__annotations__", {})  # noqa: RUF063  `inspect` is what is not to be imported
    for name, annotation in own.items():
        if not annotation.startswith("ClassVar"):
            known[name] = _own_field(cls, name)
    return tuple(known.values())


def _own_field(cls: Any, name: str) -> Field:
    """A field of the class; what the class has under its name afterwards is the default."""
    value = cls.__dict__.get(name, NOTHING)
    if not isinstance(value, Field):
        value = Field(value, NOTHING, True, True)
    elif value.default is NOTHING:
        delattr(cls, name)
    else:
        setattr(cls, name, value.default)
    if type(value.default).__hash__ is None:
        raise TypeError(
            f"{cls.__qualname__}.{name}: instances would share what may change; say default_factory"
        )
    value.name = name
    return value


def _methods(cls: Any, fields: Iterable[Field], how: _How) -> dict[str, Any]:
    """What a class has beside `__init__`; None where it has none, as what may change has no hash."""
    compared = _values([known.name for known in fields if known.is_compared])
    made: dict[str, Any] = {
        "__match_args__": tuple(known.name for known in fields),
        "__repr__": _representer([known.name for known in fields if known.is_shown]),
    }
    if how.eq:
        made["__eq__"] = _comparer(operator.eq, compared)
        made["__hash__"] = (lambda self: hash(compared(self))) if how.frozen else None
    if how.order:
        made |= {name: _comparer(getattr(operator, name), compared) for name in COMPARISONS}
    if how.frozen:
        made |= _refusers(cls, frozenset(known.name for known in fields))
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
            raise AttributeError(f"cannot {act} field {name!r}")

    def set_attribute(self: Any, name: str, value: Any) -> None:
        refuse("assign to", self, name)
        super(cls, self).__setattr__(name, value)

    def delete_attribute(self: Any, name: str) -> None:
        refuse("delete", self, name)
        super(cls, self).__delattr__(name)

    return {"__setattr__": set_attribute, "__delattr__": delete_attribute}


def _first_initializer(cls: Any, fields: Iterable[Field], frozen: bool) -> Method:
    """The `__init__` of the first instances of a class: most have few, and to compile one takes as long as ten of them.

    What it cannot do, such as to say what is missing, is left to the compiled one.
    """
    names = [known.name for known in fields]
    made = 0

    def initialize(self: Any, *values: Any, **named: Any) -> None:
        nonlocal made
        made += 1
        given = {**dict(zip(names, values, strict=False)), **named}
        is_clear = made < MANY and len(given) == len(values) + len(named)
        state = _state(fields, given) if is_clear else None
        if state is None:
            cls.__init__ = _initializer(cls, fields, frozen)
            cls.__init__(self, *values, **named)
            return
        self.__dict__.update(state)
        if hasattr(cls, "__post_init__"):
            self.__post_init__()

    return initialize


def _state(fields: Iterable[Field], given: dict[str, Any]) -> dict[str, Any] | None:
    """The values of the fields, in their order; None where one is missing, or one is given that is no field."""
    state = {}
    for known in fields:
        if known.name in given:
            state[known.name] = given.pop(known.name)
        elif known.default_factory is not NOTHING:
            state[known.name] = known.default_factory()
        elif known.default is not NOTHING:
            state[known.name] = known.default
        else:
            return None
    return None if given else state


def _initializer(cls: Any, fields: Iterable[Field], frozen: bool) -> Method:
    """The `__init__` of a class, compiled: it runs for each instance, and Python says what is missing."""
    known: dict[str, Any] = {"NOTHING": NOTHING, "_put": object.__setattr__}
    parameters, lines = ["self"], []
    for each in fields:
        name = value = each.name
        if each.default_factory is not NOTHING:
            known[f"_make_{name}"] = each.default_factory
            parameters.append(f"{name}=NOTHING")
            value = f"_make_{name}() if {name} is NOTHING else {name}"
        elif each.default is not NOTHING:
            known[f"_default_{name}"] = each.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f" _put(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    lines.append(" self.__post_init__()" if hasattr(cls, "__post_init__") else " return")
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines), known)  # noqa: S102  of identifiers alone
    initialize: Method = known["__init__"]
    initialize.__qualname__ = f"{cls.__qualname__}.__init__"
    return initialize
