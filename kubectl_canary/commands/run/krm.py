"""What `kubectl canary krm` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubectl_canary.commands import inputs
from kubectl_canary.commands.cluster import ClusterFlags
from kubectl_canary.commands.judging import JudgeFlags
from kubectl_canary.commands.run.judging import judge_of
from kubectl_canary.errors import UsageError
from kubectl_canary.integrations import krm
from kubectl_canary.integrations.beside import reader
from kubectl_canary.outside import files
from kubectl_canary.outside.output import say, write

VERBS = ("validate", "render")


def run(flags_over: Callable[[Mapping[str, str]], tuple[JudgeFlags, ClusterFlags]]) -> int:
    """Answer a call; `flags_over` has the flags with what the call's `data` says over them.

    Raises UsageError for a call that cannot be.
    """
    call = krm.read(files.read_text("-", files.MAX_MANIFESTS)[1])
    verb = "render" if call.generates else _verb(call.options)
    judge = judge_of(*flags_over(call.options)).reading(reader(call.items, inputs.stable_set))
    items = [krm.Item(item, item) for item in call.items]
    documents, results = (
        krm.rendered(call, judge.question, inputs.stable_set) if verb == "render" else (items, [])
    )
    fails = bool(results)
    if not fails:
        report = judge.report(krm.manifests(call, documents))
        results = [krm.Result(finding, manifest) for manifest, finding in report.findings()]
        fails = judge.fails(report)
    write(krm.answer(call, items if fails else documents, results))
    if results:
        say(krm.lines(results))
    return int(fails)


def _verb(options: Mapping[str, str]) -> str:
    verb = options.get("verb", VERBS[0])
    if verb not in VERBS:
        raise UsageError(f"functionConfig: data.verb is `{verb}`", f"it is one of {', '.join(VERBS)}")
    return verb
