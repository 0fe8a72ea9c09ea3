"""Build what is released into dist/: `python scripts/dist.py`.

- kubectl-canary_VERSION_OS_ARCH.tar.gz runs without Python, on this machine's kind of machine;
- kubectl-canary_VERSION_any.tar.gz is a zipapp that needs python3, with modules compiled for every Python found here;
- the wheel and the sdist, checksums.txt, and plugin.yaml for krew with the archives' checksums.

The same source, Pythons and requirements make the same bytes. The archive's glibc floor is printed.

`python scripts/dist.py --assemble` writes plugin.yaml and checksums.txt anew for what lies in dist/: the archives of
several platforms, each built on its own.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
REQUIREMENTS = ROOT / "scripts/dist-requirements.txt"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
WINDOWS = platform.system() == "Windows"
EPOCH = 1_700_000_000  # of every file in every archive
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
# what neither we nor our dependencies use on the way, and what weighs
UNUSED = (
    "_bz2", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr", "_codecs_tw", "_ctypes",
    "_curses", "_hashlib", "_lzma", "_multibytecodec", "_multiprocessing", "_sqlite3", "_tkinter", "asyncio",
    "bz2", "concurrent", "ctypes", "curses", "doctest", "hypothesis", "lzma", "multiprocessing", "pdb",
    "pydoc", "readline", "setuptools", "sqlite3", "statistics", "tkinter", "unittest", "xmlrpc",
)  # fmt: skip
STARTER = '''\
"""Modules compiled for this Python where the archive has them, sources where not."""
import sys

if sys.version_info < (3, 10):
    sys.exit("error: kubectl canary needs Python 3.10 or newer; python3 is %d.%d" % sys.version_info[:2])
archive = sys.path[0]
sys.path[:1] = ["%s/cp%d%d" % ((archive,) + sys.version_info[:2]), archive + "/source"]
import kubectl_canary

if archive + "/source/kubectl_canary" not in kubectl_canary.__path__:
    kubectl_canary.__path__.append(archive + "/source/kubectl_canary")
from kubectl_canary.entry import main

main()
'''


def main() -> None:
    if sys.argv[1:] == ["--assemble"]:
        write_plugin()
        write_checksums()
        return
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = copied_source(folder / "source")
        python = environment(folder / "environment")
        version = run(
            [python, "-c", "import kubectl_canary; print(kubectl_canary.__version__)"], cwd=source
        ).strip()
        distributions(python, source)
        site = bundled(python, source, folder / "site")
        own = f"kubectl-canary_v{version}_{system()}{'.zip' if WINDOWS else '.tar.gz'}"
        everywhere = f"kubectl-canary_v{version}_any.tar.gz"
        alone = one_folder(python, site, folder / "frozen")
        if platform.system() == "Linux":
            print(f"{own} needs glibc {glibc_floor(alone)} or newer")
        archive(DIST / own, [*tree(alone), *licences(site)])
        app = zipapp(site, folder)
        archive(DIST / everywhere, [("kubectl-canary", app), *licences(site)])
    write_plugin()
    write_checksums()


def run(command: Sequence[str | Path], cwd: Path | None = None) -> str:
    """The output of a command that must not depend on this machine's settings."""
    known = {
        key: os.environ[key]
        for key in ("PATH", "HOME", "PIP_INDEX_URL", "PIP_CONFIG_FILE")
        if key in os.environ
    }
    settings = {
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "PYTHONHASHSEED": "0",
        "PYTHONNODEBUGRANGES": "1",  # a quarter of each compiled module: columns in tracebacks
        "LC_ALL": "C.UTF-8",
        "PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "0",  # the archive is compressed whole; its modules, at each start
    }
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=known | settings, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def system() -> str:
    """`linux_amd64`, as krew writes it."""
    machine = platform.machine()
    return f"{platform.system().lower()}_{ARCHITECTURES.get(machine, machine)}"


def copied_source(folder: Path) -> Path:
    """The tracked files alone."""
    for name in run(["git", "ls-files", "-z"], cwd=ROOT).split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def environment(folder: Path) -> Path:
    """A Python with the requirements."""
    run([sys.executable, "-m", "venv", folder])
    python = folder / ("Scripts/python.exe" if WINDOWS else "bin/python")
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS])
    return python


def distributions(python: Path, source: Path) -> None:
    """The wheel and the sdist, the latter packed anew: setuptools writes the hour into it."""
    with tempfile.TemporaryDirectory() as scratch:
        run([python, "-m", "build", "--no-isolation", "--outdir", scratch, source])
        for file in Path(scratch).iterdir():
            if file.suffix == ".whl":
                with_compiled(file, Path(scratch, "wheel"))
            else:
                with tarfile.open(file) as packed:
                    packed.extractall(Path(scratch, "unpacked"), filter="data")
                archive(DIST / file.name, tree(Path(scratch, "unpacked")))


def with_compiled(wheel: Path, folder: Path) -> None:
    """The wheel with its modules compiled for every Python found here, so that the first run compiles nothing.

    Not every installer compiles (uv does not), and a read-only site-packages never gets what it lacks.
    """
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)  # noqa: S202  we have just built it
    for python in pythons():
        run([python, "-m", "compileall", "-q", "--invalidation-mode=checked-hash", f"-s{folder}", folder])
    record = next(folder.glob("*.dist-info")) / "RECORD"
    own = record.relative_to(folder).as_posix()
    lines = [
        f"{name},sha256={wheel_digest(file)},{file.stat().st_size}"
        for name, file in tree(folder)
        if name != own
    ]
    record.write_text("\n".join([*lines, f"{own},,"]) + "\n", encoding="utf-8")
    write_zip(DIST / wheel.name, tree(folder))


def wheel_digest(file: Path) -> str:
    """As RECORD has it: base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).decode().rstrip("=")


def bundled(python: Path, source: Path, site: Path) -> Path:
    """Our package and its dependencies in one folder, in Python alone."""
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--target",
        site,
    ]
    wanted = [
        line for line in REQUIREMENTS.read_text().splitlines() if line.partition("==")[0].lower() in NAMES
    ]
    run([*install, "--no-compile", *wanted])
    run([*install, "--no-compile", "--upgrade", next(DIST.glob("*.whl"))])
    for folder in list(site.rglob("__pycache__")):
        shutil.rmtree(folder)
    for file in [*site.rglob("*.so"), *site.rglob("*.pyd"), *site.rglob("*.c"), *site.rglob("*.pyi")]:
        file.unlink()
    for folder in (
        site / "bin",
        site / "jsonschema/tests",
        site / "jsonschema/benchmarks",
        site / "pyrsistent.libs",
    ):
        shutil.rmtree(folder, ignore_errors=True)
    (site / "ruamel/__init__.py").touch()  # a zip file has no namespace packages before Python 3.13
    return site


NAMES = (
    "attrs",
    "certifi",
    "click",
    "h11",
    "h2",
    "hpack",
    "httpcore",
    "hyperframe",
    "jinja2",
    "jsonschema",
    "markupsafe",
    "pyrsistent",
    "pyyaml",
    "ruamel.yaml",
    "urllib3",
)


def licences(site: Path) -> Iterator[tuple[str, Path]]:
    """Our licence and notice, and those of what is inside."""
    yield "LICENSE", ROOT / "LICENSE"
    yield "NOTICE", ROOT / "NOTICE"
    for folder in sorted(site.glob("*.dist-info")):
        name = folder.name.partition("-")[0].lower()
        if name != "kubectl_canary":
            for file in sorted(folder.rglob("*")):
                if (
                    re.match(r"(licen[cs]e|copying|notice|authors)", file.name, re.IGNORECASE)
                    and file.is_file()
                ):
                    yield f"licenses/{name}/{file.name}", file


def one_folder(python: Path, site: Path, scratch: Path) -> Path:
    """A folder with a program that needs no Python, by PyInstaller."""
    scratch.mkdir()
    run(
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            next(DIST.glob("*.whl")),
        ]
    )
    entry = scratch / "entry.py"
    entry.write_text("from kubectl_canary.entry import main\n\nmain()\n")
    command: list[str | Path] = [
        python, "-m", "PyInstaller", "--onedir", "--name=kubectl-canary", "--contents-directory=lib", "--noconfirm",
        "--noupx", "--log-level=ERROR", "--collect-submodules=kubectl_canary",
        f"--distpath={scratch / 'made'}", f"--workpath={scratch / 'work'}", f"--specpath={scratch}",
    ]  # fmt: skip
    command += ["--strip"] if shutil.which("strip") and not WINDOWS else []
    command += [f"--exclude-module={name}" for name in UNUSED]
    for folder in ("templates", "schemas"):
        command.append(f"--add-data={site / 'kubectl_canary' / folder}:kubectl_canary/{folder}")
    run([*command, entry], cwd=scratch)
    made = scratch / "made/kubectl-canary"
    for file in [*made.rglob("*.py"), *made.rglob("*.dist-info")]:
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return made


def glibc_floor(folder: Path) -> str:
    """The newest glibc symbol version that a program or library in the folder asks for."""
    found = {(0, 0)}
    for file in [folder / "kubectl-canary", *folder.rglob("*.so*")]:
        symbols = run(["objdump", "-T", file])
        found |= {(int(a), int(b)) for a, b in re.findall(r"GLIBC_(\d+)\.(\d+)", symbols)}
    return ".".join(map(str, max(found)))


def zipapp(site: Path, scratch: Path) -> Path:
    """One executable file: sources, and modules compiled for every Python that is found."""
    members: dict[str, bytes] = {"__main__.py": STARTER.encode()}
    sources = [file for file in sorted(site.rglob("*")) if file.is_file() and ".dist-info" not in str(file)]
    for file in sources:
        members[f"source/{file.relative_to(site).as_posix()}"] = file.read_bytes()
    for python in pythons():
        for name, data in compiled(python, site, scratch):
            members[name] = data
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(members):
            file.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), members[name])
    app = scratch / "kubectl-canary"
    app.write_bytes(b"#!/usr/bin/env python3\n" + packed.getvalue())
    app.chmod(0o755)
    return app


def pythons() -> Iterator[str]:
    """The Pythons to compile for: this one, and the others on PATH or in pyenv."""
    own = ".".join(map(str, sys.version_info[:2]))
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in PYTHONS:
        others = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"{version}.*/bin/python"))]
        working = [one for one in ([sys.executable] if version == own else others) if one and works(one)]
        if working:
            yield working[0]
        else:
            print(f"no Python {version} here: the zipapp has sources for it, and starts slower")


def works(python: str) -> bool:
    """Whether it runs: a shim of pyenv need not."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def compiled(python: str, site: Path, scratch: Path) -> Iterator[tuple[str, bytes]]:
    """The modules as that Python compiles them, without the hour and without paths of this machine.

    Those of others have no docstrings: nobody reads them there, and they weigh a megabyte. Ours are what rules say.
    """
    tag = run([python, "-c", "import sys; print('cp%d%d' % sys.version_info[:2])"]).strip()
    target = scratch / tag
    shutil.copytree(site, target, ignore=shutil.ignore_patterns("*.dist-info"))
    options = ["-q", "-b", "--invalidation-mode=unchecked-hash", f"-s{target}", "-p/kubectl-canary"]
    run([python, "-m", "compileall", *options, target / "kubectl_canary"])
    run([python, "-OO", "-m", "compileall", *options, "-x", "/kubectl_canary/", target])
    for file in sorted(set(target.rglob("*.pyc")) - set(target.glob("kubectl_canary/[st]*s/__init__.pyc"))):
        yield f"{tag}/{file.relative_to(target).as_posix()}", file.read_bytes()


def tree(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder, by its path inside it."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file


def archive(path: Path, files: Iterable[tuple[str, Path]]) -> None:
    """A tar.gz or zip of files alone, no links, in one order, of one hour and owner."""
    if path.suffix == ".zip":
        write_zip(path, files)
        return
    with (
        gzip.GzipFile(path, "wb", compresslevel=9, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name, file in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = file.stat().st_size, EPOCH
            entry.mode = 0o755 if file.stat().st_mode & 0o100 else 0o644
            with file.open("rb") as content:
                tar.addfile(entry, content)


def write_zip(path: Path, files: Iterable[tuple[str, Path]]) -> None:
    """A zip file of files alone, in one order, of one hour."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, file in sorted(files):
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100755 if file.stat().st_mode & 0o100 else 0o100644) << 16
            packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_plugin() -> None:
    """The krew manifest: a platform gets its own archive where there is one, other Unixes the one for python3."""
    text = (ROOT / "plugin.yaml").read_text(encoding="utf-8")
    head, _, _ = text.partition("  # the archives")
    lines = [head.rstrip(), "  platforms:"]
    for one in yaml.safe_load(text)["spec"]["platforms"]:
        base, _, name = one["uri"].rpartition("/")
        labels = one["selector"]["matchLabels"]
        everywhere = name.replace(f"_{labels['os']}_{labels['arch']}", "_any")
        file = name if (DIST / name).exists() else everywhere
        if (DIST / file).exists() and (file == name or labels["os"] != "windows"):
            lines += [
                f"  - selector: {{matchLabels: {{os: {labels['os']}, arch: {labels['arch']}}}}}",
                f"    uri: {base}/{file}",
                f'    sha256: "{digest(DIST / file)}"',
                f"    bin: {one['bin']}",
            ]
    (DIST / "plugin.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_checksums() -> None:
    files = sorted(file for file in DIST.iterdir() if file.name != "checksums.txt")
    lines = [f"{digest(file)}  {file.name}" for file in files]
    (DIST / "checksums.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for line in lines:
        size = (DIST / line.split()[1]).stat().st_size
        print(f"{line}  {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
