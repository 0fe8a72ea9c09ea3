"""kubeconform, strict, accepts every rendered document against schemas/ as it lies there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml
from conftest import KINDS_OF_OTHERS, ROOT

LOCATIONS = [
    str(ROOT / "schemas" / folder / "{{ .ResourceKind }}{{ .KindSuffix }}.json")
    for folder in ("kubernetes/v1.37", "gateway-api/v1.7/standard")
]


def kubeconform(
    program: Path, *files: Path | str, stdin: str | None = None
) -> tuple[int, dict[str, int], str]:
    command = [program, "-strict", "-summary", "-output", "json", "-skip", ",".join(KINDS_OF_OTHERS)]
    for location in LOCATIONS:
        command += ["-schema-location", location]
    done = subprocess.run([*command, *files], input=stdin, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout or "{}").get("summary", {}), done.stdout + done.stderr


def test_every_golden_document_is_valid(program: Callable[[str], Path]) -> None:
    files = sorted((ROOT / "tests/cases").glob("*/expected/*.yaml"))
    kinds = [one["kind"] for file in files for one in yaml.load_all(file.read_bytes(), yaml.CSafeLoader)]
    skipped = sum(kind in KINDS_OF_OTHERS for kind in kinds)
    code, summary, output = kubeconform(program("kubeconform"), *files)
    assert code == 0, output
    assert summary == {"valid": len(kinds) - skipped, "invalid": 0, "errors": 0, "skipped": skipped}


def test_a_field_that_nobody_knows_is_refused(program: Callable[[str], Path]) -> None:
    text = (ROOT / "tests/cases/my-app/expected/01-deploy.yaml").read_text(encoding="utf-8")
    code, summary, _ = kubeconform(
        program("kubeconform"), stdin=text.replace("selector:", "selectr: {}\n  selector:")
    )
    assert (code, summary["invalid"]) == (1, 4)
