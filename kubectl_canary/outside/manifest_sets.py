"""Sets of manifests by the names that users give them: a file, a folder, a kustomization, a commit, standard input."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from kubectl_canary.errors import Refused, UsageError, WorldError
from kubectl_canary.expressions import regex
from kubectl_canary.findings import Finding, Where
from kubectl_canary.outside import files, git, kubectl
from kubectl_canary.records import dataclass

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
NO_MANIFESTS = (*KUSTOMIZATIONS, "Chart.yaml", "values.yaml")
GIT = "git:"
BY_HAND = "name the file by its path in a working tree"
LFS = "version https://git-lfs.github.com/spec/"
# what only Helm fills in: other templates stand in ConfigMaps and annotations, and are meant
TEMPLATE = regex(
    r"^\s*\{\{|\{\{.*(\.(Values|Release|Chart|Capabilities|Template)\b|\b(include|toYaml|tpl)\b)"
)
BLOCK = regex(r"(^|[:\-]\s+)(&\S+\s+|!\S*\s+)*[|>][-+0-9]*\s*(#.*)?$")


@dataclass(frozen=True)
class Text:
    """A text of manifests; `file` is the name to show in errors."""

    file: str
    text: str


@dataclass(frozen=True)
class _Place:
    """A file or folder to read, the name to show, and how to get at it with other programs.

    `first` is the command that has to run before, and `reach` the name that it has then.
    """

    real: str
    shown: str
    reach: str
    first: str = ""

    def below(self, real: str) -> str:
        """The name to show of a file below."""
        if self.real == self.shown:
            return real
        rest = os.path.relpath(real, self.real).replace(os.sep, "/")
        if rest == ".":
            return self.shown
        return f"{self.shown}{'' if self.shown.endswith(':') else '/'}{rest}"


def read(source: str, base: str, same_as: str | None = None) -> list[Text]:
    """The texts of a file, a folder, a kustomization, standard input (`-`), or of `git:REF` or `git:REF:PATH`.

    Paths start in the folder `base`; `git:REF` is the path `same_as` at a tag or commit, and the PATH of `git:REF:PATH`
    starts at the top of the repository. Raises UsageError where it names nothing that could be read, WorldError where
    that is not there or a program fails, Refused for what is in there and is no manifest.
    """
    if source == "-":
        shown, text = files.read_text("-", files.MAX_MANIFESTS)
        place = _Place("-", shown, "CHART")
        return _checked([Text(shown, text)], place)
    if source.startswith(GIT):
        commit, path = _at(source, base, same_as)
        return list(_of_commit(commit, path))
    name = _typed(source, base)
    return _texts(_Place(name, name, name))


def _typed(source: str, base: str) -> str:
    """A path from the working directory, as short as it can be."""
    if not source:
        raise UsageError("a file without a name", "name a file or folder of manifests")
    whole = Path(base, source)
    short = os.path.normpath(whole)
    return short if os.path.realpath(short) == os.path.realpath(whole) else str(whole)


def _at(source: str, base: str, same_as: str | None) -> tuple[git.Commit, str]:
    ref, named, path = source.removeprefix(GIT).partition(":")
    if not ref:
        raise UsageError(
            f"{source} names neither a tag nor a commit", "write `git:TAG`, or `git:<full commit>`"
        )
    if named:
        return git.commit_here(base, ref), _clean(source, path)
    if not same_as or same_as == "-" or same_as.startswith(GIT):
        raise UsageError(f"{source} names no path", f"write `{source}:PATH`, from the top of the repository")
    return git.commit(base, same_as, ref)


def _clean(source: str, path: str) -> str:
    """A path from the top of a repository as git has it, so that it leads nowhere else."""
    clean = os.path.normpath(path or ".").replace(os.sep, "/")
    if clean.startswith(("../", "/")) or clean == ".." or Path(clean).is_absolute():
        raise UsageError(
            f"{source} leads out of the repository", "its path starts at the top of the repository"
        )
    return "" if clean == "." else clean


@functools.lru_cache(maxsize=8)
def _of_commit(commit: git.Commit, path: str) -> tuple[Text, ...]:
    """The texts of a path in a commit, once in a process: a commit does not change."""
    import tempfile  # with it come random numbers, which folders need none of

    entries = commit.entries()
    git.refuse_submodule(commit, entries, path)
    with tempfile.TemporaryDirectory(prefix="kubectl-canary-") as temporary:
        folder = os.path.realpath(temporary)
        out = commit.write(_needed(entries, path), folder)
        real = str(Path(folder, path))
        _refuse_links(commit, path, out)
        if not Path(real).exists():
            raise git.missing(commit, entries, path)
        first, aside = commit.aside()
        place = _Place(real, f"git:{commit.ref}:{path}", str(Path(aside, path)), first)
        return tuple(_texts(place, folder))


def _needed(entries: Sequence[git.Entry], path: str) -> Sequence[git.Entry]:
    """What has to be written to read a path: all where a kustomization or a link may lead anywhere."""
    below = [entry for entry in entries if not path or f"{entry.path}/".startswith(f"{path}/")]
    leads = any(entry.mode == git.LINK or _name(entry.path) in KUSTOMIZATIONS for entry in below)
    return entries if leads or not below else below


def _refuse_links(commit: git.Commit, path: str, out: Iterable[str]) -> None:
    """Raise Refused where a path leads through links, or to some, that lead out of the repository."""
    inside = f"{path}/" if path else ""
    met = [link for link in out if f"{link}/".startswith(inside) or f"{path}/".startswith(f"{link}/")]
    if met:
        findings = [
            _finding(f"git:{commit.ref}:{link}", "a link that leads out of the repository") for link in met
        ]
        raise Refused(f"git:{commit.ref}:{path} is not valid", findings, "put the file itself in its place")


def _texts(place: _Place, root: str = "") -> list[Text]:
    """The texts of a file or folder; `root` is a temporary folder, whose name is not to be shown."""
    if not Path(place.real).is_dir():
        return _checked([_text(place, place.real)], place)
    if is_kustomization(place.real):
        return [_kustomized(place, root)]
    names = _manifests_in(place)
    if not names:
        raise UsageError(f"{place.shown} has no manifests", "name a folder with .yaml, .yml or .json files")
    return _checked([_text(place, name) for name in names], place)


def is_kustomization(folder: str) -> bool:
    """Whether what a folder has is read as kustomize builds it."""
    return any(Path(folder, name).is_file() for name in KUSTOMIZATIONS)


def _manifests_in(place: _Place) -> list[str]:
    listed = _listed(place)
    _refuse_charts(place, listed)
    return [name for name in listed if _name(name) not in NO_MANIFESTS]


def _listed(place: _Place) -> list[str]:
    try:
        return files.listed([place.real])
    except UsageError:
        return []


def _kustomized(place: _Place, root: str) -> Text:
    shown = f"kubectl kustomize {place.shown}"
    cure = " && ".join(filter(None, [place.first, kubectl.kustomize_command(place.reach)]))
    return Text(shown, kubectl.kustomize(place.real, shown, cure, root))


def _refuse_charts(place: _Place, names: Iterable[str]) -> None:
    for name in names:
        chart = Path(name).parent
        if _name(name) == "Chart.yaml" and (chart / "templates").is_dir():
            problem = f"{place.below(str(chart))} is a Helm chart, whose templates are no manifests yet"
            raise UsageError(problem, _rendered(place, str(chart)))


def _rendered(place: _Place, chart: str) -> str:
    rest = os.path.relpath(chart, place.real) if place.real != "-" else "."
    reach = os.path.normpath(Path(place.reach, rest)).replace(os.sep, "/")
    slash = "/" if place.real != "-" else ""
    pipe = f"helm template RELEASE {reach}{slash} | kubectl canary render --manifests -"
    return f"render it first: `{' && '.join(filter(None, [place.first, pipe]))}`"


def _text(place: _Place, real: str) -> Text:
    """Raises as `files.read_text`, with the name to show."""
    shown = place.below(real)
    if shown == real:
        return Text(*files.read_text(real, files.MAX_MANIFESTS))
    try:
        data = Path(real).read_bytes()
    except OSError as error:
        raise WorldError(f"cannot read {shown}: {error.strerror}") from None
    return Text(shown, files.decoded(shown, data, files.MAX_MANIFESTS))


def _checked(texts: list[Text], place: _Place) -> list[Text]:
    """The same. Raises Refused for pointers of Git LFS and for templates that nobody rendered."""
    pointers = [text.file for text in texts if text.text.startswith(LFS)]
    if pointers:
        findings = [_finding(file, "a pointer of Git LFS, not the file itself") for file in pointers]
        cure = f"{BY_HAND}, or keep manifests out of LFS" if place.first else "`git lfs pull` brings the file"
        raise Refused(f"{pointers[0]} is not valid", findings, cure)
    templates = [(text.file, line) for text in texts if (line := _template(text.text))]
    if templates:
        findings = [_finding(file, "a Helm template that is not rendered", line) for file, line in templates]
        raise Refused(f"{templates[0][0]} is not valid", findings, _rendered(place, _chart(place)))
    return texts


def _chart(place: _Place) -> str:
    """The folder to render: the chart that a file is in, or the folder that was named."""
    if place.real == "-" or Path(place.real).is_dir():
        return place.real
    folder = Path(place.real).parent
    return str(folder.parent if (folder.parent / "Chart.yaml").is_file() else folder)


def _template(text: str) -> int:
    """The line of the first Helm template; 0 where there is none. What is text to YAML may have others."""
    inside = -1
    for number, line in enumerate(text.splitlines(), 1):
        if "{{" not in line and inside < 0 and not line.rstrip().endswith(("|", ">", "-", "+")):
            continue
        indent = len(line) - len(line.lstrip())
        if inside >= 0 and (indent > inside or not line.strip()):
            continue
        inside = indent if BLOCK.search(line) else -1
        if TEMPLATE.search(line):
            return number
    return 0


def _name(path: str) -> str:
    return Path(path).name


def _finding(file: str, message: str, line: int = 0) -> Finding:
    return Finding("manifests", "error", (), message, Where(file, line, int(line > 0)))


def local_files(source: str, base: str) -> tuple[str, str, list[str]]:
    """A folder as it is named from here, its kustomization (empty without one), and its files of manifests.

    With a kustomization, its files are those that it names. Raises UsageError for what is no folder of files.
    """
    name = _folder(source, base)
    kustomization = next((known for known in KUSTOMIZATIONS if Path(name, known).is_file()), "")
    if kustomization:
        return name, kustomization, []
    names = _manifests_in(_Place(name, name, name))
    return name, "", [os.path.relpath(known, name).replace(os.sep, "/") for known in names]


def _folder(source: str, base: str) -> str:
    """The folder that a source names, from here. Raises UsageError where it names none, WorldError without it."""
    if source == "-" or source.startswith(GIT):
        read = "standard input" if source == "-" else "a commit"
        raise UsageError(f"-o in-place cannot write into {read}", "name the folder of the files in `from`")
    name = _typed(source, base)
    if not Path(name).exists():
        raise WorldError(f"{name} does not exist")
    if not Path(name).is_dir():
        message = f"{name} is a file, beside which the canary's objects would not be read"
        raise UsageError(message, "name its folder in `from`")
    return name


def inside(source: str, base: str, name: str) -> str:
    """The path of a file in a folder that is named from another."""
    return str(Path(_typed(source, base), name))


def local_resources(folder: str, kustomization: str, names: Sequence[str]) -> list[str]:
    """The resources of a kustomization by their paths in its folder. Raises UsageError for what is no local file."""
    for name in names:
        if not Path(folder, name).is_file():
            message = f"{folder}/{kustomization} reads {name}, which is no file in its folder"
            raise UsageError(message, "-o in-place edits files; name the folder that has them in `from`")
    return [os.path.normpath(name).replace(os.sep, "/") for name in names]


def check(folder: str, texts: Sequence[Text]) -> None:
    """Raises Refused for pointers of Git LFS and for templates that nobody rendered."""
    _checked(list(texts), _Place(folder, folder, folder))
