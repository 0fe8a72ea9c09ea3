"""Actions as lines to paste into a shell, or to keep in a file.

A block stops at the first line that is refused. It is a subshell (in PowerShell a script block), so that a pasted one
does not end the shell that it is pasted into, and has no comments, since an interactive zsh runs them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from kubectl_canary.records import dataclass
from kubectl_canary.release.actions import (
    Accepted,
    Action,
    Fits,
    Make,
    Note,
    Pause,
    Ready,
    RolledOut,
    Unchanged,
)
from kubectl_canary.release.changes import Change, Creation, PatchType, Removal
from kubectl_canary.release.documents import Part
from kubectl_canary.reports.programs import compact

Shell = Literal["sh", "powershell"]

EVERY = 2  # seconds between two looks
POD_LOOKS, ROUTE_LOOKS = 300, 90
ROLLOUT_TIMEOUT = "10m"
YES = "yes"
NOTHING = "Nothing is done: in the phase that this leads back from, the route is as before already."
# as text of one length: to some kubectls a number of an object is an integer, to others none
READY = (
    "{{{{if .status.readyReplicas}}}}{{{{if ge (printf `%010v` .status.readyReplicas) `{pods:010}`}}}}yes"
    "{{{{end}}}}{{{{end}}}}"
)
# each parentRef has a status of the newest generation with Accepted and ResolvedRefs, and nothing is PartiallyInvalid
PARENT = (
    "(printf `%v %v %v %v %v` (or {0}.kind `Gateway`) (or {0}.namespace $route.metadata.namespace)"
    " {0}.name {0}.sectionName {0}.port)"
)
SEEN = "{{if .observedGeneration}}{{if ge .observedGeneration $route.metadata.generation}}"
ACCEPTED = (
    "{{$route := .}}{{$all := true}}{{range $parent := .spec.parentRefs}}{{$one := false}}"
    "{{if $route.status}}{{range $status := $route.status.parents}}{{if "
    + f"eq {PARENT.format('$parent')} {PARENT.format('$status.parentRef')}"
    + "}}{{$accepted := false}}{{$resolved := false}}{{$whole := true}}{{range .conditions}}"
    + SEEN
    + "{{if eq .status `True`}}{{if eq .type `Accepted`}}{{$accepted = true}}{{end}}"
    "{{if eq .type `ResolvedRefs`}}{{$resolved = true}}{{end}}"
    "{{if eq .type `PartiallyInvalid`}}{{$whole = false}}{{end}}{{end}}{{end}}{{end}}{{end}}"
    "{{if and $accepted $resolved $whole}}{{$one = true}}{{end}}{{end}}{{end}}{{end}}"
    "{{if not $one}}{{$all = false}}{{end}}{{end}}{{if $all}}yes{{end}}"
)
# answers 0 once a command says yes; leaves with its exit code, or 1, where it never does
WAIT_UNTIL = """\
wait_until() {
  said=$1 looks=$2; shift 2
  while :; do
    code=0; answer=$("$@") || code=$?
    if test "$answer" = yes; then return 0; fi
    looks=$((looks - 1))
    if test "$looks" -le 0; then echo "error: $said" >&2; test "$code" -ne 0 || code=1; exit "$code"; fi
    sleep 2
  done
}
"""
# a file in the script's own folder, quoted, so that the command runs as it is said, wherever one is then
BESIDE = (
    r"""beside=$(CDPATH= cd -- "$(dirname -- "$0")" && printf '%s\n' "$PWD/{file}" |"""
    r""" sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/")"""
)


@dataclass(frozen=True)
class KubectlLine:
    """How kubectl is called: with the user's own flags for it, such as `--context=staging`."""

    flags: tuple[str, ...] = ()

    def line(self, *words: str, quote: Callable[[str], str]) -> str:
        """A command line."""
        return " ".join(["kubectl", *(quote(word) for word in (*self.flags, *words))])


@dataclass(frozen=True)
class Refusal:
    """What is said where the first line is refused: what goes back all the same.

    That is a command, or `kubectl apply` of a file that lies beside the script.
    """

    command: str = ""
    file: str = ""

    NOTHING = "error: kubectl refused (its reason is above), and nothing was changed"
    NO_MORE = "error: kubectl refused (its reason is above), and nothing more was changed"
    WHY = "Where a test failed, somebody has renamed or moved what this changes."
    ANYWAY = "To go back anyway, over what others have edited: "

    @classmethod
    def lines(cls, is_first: bool) -> list[str]:
        """What is said of a line: of the first one that nothing was changed."""
        return [cls.NOTHING if is_first else cls.NO_MORE, cls.WHY]


@dataclass(frozen=True)
class Style:
    """How actions become lines: for which shell, as which patches, and what a refused first line says."""

    shell: Shell = "sh"
    kind: PatchType = "json"
    strict: bool = False
    kubectl: KubectlLine = KubectlLine()
    refusal: Refusal | None = None


def block(actions: Sequence[Action], style: Style) -> str:
    """The lines; nothing where there is nothing to do."""
    if not actions:
        return ""
    return _powershell(actions, style) if style.shell == "powershell" else _sh(actions, style)


def script(actions: Sequence[Action], style: Style) -> str:
    """The same as a file for sh, which says so where there is nothing to do."""
    return f"#!/bin/sh\n{block(actions or [Note(NOTHING)], style)}"


NOT_KUBECTL = ("sleep ", "wait_until ", "printf '%s\\n'")

# --- sh ---------------------------------------------------------------------------


def _sh(actions: Sequence[Action], style: Style) -> str:
    waits = any(isinstance(action, Ready | Accepted) for action in actions)
    lines = [line for action in actions for line in _sh_lines(action, style)]
    # `set -e` is nothing where the block stands in a condition: `. ./lines && echo done`
    lines = [line if line.startswith(NOT_KUBECTL) else f"{line} || exit" for line in lines]
    if style.refusal is not None and not isinstance(actions[0], Note):
        for place in range(_leading(actions)):
            explained = _explained(style.refusal, is_first=not place)
            lines[place] = f"{lines[place].removesuffix('exit')}{explained}"
    return "\n".join(["( set -e", *([WAIT_UNTIL.rstrip()] if waits else []), *lines, ")", ""])


def _leading(actions: Sequence[Action]) -> int:
    """How many of the first actions say what goes back all the same: the first one, and all that change routes."""
    others = (
        place
        for place, action in enumerate(actions)
        if not (isinstance(action, Make) and action.change.part.is_route)
    )
    return max(1, next(others, len(actions)))


def _explained(refusal: Refusal, is_first: bool) -> str:
    command = shlex.quote(refusal.command) if refusal.command else '"kubectl apply -f $beside"'
    beside = "" if refusal.command else f" {BESIDE.format(file=refusal.file)};"
    said = [*map(shlex.quote, Refusal.lines(is_first)), shlex.quote(Refusal.ANYWAY) + command]
    return f"{{ code=$?;{beside} printf '%s\\n' {' '.join(said)} >&2; exit \"$code\"; }}"


def _sh_lines(action: Action, style: Style) -> Iterator[str]:
    def kubectl(*words: str) -> str:
        return style.kubectl.line(*words, quote=shlex.quote)

    if isinstance(action, Make):
        text = _input(action.change, style)
        line = kubectl(*_words(action.change, style))
        yield f"printf %s {shlex.quote(text)} | {line}" if text else line
    elif isinstance(action, Ready | Accepted):
        said, looks, words = _waiting(action)
        yield f"wait_until {shlex.quote(said)} {looks} {kubectl(*words)}"
    elif isinstance(action, Pause):
        yield f"sleep {action.seconds}"
    elif isinstance(action, Note):
        yield f"printf '%s\\n' {shlex.quote(action.text)}"
    else:
        yield kubectl(*_checking(action, style))


# --- PowerShell -------------------------------------------------------------------


STOP = "if ($LASTEXITCODE -ne 0) { throw 'kubectl refused, and nothing more was done' }"


def _powershell(actions: Sequence[Action], style: Style) -> str:
    lines = [f"  {line}" for action in actions for line in _powershell_lines(action, style)]
    if style.refusal is not None and style.refusal.command:
        for place in range(_leading(actions)):
            said = "\n".join([*Refusal.lines(not place), Refusal.ANYWAY + style.refusal.command])
            lines[2 * place + 1] = f"  if ($LASTEXITCODE -ne 0) {{ throw {_quoted_for_powershell(said)} }}"
    return "\n".join(["& {", *lines, "}", ""])


def _powershell_lines(action: Action, style: Style) -> Iterator[str]:
    def kubectl(*words: str) -> str:
        return style.kubectl.line(*words, quote=_powershell_word)

    if isinstance(action, Make):
        text = _input(action.change, style)
        line = kubectl(*_words(action.change, style))
        yield f"{_quoted_for_powershell(text)} | {line}" if text else line
        yield STOP
    elif isinstance(action, Ready | Accepted):
        said, looks, words = _waiting(action)
        yield f"$looks = {looks}"
        yield f"while (({kubectl(*words)}) -ne '{YES}') {{"
        yield f"  $looks--; if ($looks -le 0) {{ throw {_quoted_for_powershell(said)} }}"
        yield f"  Start-Sleep -Seconds {EVERY}"
        yield "}"
        yield STOP
    elif isinstance(action, Pause):
        yield f"Start-Sleep -Seconds {action.seconds}"
    elif isinstance(action, Note):
        yield f"Write-Output {_quoted_for_powershell(action.text)}"
    else:
        yield kubectl(*_checking(action, style))
        yield STOP


def _powershell_word(text: str) -> str:
    """A word of a command; a comma would make a list of it, and an @ something else."""
    return text if text == shlex.quote(text) and not set("@,") & set(text) else _quoted_for_powershell(text)


def _quoted_for_powershell(text: str) -> str:
    """A string literal of PowerShell, in which nothing is expanded (7.3 and later hand it on as it is).

    Its tokenizer takes any of these for the end of the literal, and two of them for one.
    """
    return "'" + re.sub("['\u2018\u2019\u201a\u201b]", r"\g<0>\g<0>", text) + "'"


# --- kubectl's words --------------------------------------------------------------


def _named(part: Part) -> list[str]:
    return [part.kind.lower(), part.name, *(["-n", part.namespace] if part.namespace else [])]


def _words(change: Change, style: Style) -> list[str]:
    if isinstance(change, Creation):
        return ["create", "-f", "-"]
    if isinstance(change, Removal):
        return ["delete", *_named(change.part)]
    patch = compact(change.patch(style.kind, style.strict))
    return ["patch", *_named(change.part), f"--type={style.kind}", "-p", patch]


def _input(change: Change, style: Style) -> str:
    """What kubectl reads from its standard input."""
    return compact(change.patch(style.kind)) if isinstance(change, Creation) else ""


def _checking(action: Fits | Unchanged | RolledOut, style: Style) -> list[str]:
    if isinstance(action, Fits):
        return [*_words(action.change, style), "--dry-run=server"]
    if isinstance(action, Unchanged):
        return ["patch", *_named(action.part), "--type=json", "-p", compact(list(action.tests))]
    return ["rollout", "status", *_named(action.deployment), f"--timeout={ROLLOUT_TIMEOUT}"]


def _waiting(action: Ready | Accepted) -> tuple[str, int, list[str]]:
    """What to say where it never happens, how often to look, and at what."""
    part = action.deployment if isinstance(action, Ready) else action.route
    title = f"{part.kind.lower()} {part.name}"
    if isinstance(action, Ready):
        said, looks, template = (
            f"{title} has not {action.pods} ready pods",
            POD_LOOKS,
            READY.format(pods=action.pods),
        )
    else:
        said, looks, template = f"{title} is not accepted by every parent", ROUTE_LOOKS, ACCEPTED
    minutes = looks * EVERY // 60
    return f"{said} after {minutes} minutes", looks, ["get", *_named(part), "-o", f"go-template={template}"]
