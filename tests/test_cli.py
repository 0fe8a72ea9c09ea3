"""The command line as kubectl's users know it: help, errors, exit codes, pipes, signals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, SEED, Result

from kubectl_canary import __version__, cli
from kubectl_canary.findings import Finding
from kubectl_canary.outside import output
from kubectl_canary.reports import programs
from kubectl_canary.verbs import VERBS

Canary = Callable[..., Result]
COMMAND = [sys.executable, "-m", "kubectl_canary"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_verb(canary: Canary, arguments: list[str]) -> None:
    result = canary(*arguments)
    assert (0, "") == (result.code, result.err)
    assert list(VERBS) == re.findall(r"^  ([\w-]+) {2,}\S", result.out, re.MULTILINE)
    assert 'Use "kubectl canary COMMAND --help" for more information about a command.' in result.out


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_shows_examples_before_options(canary: Canary, verb: str) -> None:
    result = canary(verb, "--help")
    assert 0 == result.code
    headings = re.findall(r"^(Examples|Options|Usage):$", result.out, re.MULTILINE)
    assert ["Examples", "Options", "Usage"] == headings
    assert f"  kubectl canary {verb} " in result.out
    assert max(map(len, result.out.splitlines())) <= 120


@pytest.mark.parametrize("verb", VERBS)
def test_the_options_of_a_verb_are_options_each_with_what_it_does(canary: Canary, verb: str) -> None:
    options, usage = canary(verb, "--help").out.partition("\nOptions:\n")[2].split("\n\nUsage:\n")
    assert re.fullmatch(r"(    -.*:\n        \S.*\n?)+", options)
    assert re.fullmatch(rf"  kubectl canary {verb} (\S+ )?\[options\]\n", usage)


@pytest.mark.parametrize("arguments", [["completion"], ["completion", "tcsh"]])
def test_what_scripts_ask_for_is_not_offered(canary: Canary, arguments: list[str]) -> None:
    result = canary(*arguments)
    assert (2, "") == (result.code, result.out)
    assert "powershell" in result.err
    assert "answer" not in result.err
    assert "answer" not in canary("completion", "answer", "--", "completion", "").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rendr"], "error: unknown command `rendr` for `kubectl canary`; did you mean `render`?\n\nSee 'kubectl canary --help'.\n"),
        (["xyz"], "error: unknown command `xyz` for `kubectl canary`\n\nSee 'kubectl canary --help'.\n"),
        (["render", "--phse", "5%"], "error: No such option"),
        (["render", "--only", "pods"], "error: Invalid value for '--only': 'pods' is not one of"),
        (["render", "extra"], "error: Got unexpected extra argument (extra)"),
        (["render", "-f"], "error: Option '-f' requires an argument."),
        (["plan", "-o", "xml"], "error: Invalid value for '-o' / '--output': 'xml' is not one of"),
        (["completion"], "error: Missing argument"),
        (["completion", "tcsh"], "error: Invalid value for"),
        (["render", "-f", str(SEED), "--phase", "5%", "--from", "25%"], "error: --from goes with --phase rollback"),
        (["render", "-f", str(SEED), "--from", "25%"], "error: --from goes with --phase rollback"),
        (["render", "-f", "-", "-f", "-"], "error: standard input can be read only once"),
    ],
)  # fmt: skip
def test_wrong_usage_is_2_with_nothing_on_stdout(canary: Canary, arguments: list[str], message: str) -> None:
    result = canary(*arguments)
    assert (2, "") == (result.code, result.out)
    assert result.err.startswith(message)
    assert "--help'." in result.err


def test_the_declared_phase_is_what_render_prints(canary: Canary) -> None:
    assert canary("render", "-f", SEED).out == canary("render", "-f", SEED, "--phase", "deploy").out
    back = canary("render", "-f", SEED, "--set", "spec.phase=25%", "--phase", "rollback")
    assert back.out == canary("render", "-f", SEED, "--phase", "rollback", "--from", "25%").out


def test_only_picks_some_objects_and_json_is_a_list(canary: Canary) -> None:
    everything = canary("render", "-f", SEED).out.split("---\n")
    assert everything[-1] == canary("render", "-f", SEED, "--only", "route").out
    assert (
        "---\n".join(everything[:4])
        == canary("render", "-f", SEED, "--only", "services", "--only", "workloads").out
    )
    listed = json.loads(canary("render", "-f", SEED, "-o", "json").out)
    assert ("v1", "List", 6) == (listed["apiVersion"], listed["kind"], len(listed["items"]))


def test_removed_is_what_the_phase_before_had(canary: Canary) -> None:
    for phase in ("promoted", "rolled-back", "before"):
        result = canary("render", "-f", SEED, "--phase", phase, "--removed")
        assert ["Deployment", "Service"] == re.findall(r"^kind: (\w+)", result.out, re.MULTILINE)
        assert {"my-app-canary"} == set(re.findall(r"^  name: (\S+)", result.out, re.MULTILINE))
    nothing = canary("render", "-f", SEED, "--phase", "5%", "--removed")
    assert (0, "", "`5%` removes nothing\n") == (
        nothing.code,
        nothing.out,
        nothing.err.splitlines(keepends=True)[0],
    )


def test_a_jump_that_outruns_the_pods_is_said(canary: Canary) -> None:
    result = canary("render", "-f", SEED, "--phase", "100%")
    assert 0 == result.code
    assert (
        "warning: do not apply this straight from `deploy`: `deploy` runs 1 pod of the canary, `100%` needs 3\n"
        == result.err
    )


def test_the_plan_is_a_table_for_people(canary: Canary) -> None:
    result = canary("plan", "-f", SEED, "--set", "spec.phases=[header-only, 5%, 25%, 50%]")
    assert (0, "") == (result.code, result.err)
    printed = result.out.replace(f" -f {SEED} --set 'spec.phases=[header-only, 5%, 25%, 50%]'", "")
    printed = printed.replace(str(SEED), "CANARY_FILE")
    assert printed == (ROOT / "tests/plan.txt").read_text(encoding="utf-8")


def test_the_plan_is_json_for_programs(canary: Canary) -> None:
    plan = json.loads(canary("plan", "-f", SEED, "-o", "json").out)
    quarter = next(phase for phase in plan["phases"] if phase["name"] == "25%")
    assert ({"share": "75%", "weight": 75, "replicas": 3, "image": "registry.example.com/my-app:v1.0.0"}, 900) == (
        quarter["stable"], quarter["pauseSeconds"],
    )  # fmt: skip
    assert "rollback from 25%" in [phase["name"] for phase in plan["waysBack"]]


def test_a_way_back_that_is_under_way_stands_in_the_table(canary: Canary) -> None:
    lines = canary("plan", "-f", SEED, "--set", "spec.phase=rollback from 25%").out.splitlines()
    (arrow,) = [line.split() for line in lines if "→ " in line[:4]]
    assert ["→", "rollback", "from", "25%", "100", "%"] == arrow[:6]


def test_a_finding_is_the_same_json_from_every_verb(canary: Canary) -> None:
    same = ["-f", SEED, "--set", "spec.canary.tag=v1.0.0", "-o", "json"]
    (finding,) = json.loads(canary("plan", *same).out)["findings"]
    (judged,) = json.loads(canary("validate", *same).out)["documents"]
    assert ("version", "spec.canary") == (finding["rule"], finding["path"])
    assert finding in judged["findings"]
    deep = Finding("schema", "error", ("spec", "rules", 0, "name"), "missing")
    assert "spec.rules[0].name" == programs.as_value(deep)["path"]


def test_the_plan_is_markdown_for_reviews(canary: Canary) -> None:
    lines = canary("plan", "-f", SEED, "-o", "markdown").out.splitlines()
    assert {6} == {line.count("|") for line in lines}
    assert "| **deploy** (now) | 100%, 3 pods | 0%, 1 pod |  | + Deployment, Service my-app-canary |" in lines


def test_version(canary: Canary) -> None:
    assert canary("version").out.startswith(
        f"kubectl-canary v{__version__}\nGateway API v1.7 (standard)\nKubernetes v1.37\n"
    )
    assert f"v{__version__}" == json.loads(canary("version", "-o", "json").out)["version"]


# --- init -----------------------------------------------------------------------

INIT = ["init", "--image", "registry.example.com/my-app", "--tag", "v1.0.0", "--port", "8080", "--host", "app.example.com", "--gateway", "production-gw"]  # fmt: skip


def test_init_writes_a_file_that_renders(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = canary(*INIT)
    assert (0, "") == (written.code, written.out)
    assert re.fullmatch(r"wrote canary.yaml \(\d+ lines\)\. Next: kubectl canary plan\n", written.err)
    text = (tmp_path / "canary.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=https://")
    assert 0 == canary("plan").code
    assert "image: registry.example.com/my-app:v1.0.0" in canary("render").out
    started = text.replace("  # canary: {tag: v1.1.0}  ", "  canary: {tag: v1.1.0}  ")
    assert started != text
    (tmp_path / "canary.yaml").write_text(f"{started}  phase: 25%\n")
    assert "weight: 25\n" in canary("render").out
    again = canary(*INIT)
    assert 2 == again.code
    assert "canary.yaml is there already" in again.err
    assert 0 == canary(*INIT, "--force").code
    assert text == (tmp_path / "canary.yaml").read_text()


def test_init_with_everything_prints_the_seeds_release(canary: Canary, tmp_path: Path) -> None:
    flags = [
        "-n",
        "production",
        "--canary-tag",
        "v1.1.0",
        "--gateway-class",
        "istio",
        "--tls",
        "my-app-tls",
        "-f",
        "-",
    ]
    text = canary(*INIT, *flags).out
    (tmp_path / "canary.yaml").write_text(text)
    probe = "spec.container.readinessProbe={httpGet: {path: /health, port: 8080}, initialDelaySeconds: 5, periodSeconds: 5}"
    ours = canary("render", "-f", tmp_path / "canary.yaml", "--set", probe)
    assert ours.out == canary("render", "-f", SEED).out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--tag", "v 1"],
            "error: the flags make no valid canary file\nspec.stable.tag: `v 1` is not an image tag",
        ),
        (["--host", "a_b"], "spec.route.hostnames[1]: `a_b` is not a DNS name"),
        (["--tls", "x"], "error: --tls goes with --gateway-class"),
        (["--port", "0"], "error: Invalid value for '--port': 0 is not in the range 1<=x<=65535."),
        (
            ["--image", "a/b:v1"],
            "error: --tag and a tag in --image\ntake `:v1` out of --image, or leave --tag out\n",
        ),
        (["--image", "a/b", "--tag", ""], "error: which tag runs now?\ngive --tag v1.0.0\n"),
        (
            ["--image", ""],
            "error: --image: the image's name is empty\ngive --image registry.example.com/my-app\n",
        ),
        (["--image", ":v1"], "error: --image: the image's name is empty\n"),
        (["--name", "yes"], ""),
        (["-f", "/proc/none/canary.yaml"], "error: cannot write /proc/none/canary.yaml: "),
    ],
)
def test_init_never_writes_what_render_refuses(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = canary(*INIT, *flags)
    assert message in result.err
    assert (result.code == 0) is (message == "") is (tmp_path / "canary.yaml").exists()


# --- processes ------------------------------------------------------------------


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", line], cwd=ROOT, capture_output=True, env={**os.environ, **environment}, check=False
    )


def test_a_closed_pipe_ends_quietly() -> None:
    """The reader is gone before we write: `:` ends at once, and we start after it."""
    done = shell(
        f"{{ sleep 0.2; {sys.executable} -m kubectl_canary render -f {SEED}; }} | :; echo ${{PIPESTATUS[0]}}"
    )
    assert (b"141\n", b"") == (done.stdout, done.stderr)
    big = " ".join(f"--set 'spec.container.args[{n}]={'x' * 1000}'" for n in range(100))
    done = shell(
        f"{sys.executable} -m kubectl_canary render -f {SEED} {big} | head -c 10; echo ${{PIPESTATUS[0]}}"
    )
    assert (b"apiVersion141\n", b"") == (done.stdout, done.stderr)


def test_a_full_disk_and_a_missing_stdout_are_said() -> None:
    full = shell(f"{sys.executable} -m kubectl_canary render -f {SEED} > /dev/full")
    assert (4, b"error: cannot write to standard output: No space left on device\n") == (
        full.returncode,
        full.stderr[:64],
    )
    closed = shell(f"{sys.executable} -m kubectl_canary render -f {SEED} >&-")
    assert 4 == closed.returncode
    assert closed.stderr.startswith(b"error: ")


def test_ctrl_c_prints_nothing_and_is_130(tmp_path: Path) -> None:
    fifo = tmp_path / "canary.yaml"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [*COMMAND, "render", "-f", fifo],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored in what a shell put into the background
    )
    with fifo.open("wb"):  # opens once the other side reads
        for patience in (10, 60):  # Python does not hear one that comes just before it reads
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                out, err = process.communicate(timeout=patience)
                break
    assert (130, b"", b"interrupted, nothing was printed\n") == (process.returncode, out, err.lstrip())


def test_a_bug_of_ours_is_3_with_a_report(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "verb_called", lambda _: 1 // 0)
    result = canary("render")
    assert (3, "") == (result.code, result.out)
    assert result.err.startswith(
        "error: this is a bug in kubectl canary, nothing was printed\n\nPlease report it"
    )
    assert "ZeroDivisionError" in result.err


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"}, {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "20"},
        {"PYTHONIOENCODING": "latin-1"}, {"HOME": "/nonexistent"},
    ],
    ids=str,
)  # fmt: skip
def test_the_same_bytes_in_any_environment(environment: dict[str, str], tmp_path: Path) -> None:
    case = ROOT / "tests/cases/odd-scalars"
    expected = (case / "expected/02-5-percent.yaml").read_bytes()
    done = subprocess.run(
        [*COMMAND, "render", "-f", case / "canary.yaml", "--phase", "5%"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert (0, expected) == (done.returncode, done.stdout)
    plan = subprocess.run(
        [*COMMAND, "plan", "-f", case / "canary.yaml"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert (0, b"") == (plan.returncode, plan.stderr)


@pytest.mark.parametrize("verb", ["krm", "post-render", "validate -", "render -f -"])
def test_a_closed_standard_input_is_said(verb: str) -> None:
    command = f"exec {sys.executable} -m kubectl_canary {verb} <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (4, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("error: there is no standard input to read\n")


@pytest.mark.parametrize("words", [[], ["plan"], ["validate"]])
def test_help_that_cannot_be_written_is_an_error(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kubectl_canary", *words, "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert 4 == done.returncode
    assert done.stderr.startswith("error: cannot write to standard output: ")


def test_a_flag_without_its_value_names_the_help_of_the_verb(canary: Callable[..., Result]) -> None:
    assert canary("render", "--phase").err.endswith("render --help'.\n")


def test_what_moves_a_cursor_is_shown_as_an_escape(canary: Callable[..., Result], tmp_path: Path) -> None:
    text = SEED.read_text().replace("name: my-app", 'name: "\\e[2J\\u202e"')
    (tmp_path / "canary.yaml").write_text(text)
    for verb in (("plan", "-f", tmp_path / "canary.yaml"), ("validate", tmp_path / "canary.yaml")):
        result = canary(*verb)
        said = result.out + result.err
        assert 1 == result.code
        assert "\\x1b[2J\\u202e" in said
        assert not {"\x1b", "\u202e"} & set(said)


def test_what_was_printed_is_not_denied(
    canary: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback has one thing to print by --print, and in a cluster says what it does."""

    def patch_and_fail(*_: object) -> int:
        output.write("patched\n")
        raise KeyboardInterrupt

    monkeypatch.setattr("kubectl_canary.commands.run.rollback.run", patch_and_fail)
    assert "interrupted" == canary("rollback", "--print", "-f", SEED).err.strip()
    assert "nothing was printed" in canary("render", "-f", SEED, "--set", "spec.stable.replicas=x").err


def test_a_working_directory_that_was_taken_away_is_no_bug(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f'rmdir {gone} && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", line, "sh", *COMMAND, "validate", "x.yaml"],
        capture_output=True,
        text=True,
        cwd=gone,
        check=False,
    )
    said = (
        "error: the working directory is not there any more, nothing was printed\n`cd` goes to one that is\n"
    )
    assert (4, "", said) == (done.returncode, done.stdout, done.stderr.lstrip())
