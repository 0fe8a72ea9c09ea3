"""The picture of a release: each phase with its shares and pods, and what leads back from it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from html import escape
from pathlib import Path

from kubectl_canary.commands import inputs
from kubectl_canary.release.plan import Phase

FILE = Path(__file__).resolve().parent.parent / "examples/my-app/canary.yaml"
STABLE, CANARY, INK, QUIET = "#3b6ea5", "#e0a526", "#1f2933", "#7b8794"
LEFT, TOP, STEP, BAR, HEIGHT, POD = 108, 64, 74, 46, 150, 9


def phases_svg() -> str:
    """The release of the example as SVG: no script, no font of its own, readable on a light and a dark page."""
    plan = inputs.load([str(FILE)], ["spec.phases=[mirror 20%, header-only, 5%, 25%, 50%]"]).plan
    phases = plan.phases
    width = LEFT + STEP * len(phases) + 12
    promotion = next(number for number, phase in enumerate(phases) if phase.name == "promote-roll")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 396" font-family="sans-serif" font-size="12">',
        "<title>The phases of a release: shares of traffic, pods, and the way back from each</title>",
        f'<rect width="{width}" height="396" rx="8" fill="#ffffff"/>',
        _text(16, 28, "A release, phase by phase: each is a file", INK, 15),
        _text(16, TOP + 24, "traffic", QUIET),
        _text(16, TOP + HEIGHT + 44, "pods", QUIET),
        _text(16, TOP + HEIGHT + 74, "stable runs", QUIET, 10),
        _text(16, TOP + HEIGHT + 115, "way back", QUIET),
    ]
    for number, phase in enumerate(phases):
        parts += _column(LEFT + STEP * number, phase)
        runs = plan.application.called(phase.stable_version)
        parts.append(_text(LEFT + STEP * number, TOP + HEIGHT + 74, runs, STABLE, 10))
    parts += _way_back(phases, 1, promotion, "rollback: the route alone, one patch", STABLE)
    parts += _way_back(phases, promotion, len(phases) - 1, "rollback-promotion", CANARY)
    parts += _legend(376)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _column(x: int, phase: Phase) -> Iterator[str]:
    canary = round(HEIGHT * phase.traffic.share)
    yield f'<rect x="{x}" y="{TOP}" width="{BAR}" height="{HEIGHT - canary}" fill="{STABLE}"/>'
    if canary:
        yield f'<rect x="{x}" y="{TOP + HEIGHT - canary}" width="{BAR}" height="{canary}" fill="{CANARY}"/>'
        inside = canary > 16
        y = TOP + HEIGHT - canary + (14 if inside else -4)
        yield _text(x + BAR // 2, y, _percent(phase.traffic.share), INK if inside else "#ffffff", middle=True)
    if phase.traffic.testers and phase.traffic.reaches_canary:
        yield f'<circle cx="{x + BAR + 7}" cy="{TOP + 8}" r="5" fill="{CANARY}" stroke="{INK}"/>'
    if phase.traffic.mirror:
        copies = round(HEIGHT * phase.traffic.mirror)
        yield (
            f'<rect x="{x + BAR + 2}" y="{TOP + HEIGHT - copies}" width="7" height="{copies}" '
            f'fill="none" stroke="{CANARY}" stroke-dasharray="3 2"/>'
        )
    yield _text(x + BAR // 2, TOP + HEIGHT + 18, escape(phase.name), INK, 10, middle=True)
    for row, (count, colour) in enumerate(((phase.stable_replicas, STABLE), (phase.canary_replicas, CANARY))):
        for pod in range(count):
            yield (
                f'<rect x="{x + pod * (POD + 3)}" y="{TOP + HEIGHT + 34 + row * (POD + 4)}" '
                f'width="{POD}" height="{POD}" rx="2" fill="{colour}"/>'
            )


def _way_back(phases: tuple[Phase, ...], first: int, end: int, said: str, colour: str) -> Iterator[str]:
    y = TOP + HEIGHT + 94
    left, right = LEFT + STEP * first, LEFT + STEP * (end - 1) + BAR
    yield f'<rect x="{left}" y="{y}" width="{right - left}" height="34" rx="6" fill="none" stroke="{colour}"/>'
    yield _text((left + right) // 2, y + 21, said, INK, 11, middle=True)


def _legend(y: int) -> Iterator[str]:
    x = 16
    for colour, said in ((STABLE, "stable"), (CANARY, "canary")):
        yield f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
        yield _text(x + 15, y, said, INK, 11)
        x += 74
    yield f'<circle cx="{x + 5}" cy="{y - 4}" r="5" fill="{CANARY}" stroke="{INK}"/>'
    yield _text(x + 15, y, "testers, by their header", INK, 11)
    x += 164
    yield f'<rect x="{x}" y="{y - 10}" width="7" height="11" fill="none" stroke="{CANARY}" stroke-dasharray="3 2"/>'
    yield _text(x + 13, y, "copies of requests; stable answers", INK, 11)


def _text(x: int, y: int, said: str, colour: str, size: int = 12, *, middle: bool = False) -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}"{anchor}>{said}</text>'


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):g}%"
