"""Regular expressions that are compiled when they are first asked: a call asks a third of those that it imports."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    regex = re.compile
else:

    def regex(pattern: Any, flags: int = 0) -> Any:
        """As `re.compile`; what is wrong with the expression is raised where it is first asked."""
        return _Pending(pattern, flags) if isinstance(pattern, str) else _compile(pattern, flags)


class _Pending:
    """What stands for an expression: it has the methods of the compiled one once they were used."""

    def __init__(self, text: str, flags: int = 0) -> None:
        self._written = (text, flags)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        value = getattr(_compile(*self._written), name)
        setattr(self, name, value)
        return value


_compile = re.compile


@contextlib.contextmanager
def compiled_late() -> Iterator[None]:
    """What is imported meanwhile, in other threads too, has its expressions compiled late as well."""
    re.compile = regex
    try:
        yield
    finally:
        re.compile = _compile
