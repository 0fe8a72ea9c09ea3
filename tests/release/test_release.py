"""What is released, installed as users do: archives, krew, checksums. `make test-dist` builds it first, twice."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, SEED
from test_packaging import interpreter
from uv import find_uv_bin

CASE = ROOT / "tests/cases/odd-scalars"
EXPECTED = (CASE / "expected/02-5-percent.yaml").read_bytes()
RENDER = ["render", "-f", str(CASE / "canary.yaml"), "--set", "spec.phase=5%"]
LARGEST = 11_000_000  # of which our own modules, compiled for four Pythons, are half
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def built(folder: Path) -> Path:
    """A clone of its own, in which `scripts/dist.py` has run."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    done = subprocess.run(
        [sys.executable, "scripts/dist.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "dist.log").write_text(done.stdout)
    return folder / "dist"


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("first") / "clone")


@pytest.fixture(scope="session")
def own(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive of this machine's platform."""
    return unpacked(next(dist.glob("*_linux_*.tar.gz")), tmp_path_factory.mktemp("with spaces in it"))


@pytest.fixture(scope="session")
def everywhere(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive that needs python3."""
    return unpacked(next(dist.glob("*_any.tar.gz")), tmp_path_factory.mktemp("any"))


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def rendered(program: Path, environment: dict[str, str], *arguments: str) -> bytes:
    done = subprocess.run(
        [program, *(arguments or RENDER)], env=environment, capture_output=True, check=False, cwd="/"
    )
    assert (0, b"") == (done.returncode, done.stderr)
    return done.stdout


def test_the_same_source_makes_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    again = built(tmp_path / "elsewhere")
    files = sorted(file.name for file in dist.iterdir())
    assert 6 == len(files)
    assert files == sorted(file.name for file in again.iterdir())
    for name in files:
        assert (dist / name).read_bytes() == (again / name).read_bytes(), name


def test_archives_hold_no_links_and_every_licence(dist: Path) -> None:
    archives = sorted(dist.glob("kubectl-canary_*.tar.gz"))
    assert 2 == len(archives)
    for archive in archives:
        assert archive.stat().st_size < LARGEST
        with tarfile.open(archive) as packed:
            members = packed.getmembers()
        assert all(member.isfile() for member in members)
        names = {member.name for member in members}
        assert {"LICENSE", "NOTICE", "kubectl-canary"} <= names
        parts = {name.split("/")[1] for name in names if name.startswith("licenses/")}
        assert {
            "attrs",
            "click",
            "jinja2",
            "jsonschema",
            "markupsafe",
            "pyrsistent",
            "pyyaml",
            "ruamel_yaml",
        } <= parts


def test_checksums_are_the_files(dist: Path) -> None:
    lines = (dist / "checksums.txt").read_text().splitlines()
    found = {line.split()[1]: line.split()[0] for line in lines}
    assert found.keys() == {file.name for file in dist.iterdir()} - {"checksums.txt"}
    for name, digest in found.items():
        assert digest == hashlib.sha256((dist / name).read_bytes()).hexdigest()


def test_the_archive_runs_where_no_python_is(own: Path, tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "HOME": "/nonexistent"}
    assert EXPECTED == rendered(own / "kubectl-canary", nothing)
    assert EXPECTED == rendered(own / "kubectl-canary", {})


@pytest.mark.parametrize("output", ["text", "json", "sarif", "github", "junit"])
def test_every_format_is_in_the_archive(own: Path, output: str) -> None:
    wrong = b"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: A}\n"
    command = [own / "kubectl-canary", "validate", "-", "-o", output]
    done = subprocess.run(command, input=wrong, env={}, capture_output=True, check=False)
    assert (1, b"") == (done.returncode, done.stderr)
    assert b"RFC 1123" in done.stdout


@pytest.mark.parametrize("form", ["own", "everywhere"])
def test_functions_and_post_renderers_are_in_the_archives(
    form: str, own: Path, everywhere: Path, tmp_path: Path
) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    program = {"own": own, "everywhere": everywhere}[form] / "kubectl-canary"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    asked = yaml.safe_load(SEED.read_text())
    call = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": [],
        "functionConfig": asked,
    }
    expected = [*yaml.safe_load_all(rendered(program, environment, "render", "-f", str(SEED)))]
    for verb, given in (("krm", call), ("post-render", asked)):
        done = subprocess.run(
            [program, verb],
            input=yaml.safe_dump(given).encode(),
            env=environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answered = [one for one in yaml.safe_load_all(done.stdout) if one]
        assert expected == (answered[0]["items"] if verb == "krm" else answered)


SURROUNDINGS = {
    "no HOME": {},
    "a HOME that cannot be written": {"HOME": "/proc"},
    "a locale of C": {"LC_ALL": "C", "HOME": "/"},
    "a dumb terminal": {"TERM": "dumb"},
    "20 columns": {"COLUMNS": "20", "TERM": "xterm"},
    "NO_COLOR": {"NO_COLOR": "1"},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
@pytest.mark.parametrize("form", ["own", "everywhere"])
def test_what_surrounds_it_changes_nothing(
    form: str, name: str, own: Path, everywhere: Path, tmp_path: Path
) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    program = {"own": own, "everywhere": everywhere}[form] / "kubectl-canary"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", **SURROUNDINGS[name]}
    assert EXPECTED == rendered(program, environment)
    assert b"Available Commands:" in rendered(program, environment, "--help")


def test_a_file_from_windows_renders_the_same(own: Path, tmp_path: Path) -> None:
    text = (CASE / "canary.yaml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    (tmp_path / "canary.yaml").write_bytes(b"\xef\xbb\xbf" + text)
    words = ["render", "-f", str(tmp_path / "canary.yaml"), "--set", "spec.phase=5%"]
    assert EXPECTED == rendered(own / "kubectl-canary", {}, *words)


def test_the_archive_says_what_it_needs(dist: Path) -> None:
    log = (dist.parent / "dist.log").read_text()
    assert re.search(r"_linux_\w+\.tar\.gz needs glibc 2\.\d+ or newer", log)


def test_the_zipapp_runs_on_this_python(everywhere: Path, tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    assert EXPECTED == rendered(everywhere / "kubectl-canary", {"PATH": f"{tmp_path}:/usr/bin:/bin"})


def test_the_zipapp_without_python_says_so(everywhere: Path, tmp_path: Path) -> None:
    (tmp_path / "env").symlink_to("/usr/bin/env")
    done = subprocess.run(
        [everywhere / "kubectl-canary"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "python3" in done.stderr


def test_the_zipapp_says_which_python_it_needs(everywhere: Path) -> None:
    """An older Python is stood in for: what it is asked to run says so before it imports anything."""
    app = everywhere / "kubectl-canary"
    starter = zipfile.ZipFile(app).read("__main__.py").decode()
    ast.parse(starter, feature_version=(3, 4))  # nothing in it that an old Python cannot read
    older = "import runpy, sys; sys.version_info = (3, 9, 1, 'final', 0); runpy.run_path(sys.argv[1], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", older, app], capture_output=True, text=True, check=False)
    assert (1, "") == (done.returncode, done.stdout)
    assert "error: kubectl canary needs Python 3.10 or newer; python3 is 3.9\n" == done.stderr


ANYWHERE = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
# root may write whatever the modes are: in a mount namespace, the folder is read-only for it too
READ_ONLY = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
! touch "$1/written" 2>/dev/null
shift
exec "$@"
"""


def read_only(folder: Path, command: list[object]) -> list[object]:
    """The command, for which a folder cannot be written."""
    if os.geteuid() == 0:
        return ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", folder, *command]
    subprocess.run(["chmod", "-R", "a-w", folder], check=True)
    return command


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_the_wheel_brings_its_compiled_modules(version: str, dist: Path, tmp_path: Path) -> None:
    """Installed by uv, which compiles nothing, into a folder that nobody may write."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    environment = tmp_path / "environment"
    for words in (
        ["venv", "--quiet", "--python", python, environment],
        ["pip", "install", "--quiet", "--python", environment / "bin/python", next(dist.glob("*.whl"))],
        ["pip", "check", "--quiet", "--python", environment / "bin/python"],
    ):
        subprocess.run([find_uv_bin(), *map(str, words)], check=True)
    before = sorted(environment.rglob("kubectl_canary/**/*.pyc"))
    command = [environment / "bin/python", "-v", "-m", "kubectl_canary", *RENDER]
    done = subprocess.run(
        read_only(environment, command), cwd=tmp_path, env=ANYWHERE, capture_output=True, check=False
    )
    assert (0, EXPECTED) == (done.returncode, done.stdout)
    loaded = re.findall(r"code object from '?([^'\n]*/kubectl_canary/[^'\n]*)", done.stderr.decode())
    assert 30 < len(loaded)
    assert [] == [file for file in loaded if not file.endswith(".pyc")]
    assert before == sorted(environment.rglob("kubectl_canary/**/*.pyc"))
    subprocess.run(["chmod", "-R", "u+w", environment], check=True)


def test_pip_installs_and_removes_the_wheel_whole(dist: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    python = tmp_path / "environment/bin/python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", next(dist.glob("*.whl"))], check=True)
    assert EXPECTED == rendered(tmp_path / "environment/bin/kubectl-canary", {})
    subprocess.run([*pip, "check"], check=True)
    subprocess.run([*pip, "uninstall", "--yes", "kubectl-canary"], check=True)
    assert [] == [file for file in tmp_path.rglob("*kubectl_canary*") if file.is_file()]
    assert [] == list(tmp_path.rglob("kubectl_canary"))


@pytest.fixture
def krew(program: Callable[[str], Path], tmp_path: Path) -> Run:
    """Krew with a root of its own, beside kubectl on PATH."""
    path = [tmp_path / "krew/bin", program("kubectl").parent, program("krew").parent, "/usr/bin", "/bin"]
    environment = {
        "PATH": os.pathsep.join(map(str, path)), "KREW_ROOT": str(tmp_path / "krew"), "HOME": str(tmp_path),
        "KUBECONFIG": "/dev/null", "KREW_NO_UPGRADE_CHECK": "1",
    }  # fmt: skip

    def run(*command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, command)),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

    return run


def test_krew_accepts_the_manifest(dist: Path, program: Callable[[str], Path], tmp_path: Path) -> None:
    for manifest in (dist / "plugin.yaml", ROOT / "plugin.yaml"):
        shutil.copy(manifest, tmp_path / "canary.yaml")
        command = [program("validate-krew-manifest"), "-manifest", tmp_path / "canary.yaml", "-skip-install"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_krew_installs_it_and_kubectl_runs_it(dist: Path, krew: Run) -> None:
    archive = next(dist.glob("*_linux_*.tar.gz"))
    installed = krew("krew", "install", f"--manifest={dist / 'plugin.yaml'}", f"--archive={archive}")
    assert installed.returncode == 0, installed.stderr
    assert "needs python3" in installed.stderr
    done = krew("kubectl", "canary", *RENDER)
    assert (0, EXPECTED.decode(), "") == (done.returncode, done.stdout, done.stderr)


def test_krew_refuses_a_corrupt_archive(dist: Path, krew: Run, tmp_path: Path) -> None:
    data = bytearray(next(dist.glob("*_linux_*.tar.gz")).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "corrupt.tar.gz").write_bytes(data)
    done = krew(
        "krew", "install", f"--manifest={dist / 'plugin.yaml'}", f"--archive={tmp_path / 'corrupt.tar.gz'}"
    )
    assert done.returncode
    assert "checksum does not match" in done.stderr
    missing = krew(
        "krew", "install", f"--manifest={dist / 'plugin.yaml'}", f"--archive={tmp_path / 'none.tar.gz'}"
    )
    assert missing.returncode
    assert "no such file" in missing.stderr


@pytest.fixture
def served(dist: Path, server: Callable[[Path], str]) -> str:
    """The address of a server on this machine that has the archives."""
    return server(dist)


def test_an_index_of_ones_own_installs_and_upgrades(
    dist: Path, krew: Run, served: str, tmp_path: Path
) -> None:
    """A Git repository with plugins/canary.yaml, first of a version before, then of this one."""
    index = tmp_path / "index"
    (index / "plugins").mkdir(parents=True)
    publish(index, dist, served, "v0.0.9", krew)
    added = krew("krew", "index", "add", "ours", index)
    assert added.returncode == 0, added.stderr
    installed = krew("krew", "install", "ours/canary")
    assert installed.returncode == 0, installed.stderr
    assert "v0.0.9" in krew("krew", "list").stdout + krew("krew", "info", "ours/canary").stdout
    publish(index, dist, served, "v0.1.0", krew)
    upgraded = krew("krew", "upgrade", "canary")
    assert upgraded.returncode == 0, upgraded.stderr
    assert "v0.1.0" in krew("krew", "info", "ours/canary").stdout
    assert EXPECTED.decode() == krew("kubectl", "canary", *RENDER).stdout
    removed = krew("krew", "uninstall", "canary")
    assert removed.returncode == 0, removed.stderr
    assert krew("kubectl", "canary", *RENDER).returncode


def publish(index: Path, dist: Path, served: str, version: str, krew: Run) -> None:
    manifest = yaml.safe_load((dist / "plugin.yaml").read_text())
    manifest["spec"]["version"] = version
    for platform in manifest["spec"]["platforms"]:
        platform["uri"] = f"{served}/{platform['uri'].rpartition('/')[2]}"
    (index / "plugins/canary.yaml").write_text(yaml.safe_dump(manifest))
    git = ["git", "-C", index, "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (
        ["init", "--quiet", "--initial-branch=master"],
        ["add", "--all"],
        ["commit", "--quiet", "-m", version],
    ):
        done = krew(*git, *words)
        assert done.returncode == 0, done.stderr


def test_the_release_bots_template_makes_the_manifest(program: Callable[[str], Path], tmp_path: Path) -> None:
    """The bot's two functions, done here: it needs an account and the published archives."""
    text = (ROOT / ".krew.yaml").read_text()

    def address(match: re.Match[str]) -> str:
        assert match.group(1) == "    ", "the bot writes sha256 four spaces deep"
        return f'    uri: {match.group(2)}\n    sha256: "{"0" * 64}"'

    text = re.sub(r'^( *)\{\{addURIAndSha "(.*)" \.TagName \}\}$', address, text, flags=re.MULTILINE)
    text = text.replace("{{ .TagName }}", "v0.1.0")
    assert "{{" not in text
    (tmp_path / "canary.yaml").write_text(text)
    command = [program("validate-krew-manifest"), "-manifest", tmp_path / "canary.yaml", "-skip-install"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((ROOT / "plugin.yaml").read_text()) == yaml.safe_load(text)


def test_archives_of_several_platforms_make_one_manifest(dist: Path, tmp_path: Path) -> None:
    """As the release workflow does, which builds each on its own machine; stand-ins for those of other platforms."""
    clone = shutil.copytree(dist.parent, tmp_path / "clone", ignore=shutil.ignore_patterns(".git"))
    own = next((clone / "dist").glob("*_linux_*.tar.gz"))
    for name in ("darwin_arm64.tar.gz", "windows_amd64.zip"):
        (clone / f"dist/kubectl-canary_v0.1.0_{name}").write_bytes(name.encode())
    done = subprocess.run(
        [sys.executable, "scripts/dist.py", "--assemble"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    platforms = yaml.safe_load((clone / "dist/plugin.yaml").read_text())["spec"]["platforms"]
    files = {
        "_".join(one["selector"]["matchLabels"].values()): one["uri"].rpartition("/")[2] for one in platforms
    }
    assert own.name in files.values()
    assert "kubectl-canary_v0.1.0_darwin_arm64.tar.gz" == files["darwin_arm64"]
    assert "kubectl-canary_v0.1.0_any.tar.gz" == files["darwin_amd64"]
    assert "kubectl-canary_v0.1.0_windows_amd64.zip" == files["windows_amd64"]
    for one in platforms:
        data = (clone / "dist" / one["uri"].rpartition("/")[2]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == one["sha256"]


NOBODY = 65532
CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"
# in a mount namespace: the root filesystem read-only, then the program as nobody in particular
CONTAINED = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$2" "$1/work"
mount -o remount,bind,ro "$1"
shift 2
exec "$@"
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("apt-get") is None,
    reason="the steps of a Dockerfile are run with chroot, which needs root, on Debian's packages",
)
def test_the_dockerfile_makes_a_container_that_writes_nothing(
    dist: Path, program: Callable[[str], Path], tmp_path: Path
) -> None:
    """Its steps, one by one, on Debian's C library and busybox; no container builder is needed."""
    root, work = tmp_path / "root", tmp_path / "work"
    shutil.copytree(program("container"), root, symlinks=True)
    (root / "bin/sh").symlink_to("busybox")
    work.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    shutil.copy(CASE / "canary.yaml", work)
    arguments: dict[str, str] = {}
    user, folder, entry = "0:0", "/", []
    for line in (ROOT / "contrib/docker/Dockerfile").read_text().splitlines():
        word, _, rest = line.partition(" ")
        for name, value in arguments.items():
            rest = rest.replace(f"${{{name}}}", value)
        if word == "ARG":
            arguments |= dict([rest.split("=", 1)])
        elif word == "ADD":
            source, target = rest.split()
            unpacked(dist / source, root / target.strip("/"))
        elif word == "RUN":
            for shown in ("usr/local/bin", "work"):
                (root / shown).mkdir(parents=True, exist_ok=True)
            subprocess.run(
                [CHROOT, root, "/bin/sh", "-c", rest], env={"PATH": "/usr/local/bin:/bin"}, check=True
            )
        elif word == "USER":
            user = rest
        elif word == "WORKDIR":
            folder = rest
        elif word == "ENTRYPOINT":
            entry = yaml.safe_load(rest)
        else:
            assert word in ("#", "", "FROM"), line
    assert (f"{NOBODY}:{NOBODY}", "/work") == (user, folder)

    def contained(*words: str) -> subprocess.CompletedProcess[bytes]:
        inside = [
            "chroot",
            f"--userspec={user}",
            root,
            "/bin/sh",
            "-c",
            f'cd {folder} && exec "$@"',
            "sh",
            *words,
        ]
        command = ["unshare", "--mount", "sh", "-c", CONTAINED, "sh", root, work, *inside]
        return subprocess.run(
            command,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"},
            capture_output=True,
            check=False,
        )

    done = contained(*entry, "render", "--set", "spec.phase=5%")
    assert (0, EXPECTED, b"") == (done.returncode, done.stdout, done.stderr)
    assert 0 == contained(*entry, "validate").returncode
    assert b"Read-only file system" in contained("sh", "-c", "echo > /opt/kubectl-canary/a").stderr
