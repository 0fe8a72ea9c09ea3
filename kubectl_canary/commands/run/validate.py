"""What `kubectl canary validate` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.flags import CANARY_FILE, ReleaseFlags
from kubectl_canary.commands.judging import JudgeFlags
from kubectl_canary.commands.run import named
from kubectl_canary.commands.run.ahead import Ahead, Verdicts
from kubectl_canary.commands.run.judging import judge_of, meant
from kubectl_canary.commands.validate import ValidateFlags
from kubectl_canary.errors import UsageError
from kubectl_canary.judging.validation import Report
from kubectl_canary.outside.forks import Forks
from kubectl_canary.outside.output import write
from kubectl_canary.reading import manifests
from kubectl_canary.reading.manifests import Manifest
from kubectl_canary.reports import listings

if TYPE_CHECKING:
    from kubectl_canary.reading.adopted.file import SetReader, Sets
    from kubectl_canary.reading.sources import Sources

STREAM = "-"


def run(
    release_flags: ReleaseFlags, judge_flags: JudgeFlags, cluster_flags: ClusterFlags, flags: ValidateFlags
) -> int:
    """Validate, or print what is known. Raises UsageError for flags that do not go together."""
    if flags.explain is not None:
        write(_explanation(flags.explain))
        return 0
    if flags.list_implementations:
        from kubectl_canary.judging import implementations

        write(implementations.table())
        return 0
    if flags.list_rules:
        write(_rules())
        return 0
    judge = judge_of(judge_flags, cluster_flags).with_settings(release_flags)
    names = flags.names or (() if release_flags.files else (CANARY_FILE,))
    with Forks[Verdicts]() as forks:
        ahead = Ahead(judge.question, forks)
        read, unread = named.read(names, without=release_flags.files, each=ahead.take)
        known = ahead.known()
    judged = manifests.with_overlays([*_named(release_flags), *read])
    if STREAM in names:
        judge = judge.reading(_of_stream(read))
    if judge.question.settings and not any(manifests.is_canary(manifest.value) for manifest in judged):
        raise UsageError(
            "--set, --canary-tag, -n and --templates go with a canary file", "there is none here"
        )
    if not judged and not unread:
        raise UsageError("there is nothing to validate", "the input has no documents")
    report = Report(judge.report(judged, known).judged, unread)
    write(listings.FORMATS[flags.output](report))
    return int(judge.fails(report))


def _of_stream(read: Sequence[Manifest]) -> SetReader:
    """Reads the manifests that a canary file adopts: of a stream those beside it."""

    def sets(source: Sources) -> Sets:
        from kubectl_canary.commands import inputs

        if source.value["spec"]["adopt"]["from"] != STREAM:
            return inputs.sets(source)
        from kubectl_canary.integrations.beside import reader  # few streams have a canary file

        beside = [manifest for manifest in read if manifest.document.file == "standard input"]
        return reader(beside, inputs.stable_set)(source)

    return sets


def _named(release_flags: ReleaseFlags) -> list[Manifest]:
    """The canary file that -f names, with the files over it."""
    if not release_flags.files:
        return []
    from kubectl_canary.commands import inputs

    first, *layers = inputs.documents(release_flags.files)
    return [Manifest(first, 0, first.value, layers=tuple(layers))]


def _explanation(name: str) -> str:
    from kubectl_canary.judging import lint

    rules = {rule.id: rule for rule in lint.rules()}
    rule = rules.get(name)
    if rule is None:
        raise UsageError(f"--explain {name}: no such rule", meant(name, list(rules)))
    parts = [f"{rule.id} ({rule.severity})", rule.reason, f"Source: {rule.source}"]
    parts += [f"{verb}:\n\n{_indented(example)}" for verb, example in rule.examples()]
    return "\n\n".join(parts) + "\n"


def _rules() -> str:
    from kubectl_canary.judging import lint

    rows = [(rule.id, rule.severity, rule.reason.partition("\n")[0]) for rule in lint.rules()]
    width = max(len(name) for name, _, _ in rows)
    return "".join(f"{name:{width}}  {severity:7}  {why}\n" for name, severity, why in sorted(rows))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())
