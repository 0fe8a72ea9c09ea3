"""Write docs/lint.md from the lint rules' own files: `python scripts/lint_page.py`."""

from __future__ import annotations

from pathlib import Path

from kubectl_canary import lint

PAGE = Path(__file__).resolve().parent.parent / "docs/lint.md"
HEAD = """\
# Lint rules

What the API server accepts and is still wrong. `kubectl canary validate` says it after the server's own verdict;
`--admission-only` leaves it out, `--ignore RULE` or `--ignore RULE=PATH` leaves out one rule, and `--explain RULE`
prints what stands here. An error makes `validate` exit with 1, a warning with `--fail-on warning` only.
"""


def page() -> str:
    """The page: a table, and a section a rule."""
    rules = lint.rules()
    lines = [HEAD, "| rule | severity | |", "|---|---|---|"]
    for rule in rules:
        first = rule.reason.partition("\n\n")[0].replace("\n", " ")
        lines.append(f"| [{rule.id}](#{rule.id}) | {rule.severity} | {first} |")
    for rule in rules:
        parts = [f"## {rule.id}", rule.reason, f"Source: <{rule.source}>"]
        parts += [
            f"{verb}:\n\n```yaml\n{example.rstrip()}\n```"
            for verb, example in (("Passes", rule.passing), ("Fails", rule.failing))
        ]
        lines += ["", "\n\n".join(parts)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
