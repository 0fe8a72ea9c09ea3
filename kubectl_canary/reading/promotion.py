"""What the canary file has to say once a release is promoted, so that the next one starts from what runs."""

from __future__ import annotations

from typing import Any

from kubectl_canary.reading import versions, yamltext


def stable_after(spec: dict[str, Any]) -> dict[str, Any]:
    """The parts of `spec` to write after promotion: the version that was the canary, as stable."""
    canary = spec["canary"]
    kept = {key: value for key, value in spec["stable"].items() if key not in ("tag", "image")}
    named = {key: canary[key] for key in ("tag", "image") if key in canary}
    configuration = versions.of_canary(spec)
    changed = {part: value for part, value in configuration.items() if value != spec.get(part)}
    return {"stable": {**named, **kept}, **changed}


def advice(spec: dict[str, Any], file: str) -> str:
    """What to write into the file, for a person."""
    named = "the canary file" if file == "standard input" else file
    lines = yamltext.block({"spec": stable_after(spec)}, 0).splitlines()
    return "\n".join(
        [
            f"Once `promoted` is reached, write what runs into {named}, or the next release takes production back,",
            "and take spec.canary and spec.phase out:",
            *(f"  {line}" for line in lines),
        ]
    )
