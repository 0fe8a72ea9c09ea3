"""Write the rules of the vendored schemas as Python functions into kubectl_canary/api/cel/compiled.py.

    python scripts/compile_rules.py

To read a rule and to translate it takes longer than to ask it of the few objects that a call has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubectl_canary.api.cel import translate
from kubectl_canary.api.cel.transition import is_transition

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "kubectl_canary/api/cel/compiled.py"
HEAD = '''\
"""The rules of the vendored schemas as functions of `self`; made from them by `python scripts/compile_rules.py`."""
# ruff: noqa  a script makes it, and nobody reads it
# fmt: off

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubectl_canary.api.cel.functions import GLOBALS, METHODS
from kubectl_canary.api.cel.runtime import OPERATORS, boolean, first, has, index, macro, select
from kubectl_canary.api.cel.values import Format, integer

RULES: dict[str, Callable[[Any], Any]] = {
'''


def compiled() -> str:
    """The module. Raises Unsupported for a rule that cannot be translated."""
    functions = (f"    {rule!r}: lambda v_self: {translate.expression(rule)},\n" for rule in rules())
    return f"{HEAD}{''.join(functions)}}}\n"


def rules() -> list[str]:
    """The rules that apply on create, each once."""
    found = {
        rule
        for file in sorted((ROOT / "schemas").glob("*/*/**/*.json"))
        for rule in _rules(json.loads(file.read_text(encoding="utf-8")))
    }
    return sorted(rule for rule in found if not is_transition(rule))


def _rules(schema: Any) -> Iterator[str]:
    children = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for child in children:
        yield from _rules(child)
    if isinstance(schema, dict) and isinstance(schema.get("x-kubernetes-validations"), list):
        yield from (rule["rule"] for rule in schema["x-kubernetes-validations"])


if __name__ == "__main__":
    PLACE.write_text(compiled(), encoding="utf-8")
