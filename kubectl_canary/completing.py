"""What may follow words that are typed: for the value of a flag it is found here, for all else click is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from kubectl_canary.commands.parameters import candidates, given
from kubectl_canary.outside.output import ClosedPipe, write
from kubectl_canary.verbs import VERBS, verb_called

DIRECTIVE_DEFAULT, DIRECTIVE_NO_FILES = 0, 4  # cobra's ShellCompDirective


def complete(words: Sequence[str]) -> int:
    """Print what may follow words, a `value<TAB>description` a line and cobra's directive last."""
    *before, incomplete = words or [""]
    pairs, wants_files = _value(before, incomplete), False
    if pairs is None:
        from kubectl_canary import click_group  # a shell asks at every tab, and this takes 12 ms

        pairs, wants_files = click_group.following(before, incomplete)
    lines = [f"{value}\t{text}" if text else value for value, text in pairs]
    lines.append(f":{DIRECTIVE_DEFAULT if wants_files else DIRECTIVE_NO_FILES}")
    with contextlib.suppress(ClosedPipe):
        write("\n".join(lines) + "\n")
    return 0


def _value(before: Sequence[str], incomplete: str) -> Iterable[tuple[str, str]] | None:
    """What may be the value of the last flag; None where that is not plainly what is asked."""
    if len(before) < 2 or before[0] not in VERBS or incomplete.startswith("-") or "--" in before:
        return None
    parameters = verb_called(before[0]).parameters
    known = next((known for known in parameters if before[-1] in known.names), None)
    typed = given(parameters, before[1:-1])
    if known is None or known.candidates is None or known.is_flag or known.alone is not None or typed is None:
        return None
    return candidates(known, {each.field: each.otherwise for each in parameters} | typed, incomplete)
