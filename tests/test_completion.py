"""Completion as users have it: real shells at a terminal, with kubectl's own completion and without it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest
import tree_sitter
import tree_sitter_powershell
from apiserver import build
from conftest import SEED, Cluster, Result

BIN = Path(sys.executable).parent
SHELLS = ("bash", "zsh", "fish")
OWN = {
    "bash": "source <(kubectl canary completion bash)",
    "zsh": "source <(kubectl canary completion zsh)",
    "fish": "kubectl canary completion fish | source",
}
KUBECTLS = {
    "bash": "source <(kubectl completion bash)",
    "zsh": "source <(kubectl completion zsh)",
    "fish": "kubectl completion fish | source",
}
PATIENCE = 30


class Terminal:
    """A shell at a terminal of 120 by 40, and what a person sees there."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.screen = pyte.Screen(120, 40)
        self.stream = pyte.Stream(self.screen)
        self.child = pexpect.spawn(
            command[0], command[1:], env=environment, cwd=str(folder), dimensions=(40, 120), encoding="utf-8"
        )
        self.wait_for("READY>")

    def text(self) -> str:
        """The lines of the screen."""
        return "\n".join(self.screen.display).rstrip("\n")

    def wait_for(self, wanted: str) -> str:
        """The screen once it shows the text."""
        end = time.monotonic() + PATIENCE
        while wanted not in self.text():
            assert time.monotonic() < end, f"{wanted!r} is not on the screen:\n{self.text()}"
            try:
                self.stream.feed(self.child.read_nonblocking(65536, timeout=0.1))
            except pexpect.TIMEOUT:
                continue
        return self.text()

    def type(self, keys: str, wanted: str) -> str:
        """The screen after some keys, once it shows the text."""
        self.child.send(keys)
        return self.wait_for(wanted)


@pytest.fixture(scope="module")
def shells() -> Path:
    """A folder with Debian's shells in it."""
    if shutil.which("apt-get") is None:
        pytest.skip("zsh and fish are unpacked from Debian's packages, and there is no apt-get")
    return build.ensure(build.SHELLS)


@pytest.fixture
def terminal(
    shells: Path, program: Callable[[str], Path], tmp_path: Path
) -> Iterator[Callable[..., Terminal]]:
    """Start a shell that has read some lines, in a folder with a canary file."""
    opened: list[Terminal] = []
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(SEED, work / "canary.yaml")
    (work / "my templates").mkdir()
    libraries = ":".join(map(str, shells.glob("*/lib/*-linux-gnu")))

    def start(shell: str, *lines: str, plugin: Path = BIN, kubeconfig: str = "/dev/null") -> Terminal:
        folders = [plugin, program("kubectl").parent, shells / "bin", shells / "usr/bin", "/usr/bin", "/bin"]
        environment = {
            "PATH": os.pathsep.join(map(str, folders)), "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path),
            "TERM": "xterm", "LC_ALL": "C.UTF-8", "KUBECONFIG": kubeconfig, "LD_LIBRARY_PATH": libraries,
        }  # fmt: skip
        made = Terminal(_command(shell, lines, shells, tmp_path), environment, work)
        opened.append(made)
        return made

    yield start
    for one in opened:
        one.child.close(force=True)


def _command(shell: str, lines: tuple[str, ...], shells: Path, home: Path) -> list[str]:
    if shell == "zsh":
        modules = next(shells.glob("usr/lib/*/zsh/*"))
        start = [f"module_path=({modules})", f"fpath=({shells}/usr/share/zsh/functions/**/*(/))"]
        (home / ".zshrc").write_text(
            "\n".join([*start, "autoload -Uz compinit && compinit -u", *lines, 'PS1="READY> "\n'])
        )
        return [str(shells / "bin/zsh"), "-i"]
    if shell == "fish":
        folder = home / ".config/fish"
        folder.mkdir(parents=True)
        prompt = 'function fish_prompt; echo "READY> "; end'
        (folder / "config.fish").write_text("\n".join(["set -g fish_greeting", *lines, prompt, ""]))
        return [str(shells / "usr/bin/fish"), "-i"]
    helpers = shells / "usr/share/bash-completion/bash_completion"
    (home / ".bashrc").write_text("\n".join([f"source {helpers}", *lines, 'PS1="READY> "\n']))
    return ["bash", "--rcfile", str(home / ".bashrc"), "-i"]


@pytest.fixture
def plugin_alone(tmp_path: Path) -> Path:
    """A folder with `kubectl-canary` and nothing else of ours, as krew installs it."""
    folder = tmp_path / "krew"
    folder.mkdir()
    (folder / "kubectl-canary").symlink_to(BIN / "kubectl-canary")
    return folder


@pytest.mark.parametrize("shell", SHELLS)
def test_our_script_alone_completes_verbs_flags_phases_and_files(
    shell: str, terminal: Callable[..., Terminal], plugin_alone: Path
) -> None:
    at = terminal(shell, OWN[shell], plugin=plugin_alone)
    at.type("kubectl canary rend\t", "kubectl canary render ")
    at.type("--pha\t", "render --phase ")
    at.type("hea\t", "--phase header-only ")
    at.type("--templates my\t", "--templates my\\ templates")


@pytest.mark.parametrize("shell", SHELLS)
def test_our_script_shows_the_phases_of_the_file_with_descriptions(
    shell: str, terminal: Callable[..., Terminal], plugin_alone: Path
) -> None:
    at = terminal(shell, OWN[shell], plugin=plugin_alone)
    shown = at.type("kubectl canary render --phase \t\t", "Canary 25%, 2 pods")
    assert "Canary 0%, 1 pod, mirror 20%" in shown
    assert "rolled-back" in shown


@pytest.mark.parametrize("shell", SHELLS)
def test_a_value_behind_an_equals_sign_is_completed(
    shell: str, terminal: Callable[..., Terminal], plugin_alone: Path
) -> None:
    at = terminal(shell, OWN[shell], plugin=plugin_alone)
    at.type("kubectl-canary patch --to=header\t", "patch --to=header-only")


@pytest.mark.parametrize("shell", SHELLS)
def test_kubectls_own_completion_knows_us(shell: str, terminal: Callable[..., Terminal]) -> None:
    """By `kubectl_complete-canary`, which pip installs beside us; our script is not loaded."""
    at = terminal(shell, KUBECTLS[shell])
    at.type("kubectl canary rend\t", "kubectl canary render ")
    at.type("--phase header\t", "--phase header-only")


@pytest.mark.parametrize("shell", SHELLS)
def test_kubectls_own_completion_still_works_beside_ours(
    shell: str, terminal: Callable[..., Terminal], plugin_alone: Path
) -> None:
    at = terminal(shell, KUBECTLS[shell], OWN[shell], plugin=plugin_alone)
    at.type("kubectl api-res\t", "kubectl api-resources ")
    at.child.send("\x15")
    at.type("kubectl canary rollb\t", "kubectl canary rollback ")


@pytest.mark.parametrize("shell", SHELLS)
def test_namespaces_and_contexts_come_from_the_cluster(
    shell: str, terminal: Callable[..., Terminal], plugin_alone: Path, cluster: Cluster, tmp_path: Path
) -> None:
    cluster.kubectl("create", "namespace", f"completing-in-{shell}")
    config = tmp_path / "config"
    config.write_text(cluster.kubeconfig.read_text())
    current = cluster.kubectl("config", "current-context").stdout.strip()
    kubectl = ["--kubeconfig", str(config), "config", "rename-context", current, "arn:aws:one/two"]
    cluster.kubectl(*kubectl)
    at = terminal(shell, OWN[shell], plugin=plugin_alone, kubeconfig=str(config))
    at.type(f"kubectl canary plan -n completing-in-{shell[0]}\t", f"-n completing-in-{shell} ")
    at.child.send("\x15")
    shown = at.type("kubectl canary patch --context arn\t", "one/two")
    assert "arn:aws:one/two" in shown.replace("\\", "")


def test_completion_is_silent_where_there_is_nothing_to_know(
    canary: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, a file that is not valid, no kubectl: no candidates, and no noise."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for words in (
        ["render", "--phase", ""],
        ["plan", "-n", ""],
        ["patch", "--context", ""],
        ["nonsense", ""],
    ):
        assert Result(0, ":4\n", "") == canary("completion", "answer", "--", *words)
    (tmp_path / "canary.yaml").write_text("kind: [")
    assert Result(0, ":4\n", "") == canary("completion", "answer", "--", "render", "--phase", "")


def test_phases_are_those_of_the_file_that_is_named(canary: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(SEED.read_text().replace("name: 50%", "name: 51%"))
    asked = ["completion", "answer", "--", "render", "-f", str(tmp_path / "other.yaml"), "--phase", "5"]
    assert ["5%", "51%"] == [line.partition("\t")[0] for line in canary(*asked).out.splitlines()[:-1]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["validate", "--gateway-api", "v1.7"], "v1.7"),
        (["validate", "--kubernetes", "v1.37"], "v1.37"),
        (["validate", "--explain", "no-w"], "no-weight\t"),
        (["validate", "--implementation", "isti"], "istio"),
        (["render", "--only", "ser"], "services"),
        (["completion", "f"], "fish"),
    ],
)
def test_what_we_know_is_completed(canary: Callable[..., Result], words: list[str], found: str) -> None:
    lines = canary("completion", "answer", "--", *words).out.splitlines()
    assert lines[0].startswith(found)
    assert ":4" == lines[-1]


def test_powershells_script_is_powershell(canary: Callable[..., Result]) -> None:
    """No PowerShell is packaged for Debian; its grammar is for tree-sitter."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    script = canary("completion", "powershell").out
    assert not parser.parse(script.encode()).root_node.has_error
    assert parser.parse(script.replace("@(", "(@", 1).encode()).root_node.has_error
