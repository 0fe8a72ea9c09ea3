"""Every script that we print, run by real shells, against a kubectl that writes down its calls and refuses one of them.

What is held: after a refusal nothing more is changed and the exit code is kubectl's; where nothing is refused, pods are
there before their traffic, traffic is gone before its pods, and a way back begins with the route.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest
import tree_sitter
import tree_sitter_powershell
from apiserver import build
from conftest import SEED, Result
from test_plan import documents

from kubectl_canary.commands import inputs
from kubectl_canary.release import patches
from kubectl_canary.release.plan import Plan
from kubectl_canary.reports import shells

Canary = Callable[..., Result]
PLAN: Plan = inputs.load([str(SEED)]).plan
NAMES = [phase.name for phase in PLAN.phases]
ROUTE = "httproute my-app-canary-route"
DRAIN = "sleep 30"
CODE = 7
ALWAYS = 10**6

# counts its calls, writes them down with what it is given to read, says yes to a look from the `READY_AT`th on, and
# refuses those from `FIRST` to `LAST`
KUBECTL = """\
#!/bin/sh
read -r number <"$STATE/count"; number=$((number + 1)); echo "$number" >"$STATE/count"
body=; if test "$1" = create; then read -r body; fi
printf '%s\\n' "$*${body:+ $body}" >>"$STATE/log"
if test "$number" -ge "$FIRST" && test "$number" -le "$LAST"; then echo 'error: refused' >&2; exit "$CODE"; fi
if test "$1" = get; then
  read -r looks <"$STATE/looks"; looks=$((looks + 1)); echo "$looks" >"$STATE/looks"
  if test "$looks" -ge "$READY_AT"; then printf yes; fi
fi
exit 0
"""
SLEEP = """\
#!/bin/sh
printf 'sleep %s\\n' "$*" >>"$STATE/log"
"""


@dataclass(frozen=True)
class Ran:
    """What a script did: its exit code, the lines that were written down, and what it said."""

    code: int
    log: list[str]
    err: str

    @property
    def calls(self) -> list[str]:
        """The calls of kubectl."""
        return [line for line in self.log if not line.startswith("sleep ")]


@dataclass(frozen=True)
class World:
    """A folder that is first on PATH, with a kubectl and a sleep of its own."""

    folder: Path

    def environment(
        self, first: int = ALWAYS, last: int | None = None, code: int = CODE, ready_at: int = 1
    ) -> dict[str, str]:
        """The variables of a run; what earlier runs wrote down is forgotten."""
        for name, text in (("count", "0\n"), ("looks", "0\n"), ("log", "")):
            (self.folder / name).write_text(text)
        wanted = {"STATE": self.folder, "FIRST": first, "LAST": first if last is None else last, "CODE": code}
        return {
            **{key: str(value) for key, value in wanted.items()},
            "READY_AT": str(ready_at),
            "PATH": f"{self.folder}:/usr/bin:/bin",
            "HOME": str(self.folder),
        }

    def log(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()

    def run(self, command: list[str], cwd: Path | None = None, **asked: int) -> Ran:
        environment = {**self.environment(**asked), "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
        done = subprocess.run(
            command, env=environment, cwd=cwd or self.folder, capture_output=True, text=True, check=False
        )
        return Ran(done.returncode, self.log(), done.stderr)


@pytest.fixture
def world(tmp_path: Path) -> World:
    folder = tmp_path / "world"
    folder.mkdir()
    for name, text in (("kubectl", KUBECTL), ("sleep", SLEEP)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return World(folder)


@pytest.fixture(scope="module")
def debian() -> Path:
    """A folder with Debian's zsh in it."""
    if shutil.which("apt-get") is None:
        pytest.skip("zsh is unpacked from Debian's package, and there is no apt-get")
    return build.ensure(build.SHELLS)


def program_of(shell: str, debian: Path) -> str:
    found = str(debian / "bin/zsh") if shell == "zsh" else shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell}")
    return found


# --- the scripts ------------------------------------------------------------------


PATCH = ("patch", "-f", str(SEED), "-o", "kubectl")
BACKS = [phase.name for phase in PLAN.phases if PLAN.way_back(phase) is not None]
PAIRS = [*itertools.pairwise(NAMES), *itertools.pairwise(NAMES[-2::-1])]
ONE_STEP = [(*PATCH, "--from", start, "--to", to) for start, to in PAIRS]
JUMPS = [
    (*PATCH, "--from", start, "--to", to, "--jump")
    for start, to in (("deploy", "promoted"), ("100%", "deploy"))
]
ROLLED_BACK = [(*PATCH, "--from", start, "--to", "rolled-back", "--jump") for start in (*BACKS, "promoted")]
ROLLBACKS = [("rollback", "--print", "-f", str(SEED), "-o", "kubectl", "--from", name) for name in BACKS]
EVERY = [*ONE_STEP, *JUMPS, *ROLLED_BACK, *ROLLBACKS]
SAMPLED = [ONE_STEP[4], ONE_STEP[-4], ROLLED_BACK[5], ROLLBACKS[-1]]


def title(words: object) -> str:
    return (
        " ".join(word for word in map(str, words) if not word.endswith(".yaml"))
        if isinstance(words, tuple)
        else str(words)
    )


def printed(canary: Canary, words: tuple[str, ...]) -> str:
    result = canary(*words)
    if result.code == 1 and "safe" in result.err:
        pytest.skip("this step is not safe, and nothing is printed")
    assert result.code == 0, result.err
    return result.out


def few_looks(text: str) -> str:
    """The script with two looks for each wait, since three hundred take long."""
    return re.sub(r"^(wait_until '[^']*') \d+ ", r"\1 2 ", text, flags=re.MULTILINE)


def held_to_its_rule(world: World, command: list[str], cwd: Path | None = None) -> None:
    """Each call is refused in its turn."""
    clean = world.run(command, cwd)
    assert clean.code == 0, clean.err
    for number, call in list(enumerate(clean.calls))[
        :: 1 + len(clean.calls) // 12
    ]:  # some of those of a long way
        is_look = call.startswith("get ")
        found = world.run(command, cwd, first=number + 1, last=ALWAYS if is_look else number + 1)
        assert (CODE, clean.calls[: number + 1]) == (found.code, found.calls[: number + 1])
        assert ({call} if is_look else set()) == set(found.calls[number + 1 :])
        if is_look:
            once = world.run(command, cwd, first=number + 1)
            assert 0 == once.code
            assert [*clean.calls[:number], call, *clean.calls[number:]] == once.calls


@pytest.mark.parametrize("shell", ["sh", "zsh"])
@pytest.mark.parametrize("words", EVERY, ids=title)
def test_a_script_stops_where_kubectl_refuses(
    canary: Canary, world: World, debian: Path, words: tuple[str, ...], shell: str
) -> None:
    text = few_looks(printed(canary, words))
    if not text:
        assert "nothing to patch" in canary(*words).err or "--from deploy" in title(words)
        return
    held_to_its_rule(world, [program_of(shell, debian), "-c", text])


@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize("words", SAMPLED, ids=title)
def test_other_shells_stop_there_too(
    canary: Canary, world: World, debian: Path, words: tuple[str, ...], shell: str
) -> None:
    held_to_its_rule(world, [program_of(shell, debian), "-c", few_looks(printed(canary, words))])


@pytest.mark.parametrize("code", [1, 7, 141])
def test_the_exit_code_is_kubectls(canary: Canary, world: World, code: int) -> None:
    assert code == world.run(["sh", "-c", printed(canary, SAMPLED[0])], first=1, code=code).code


@pytest.mark.parametrize("words", EVERY, ids=title)
def test_calls_come_in_a_safe_order(canary: Canary, world: World, words: tuple[str, ...]) -> None:
    text = printed(canary, words)
    log = world.run(["sh", "-c", text]).log if text else []
    start, goal = (
        words[words.index("--from") + 1],
        words[words.index("--to") + 1] if "--to" in words else "rollback",
    )
    if log and goal in ("rollback", "rolled-back") and start != "promoted":
        assert ROUTE in next(line for line in log if not line.startswith("sleep "))
    route = documents(PLAN, PLAN.find(start))["HTTPRoute my-app-canary-route"]
    since: list[str] = []
    for place, line in enumerate(log):
        if line.startswith(f"patch {ROUTE} ") and (operations := operations_of(line)):
            assert not patches.failed_tests(route, operations)
            after = patches.applied(route, operations)
            if any(operation["op"] != "test" for operation in operations):
                assert log[place + 1].startswith(f"get {ROUTE} ")
                assert_its_pods_are_there(canary_share(route), canary_share(after), since, goal)
                route, since = after, []
        elif takes_pods_away(line):
            assert DRAIN in since or "delete deployment" in " ".join(since), line
        since.append(line)


def operations_of(line: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(line.partition(" -p ")[2])
    return found


def canary_share(route: dict[str, Any]) -> tuple[float, bool]:
    """The share of the canary, and whether anything at all reaches it."""
    governed = next(rule for rule in route["spec"]["rules"] if rule.get("name") == "default")
    weights = {ref["name"]: ref["weight"] for ref in governed["backendRefs"]}
    return weights.get("my-app-canary", 0) / sum(weights.values()), "my-app-canary" in json.dumps(
        route["spec"]["rules"]
    )


def assert_its_pods_are_there(
    before: tuple[float, bool], after: tuple[float, bool], since: list[str], goal: str
) -> None:
    """Traffic rises only for pods that were waited for since the route changed last; a way back waits for nothing."""
    if after > before:
        name = "my-app-canary"
        if goal in ("rollback", "rolled-back"):
            return
    elif before[0] == 1 > after[0] and goal not in ("rollback", "rolled-back"):
        name = "my-app-stable"
    else:
        return
    assert [line for line in since if line.startswith(f"rollout status deployment {name} ")], since
    assert [line for line in since if line.startswith(f"get deployment {name} ")], since


def takes_pods_away(line: str) -> bool:
    if line.startswith("delete deployment "):
        return True
    if not line.startswith("patch deployment "):
        return False
    replicas = [one["value"] for one in operations_of(line) if one["path"] == "/spec/replicas"]
    return len(replicas) == 2 and replicas[1] < replicas[0]


# --- waits ------------------------------------------------------------------------


@pytest.mark.parametrize("looks", [1, 2, 5])
def test_a_wait_looks_until_it_is_told_yes(canary: Canary, world: World, looks: int) -> None:
    text = printed(canary, (*PATCH, "--from", "header-only", "--to", "5%"))
    ran = world.run(["sh", "-c", text], ready_at=looks)
    assert 0 == ran.code
    assert looks - 1 == ran.log.count("sleep 2")
    assert looks + 1 == len([call for call in ran.calls if call.startswith("get ")])


@pytest.mark.parametrize("shell", ["sh", "zsh"])
def test_a_wait_that_is_never_told_yes_ends_and_nothing_comes_after(
    canary: Canary, world: World, debian: Path, shell: str
) -> None:
    text = printed(canary, (*PATCH, "--from", "header-only", "--to", "5%"))
    ran = world.run([program_of(shell, debian), "-c", text], ready_at=ALWAYS)
    assert (1, shells.POD_LOOKS, shells.POD_LOOKS - 1) == (
        ran.code,
        len([call for call in ran.calls if call.startswith("get ")]),
        ran.log.count("sleep 2"),
    )
    assert [] == [call for call in ran.calls if call.startswith("patch httproute")]
    assert ran.err.endswith("error: deployment my-app-canary has not 1 ready pods after 10 minutes\n")


# --- pasted into a shell at a terminal --------------------------------------------


HOSTILE = ("--set", "spec.container.args[0]=it's !x $HOME `y` !! # ~ *")


@pytest.mark.parametrize("bracketed", [False, True], ids=["typed", "pasted"])
@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("refused", [0, 1, 2])
def test_a_pasted_block_leaves_the_shell_open(
    canary: Canary, world: World, debian: Path, shell: str, bracketed: bool, refused: int
) -> None:
    text = printed(canary, (*PATCH, "--from", "before", "--to", "deploy", *HOSTILE))
    clean = world.run(["sh", "-c", text])
    at_terminal = pasted(world, shell, debian, text, bracketed, refused or ALWAYS)
    assert (str(CODE) if refused else "0") == at_terminal
    assert clean.calls[: refused or None] == [line for line in world.log() if not line.startswith("sleep ")]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("words", SAMPLED, ids=title)
def test_a_pasted_block_with_waits_leaves_the_shell_open(
    canary: Canary, world: World, debian: Path, shell: str, words: tuple[str, ...]
) -> None:
    text = few_looks(printed(canary, words))
    clean = world.run(["sh", "-c", text])
    for refused, call in enumerate(clean.calls, 1):
        if not call.startswith("get "):
            assert str(CODE) == pasted(world, shell, debian, text, True, refused)
            assert clean.calls[:refused] == [line for line in world.log() if not line.startswith("sleep ")]


def pasted(world: World, shell: str, debian: Path, text: str, bracketed: bool, refused: int) -> str:
    """The exit code that a shell at a terminal says after the block; it must still be there to say it."""
    libraries = ":".join(map(str, debian.glob("*/lib/*-linux-gnu")))
    environment = {
        **world.environment(first=refused),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        "ZDOTDIR": str(world.folder),
    }
    if shell == "zsh":
        modules = next(debian.glob("usr/lib/*/zsh/*"))
        (world.folder / ".zshrc").write_text(f"module_path=({modules})\nPS1='READY> '\n")
        command = [program_of("zsh", debian), "-i"]
        environment["LD_LIBRARY_PATH"] = libraries
    else:
        (world.folder / ".bashrc").write_text("PS1='READY> '\n")
        command = ["bash", "--rcfile", str(world.folder / ".bashrc"), "-i"]
    child = pexpect.spawn(
        command[0],
        command[1:],
        env=environment,
        cwd=str(world.folder),
        encoding="utf-8",
        timeout=20,
        dimensions=(60, 4000),
    )
    try:
        child.expect_exact("READY> ")
        child.send(f"\x1b[200~{text}\x1b[201~\r" if bracketed else text.replace("\n", "\r"))
        child.send('echo "code-$?-end"\r')
        child.expect(r"code-(\d+)-end")
        return str(child.match.group(1))
    finally:
        child.close(force=True)


# --- the folders' scripts ---------------------------------------------------------


ODD = 'it\'s a "folder" $HOME'


@pytest.fixture
def rendered(canary: Canary, tmp_path: Path) -> Path:
    out = tmp_path / ODD
    assert 0 == canary("render", "-f", SEED, "--all", "-o", f"dir={out}").code
    return out


@pytest.mark.parametrize("shell", ["sh", "zsh"])
def test_the_folders_scripts_stop_where_kubectl_refuses(
    world: World, rendered: Path, debian: Path, shell: str
) -> None:
    found = sorted(rendered.glob("phases/*/rollback/*.sh"))
    assert len(BACKS) == len(found)
    for script in found:
        script.write_text(few_looks(script.read_text()))
        held_to_its_rule(world, [program_of(shell, debian), str(script)])


@pytest.mark.parametrize("shell", ["sh", "zsh", "bash"])
@pytest.mark.parametrize(
    "name", ["06-25-percent/rollback/rollback", "10-promote-return/rollback/rollback-promotion"]
)
def test_a_refused_script_names_the_documents_beside_it_as_a_command_that_runs(
    world: World, rendered: Path, debian: Path, shell: str, name: str
) -> None:
    script = rendered / f"phases/{name}.sh"
    for cwd, called in (
        (world.folder, str(script)),
        (script.parent, script.name),
        (rendered.parent, f"./{script.relative_to(rendered.parent)}"),
    ):
        ran = world.run([program_of(shell, debian), called], cwd, first=1)
        assert (CODE, 1) == (ran.code, len(ran.log))
        said = next(line for line in ran.err.splitlines() if "kubectl apply" in line)
        before, _, command = said.partition("kubectl apply -f ")
        assert "over what others have edited" in before
        (path,) = shlex.split(command)
        assert Path(path).is_absolute()
        assert script.with_suffix(".yaml") == Path(path)
        anyway = world.run([program_of(shell, debian), "-c", f"kubectl apply -f {command}"])
        assert [f"apply -f {path}"] == anyway.log


# --- PowerShell -------------------------------------------------------------------


POWERSHELL = tree_sitter.Language(tree_sitter_powershell.language())
CALL = re.compile(r"^ *(?:'.*' \| )?kubectl ")


@pytest.mark.parametrize("words", EVERY, ids=title)
def test_powershell_looks_at_the_exit_code_after_every_call(canary: Canary, words: tuple[str, ...]) -> None:
    """No PowerShell is packaged for Debian; its grammar is for tree-sitter, but for words such as `-` and `--a=b`."""
    text = printed(canary, (*words, "--shell", "powershell"))
    if not text:
        return
    known = re.sub(r"(?<= )(-|--[a-z]+=[a-z0-9]+)(?=\s)", r"'\1'", text)
    assert not tree_sitter.Parser(POWERSHELL).parse(known.encode()).root_node.has_error
    assert tree_sitter.Parser(POWERSHELL).parse(known.replace("{", "(", 1).encode()).root_node.has_error
    lines = text.splitlines()
    calls = 0
    for place, line in enumerate(lines):
        if CALL.match(line):
            following = lines[place + 1]
        elif line.startswith("  while ((kubectl "):
            following = lines[lines.index("  }", place) + 1]
        else:
            assert "kubectl" not in line or "throw" in line or line.startswith("To go back anyway"), line
            continue
        calls += 1
        assert following.startswith("  if ($LASTEXITCODE -ne 0) { throw '"), following
    assert calls


def test_powershell_hands_on_what_its_grammar_would_take_apart(canary: Canary) -> None:
    """Its tokenizer takes four typographic quotes for the plain one, and a comma for the end of an item of a list."""
    said = "it's \u2018one\u2019 \u201atwo\u201b $x `y` # @z"
    words = (*PATCH, "--from", "before", "--to", "deploy", "--shell", "powershell", "--context", "a,b")
    text = printed(canary, (*words, "--set", f"spec.container.args[0]={said}"))
    assert "kubectl '--context=a,b' create -f -\n" in text
    literal = next(line for line in text.splitlines() if "it''s" in line).strip().rpartition(" | ")[0]
    assert literal[0] == literal[-1] == "'"
    inner = literal[1:-1]
    assert not re.search(
        r"['\u2018\u2019\u201a\u201b]", re.sub(r"(['\u2018\u2019\u201a\u201b])\1", "", inner)
    )
    document = json.loads(re.sub(r"(['\u2018\u2019\u201a\u201b])\1", r"\1", inner))
    assert [said] == document["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
@pytest.mark.parametrize("condition", [". ./lines && :", "if . ./lines; then :; fi", ". ./lines || :"])
def test_in_a_condition_a_block_stops_too(
    canary: Canary, world: World, debian: Path, shell: str, condition: str
) -> None:
    """`set -e` is ignored there, in every shell."""
    (world.folder / "lines").write_text(printed(canary, (*PATCH, "--from", "25%", "--to", "rolled-back")))
    ran = world.run([program_of(shell, debian), "-c", condition], first=1)
    assert 1 == len(ran.calls)
    assert not [call for call in ran.calls if call.startswith("delete ")]
