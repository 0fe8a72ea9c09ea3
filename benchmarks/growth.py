"""What more work costs: documents that are judged, canary files, phases and rules, from few to many.

    make bench-growth

Whole processes, one of each size. Printed are the seconds, and how many times more than for the size before, with the
time of a start taken out. The same figures are drawn into benchmarks/growth.svg, on scales of powers of ten: what grows
as the work does is a straight line with the slope of the grey one.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import fleets
import installed
import start
import validate
import yaml
from measure import measure

PICTURE = start.ROOT / "benchmarks/growth.svg"
ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: shop}]
  hostnames: [shop.example.com]
  rules:
"""
RULE = "    - {{matches: [{{path: {{value: /part-{0}}}}}], backendRefs: [{{name: shop, port: 8080}}]}}\n"
OBJECTS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "registry.example.com/shop:v1.0.0", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 8080}]}
---
"""
ADOPTS = """\
apiVersion: kubectl-canary/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  adopt: {from: k8s}
  canary: {tag: v1.1.0}
"""
INK, GUIDE, LINE = "#1f2933", "#c3cad2", "#3b6ea5"
WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 190, 54, 46, 300


@dataclass(frozen=True)
class Work:
    """What grows, its sizes, and the command line for one, whose files it writes into a folder."""

    title: str
    sizes: tuple[int, ...]
    words: Callable[[Path, int], list[str]]


def judging(folder: Path, size: int) -> list[str]:
    documents = validate.example()
    validate.DOCUMENTS, validate.PARTS = size, max(size // 1000, 1)
    validate.write(folder / "many", list(validate.parts(documents)))
    return ["validate", "--admission-only", str(folder / "many")]


def planning(folder: Path, size: int) -> list[str]:
    return ["plan", "-f", str(fleets.made(folder, size))]


def rendering(folder: Path, size: int) -> list[str]:
    fleets.CANARY = start.EXAMPLE.read_text()
    return ["render", "--all", "-f", str(fleets.made(folder, size)), "-o", f"dir={folder}/out"]


def stepping(folder: Path, size: int) -> list[str]:
    known = yaml.safe_load(start.EXAMPLE.read_text())
    known["spec"]["phases"] = [f"{number * 100 / (size + 1):.2f}%" for number in range(1, size + 1)]
    known["spec"].pop("phase", None)
    (folder / "canary.yaml").write_text(yaml.safe_dump(known))
    return ["plan", "-f", str(folder / "canary.yaml")]


def routing(folder: Path, size: int) -> list[str]:
    (folder / "k8s").mkdir()
    (folder / "k8s/shop.yaml").write_text(OBJECTS + ROUTE + "".join(map(RULE.format, range(size))))
    (folder / "canary.yaml").write_text(ADOPTS)
    return ["plan", "-f", str(folder / "canary.yaml")]


WORKS = (
    Work("validate: documents", (10, 100, 1_000, 10_000, 100_000), judging),
    Work("plan of a fleet: canary files", (10, 100, 1_000, 10_000), planning),
    Work("render --all of a fleet: canary files", (10, 30, 100, 300), rendering),
    Work("plan: phases", (1, 5, 10, 25, 50), stepping),
    Work("plan of an adopted route: rules", (1, 2, 4, 8, 16), routing),
)


def main() -> None:
    os.environ |= fleets.IDENTITY
    with tempfile.TemporaryDirectory() as scratch:
        program = str(installed.environment(Path(scratch)) / "kubectl-canary")
        begin = min(measure([program, "version"])[0] for _ in range(5))
        curves = {work: list(measured(work, program)) for work in WORKS}
    for work, points in curves.items():
        print(f"{work.title}")
        before = None
        for size, seconds, kilobytes in points:
            more = f"{max(seconds - begin, 0) / before:>8.1f} times" if before else ""
            print(f"{size:>10,}{seconds:>9.2f} s{kilobytes / 1024:>7.0f} MB{more}")
            before = max(seconds - begin, 0.001)
    PICTURE.write_text(
        svg({work: [(size, seconds) for size, seconds, _ in points] for work, points in curves.items()})
    )


def measured(work: Work, program: str) -> Iterator[tuple[int, float, int]]:
    """The size, the seconds and the KiB of each."""
    for size in work.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            words = work.words(Path(scratch), size)
            seconds, kilobytes = validate.measured([*fleets.QUIET, program, *words])
            yield size, seconds, kilobytes


def svg(curves: dict[Work, list[tuple[int, float]]]) -> str:
    """A graph for each work, side by side."""
    width = GAP * len(curves) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {TOP + HEIGHT + 50}" '
        'font-family="sans-serif" font-size="11">',
        "<title>Seconds by the size of the work, on scales of powers of ten</title>",
        f'<rect width="{width}" height="{TOP + HEIGHT + 50}" rx="8" fill="#ffffff"/>',
    ]
    for number, (work, points) in enumerate(curves.items()):
        parts += graph(GAP * number + LEFT, work.title, points)
    return "\n".join([*parts, "</svg>"]) + "\n"


def graph(left: int, title: str, points: list[tuple[int, float]]) -> Iterator[str]:
    most, least = max(seconds for _, seconds in points), min(seconds for _, seconds in points)
    top, bottom = math.ceil(math.log10(most)), math.floor(math.log10(least))
    end = math.log10(points[-1][0])

    def at(size: float, seconds: float) -> str:
        x = left + (WIDTH - 20) * math.log10(size) / end
        y = TOP + HEIGHT * (top - math.log10(seconds)) / (top - bottom)
        return f"{x:.1f},{y:.1f}"

    yield f'<text x="{left}" y="26" fill="{INK}" font-size="13">{title}</text>'
    for power in range(bottom, top + 1):
        y = TOP + HEIGHT * (top - power) / (top - bottom)
        yield f'<path d="M{left},{y:.1f} h{WIDTH - 20}" stroke="{GUIDE}" stroke-dasharray="1 4"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" fill="{INK}" text-anchor="end">{10.0**power:g} s</text>'
    size, seconds = points[-1]
    smallest = max(points[0][0], size * 10.0**bottom / seconds)
    guide = f"M{at(smallest, seconds * smallest / size)} L{at(size, seconds)}"
    yield f'<path d="{guide}" stroke="{GUIDE}" stroke-width="3"/>'
    line = " L".join(at(*point) for point in points)
    yield f'<path d="M{line}" stroke="{LINE}" stroke-width="2" fill="none"/>'
    for size, seconds in points:
        x, y = at(size, seconds).split(",")
        yield f'<circle cx="{x}" cy="{y}" r="3.5" fill="{LINE}"/>'
        yield f'<text x="{x}" y="{TOP + HEIGHT + 18}" fill="{INK}" text-anchor="middle">{size:,}</text>'


if __name__ == "__main__":
    main()
