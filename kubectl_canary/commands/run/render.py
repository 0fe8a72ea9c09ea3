"""What `kubectl canary render` does on standard output; folder.py and component.py write folders."""

from __future__ import annotations

from kubectl_canary.commands.flags import ReleaseFlags
from kubectl_canary.commands.render import RenderFlags
from kubectl_canary.commands.run.releases import finish, generator_of, load, phase_of, say_what_follows
from kubectl_canary.errors import UsageError
from kubectl_canary.outside.output import say
from kubectl_canary.reading.release import Release
from kubectl_canary.release.documents import Key
from kubectl_canary.release.plan import Phase, Plan
from kubectl_canary.release.ways import objection
from kubectl_canary.rendering.generator import Generator
from kubectl_canary.rendering.objects import planned, removed
from kubectl_canary.reports.documents import as_list, as_yaml

FOLDERS = ("dir", "kustomize")
RESET = (
    "warning: applied over Deployments that had `replicas`, this sets them to 1; `render --all -o dir=OUT`, over a "
    "folder that had them, prints the lines that hand them over first"
)


def run(release_flags: ReleaseFlags, flags: RenderFlags) -> int:
    """Render."""
    if flags.output == "in-place":
        from kubectl_canary.commands.run import in_place

        return in_place.write(release_flags, flags)
    kind, folder = _target(flags.output)
    _refuse_mixed(kind, flags)
    release = load(release_flags)
    generator = generator_of(release, release_flags)
    if kind == "dir":
        from kubectl_canary.commands.run.folder import write

        return write(release, generator, folder, flags)
    if kind == "kustomize":
        from kubectl_canary.commands.run import component

        return component.write(release, generator, folder, flags)
    return _print(release, generator, flags)


def _refuse_mixed(kind: str, flags: RenderFlags) -> None:
    """Raise UsageError for flags that one kind of output cannot have together."""
    if kind not in FOLDERS and flags.all_phases:
        raise UsageError(
            "--all needs -o dir=OUT or kustomize=OUT",
            "in one stream, kubectl would apply all phases up to the last one",
        )
    if kind == "dir" and (flags.phase_name or flags.origin or flags.only or flags.only_removed):
        raise UsageError(
            "-o dir=OUT writes all phases and all objects", "leave --phase, --from, --only, --removed out"
        )
    if kind == "kustomize" and (flags.only or flags.only_removed or flags.everything):
        raise UsageError(
            "-o kustomize=OUT writes all that a phase changes", "leave --only, --removed, --everything out"
        )
    if kind == "kustomize" and flags.all_phases and (flags.phase_name or flags.origin):
        raise UsageError("--all writes all phases", "leave --phase and --from out, or --all")


def _print(release: Release, generator: Generator, flags: RenderFlags) -> int:
    phase = phase_of(release, flags.phase_name, flags.origin)
    wanted = planned(release.plan.application, phase)
    if flags.only_removed:
        wanted = removed(release.plan.application, _start(release.plan, phase, flags.origin), phase)
        if not wanted:
            say(f"`{phase.name}` removes nothing")
    kept = None if flags.everything or _comes_by_stream(release) else _changing(release.plan, phase)
    chosen = [
        item
        for item in wanted
        if (not flags.only or item.part.group in flags.only) and (kept is None or item.part.key in kept)
    ]
    if wanted and not chosen and flags.only:
        say(f"`{phase.name}` has nothing of {', '.join(flags.only)}")
    rendered = generator.render(chosen)
    if not flags.skip:
        _warn_of_jump(release, phase)
    application = release.plan.application
    is_reset = application.adopted is None and not application.prints_replicas
    if is_reset and any(item.part.kind == "Deployment" for item in chosen):
        say(RESET)
    code = finish(as_list(rendered) if flags.output == "json" else as_yaml(rendered), release)
    if not flags.only_removed:
        say_what_follows(release, phase)
    return code


def _changing(plan: Plan, phase: Phase) -> set[Key] | None:
    """The objects that a stream has; None where it is all of them."""
    if plan.application.adopted is None:
        return None
    from kubectl_canary.release import adoption

    return adoption.printed(plan, phase)


def _comes_by_stream(release: Release) -> bool:
    """Whether the manifests come by standard input, where another release may have changed what only this prints."""
    return "-" in (release.spec.get("adopt") or {}).values()


def _target(output: str) -> tuple[str, str]:
    """The kind of output, and the folder that it is written into, where it is."""
    kind, equals, folder = output.partition("=")
    if output not in ("yaml", "json") and kind not in FOLDERS:
        raise UsageError(f"-o {output}: unknown format", "yaml, json, dir=OUT, kustomize=OUT or in-place")
    if kind in FOLDERS and not (equals and folder):
        raise UsageError(f"-o {output}: into which folder?", f"for example -o {kind}=rendered")
    return kind, folder


def _start(plan: Plan, phase: Phase, origin: str | None) -> Phase | None:
    return plan.find(origin) if origin and not phase.is_way_back else plan.previous(phase)


def _warn_of_jump(release: Release, phase: Phase) -> None:
    """Say so where going from the declared phase straight to this one is not safe, or leaves phases out."""
    start, plan = release.current, release.plan
    if start is None or start == phase:
        return
    wrong = objection(plan, start, phase)
    if wrong is not None:
        say(f"warning: do not apply this straight from `{start.name}`: {wrong.message}")
