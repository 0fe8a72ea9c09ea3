"""Dataclasses that are made when their first instance is: a call uses half of those that it imports.

The standard library takes up to half a millisecond for each, a third of the time in which a verb is imported.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

ONE_AT_A_TIME = threading.RLock()
NOT_COPIED = ("__init__", "__dict__", "__weakref__")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, **how: bool) -> Any:
        """As `dataclasses.dataclass`; before there is an instance, the class has no fields."""
        return _pending(cls, how) if cls is not None else lambda known: _pending(known, how)


class _Pending:
    """What stands for the `__init__` of a class until its first call."""

    def __init__(self, cls: Any, how: dict[str, bool]) -> None:
        self._cls, self._how = cls, how

    def __get__(self, instance: Any, owner: Any) -> Callable[..., None]:
        with ONE_AT_A_TIME:
            for known in reversed(owner.__mro__):
                pending = known.__dict__.get("__init__")
                if isinstance(pending, _Pending):
                    pending.make()
        initialize: Callable[..., None] = self._cls.__init__.__get__(instance, owner)
        return initialize

    def make(self) -> None:
        """Make the class what the standard library makes of one that is like it, `__init__` last."""
        namespace = {name: value for name, value in vars(self._cls).items() if name not in NOT_COPIED}
        like = type(self._cls)(self._cls.__name__, self._cls.__bases__, namespace)
        made = vars(dataclasses.dataclass(**self._how)(like))
        for name in ("__setattr__", "__delattr__"):
            for cell in getattr(made.get(name), "__closure__", None) or ():
                if cell.cell_contents is like:  # a frozen one asks whether it is of this class
                    cell.cell_contents = self._cls
        for name in set(namespace) - set(made):
            delattr(self._cls, name)
        for name, value in made.items():
            if name not in NOT_COPIED and namespace.get(name, self) is not value:
                setattr(self._cls, name, value)
        self._cls.__init__ = made["__init__"]


def _pending(cls: Any, how: dict[str, bool]) -> Any:
    cls.__init__ = _Pending(cls, how)
    return cls
