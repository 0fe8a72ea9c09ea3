"""Find a document that breaks each CEL rule of the newest Gateway API alone, and one next to it that keeps them all.

    python tests/cel_cases.py

Writes tests/cel_cases.json, which the tests read: for each rule the document that keeps it, and the RFC 6902 operations that
break it. Rules that have a pair already keep it. Ends with 1 where a rule has none.
"""

from __future__ import annotations

import copy
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import agreement
import jsonpatch
import mutants

from kubectl_canary.api import catalog, verdict
from kubectl_canary.api.cel.transition import is_transition
from kubectl_canary.findings import Path as FieldPath

Document = dict[str, Any]
Schema = dict[str, Any]

FILE = Path(__file__).parent / "cel_cases.json"
# what else the schema says lets no document come so far
UNREACHABLE = (
    "HTTPRoute: self.type in ['Exact','PathPrefix'] || self.type == 'RegularExpression'",
    "UDPRoute: self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == l2.name))",
)
TRIES = 8_000


@dataclass(frozen=True)
class Site:
    """A rule, and one place where it stands."""

    target: catalog.Target
    api_version: str
    kind: str
    path: FieldPath
    rule: str
    message: str

    @property
    def id(self) -> str:
        """What tells it from others."""
        return f"{self.kind}: {self.rule}"


def sites() -> list[Site]:
    """Every rule that applies on create, once a kind, in the standard channel where it is there."""
    found: dict[str, Site] = {}
    for channel in catalog.CHANNELS:
        target = catalog.Target(channel=channel)
        for name in sorted(catalog.releases()["gatewayAPI"][target.gateway_api][channel]):
            api_version, kind = name.split()
            known = target.find(api_version, kind)
            for path, one in rules(known.schema if known else {}):
                site = Site(target, api_version, kind, path, one["rule"], one.get("message", ""))
                found.setdefault(site.id, site)
    return [site for site in found.values() if site.id not in UNREACHABLE]


def rules(schema: Schema, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Any]]:
    for one in schema.get("x-kubernetes-validations", ()):
        if not is_transition(one["rule"]):
            yield path, one
    for name, child in schema.get("properties", {}).items():
        yield from rules(child, (*path, name))
    if "items" in schema:
        yield from rules(schema["items"], (*path, 0))


def schema_at(schema: Schema, path: FieldPath) -> Schema:
    for part in path:
        schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
    return schema


class Finder:
    """Looks for the pair of one rule: a valid document, and the same with a change at the rule's place."""

    def __init__(self, site: Site, examples: list[Document]) -> None:
        known = site.target.find(site.api_version, site.kind)
        assert known is not None
        self.site, self.schema = site, known.schema
        self.chance = random.Random(site.id)
        self.maker = mutants.Maker(self.chance)
        self.examples = [one for one in examples if self.complaints(one) == []] or [self.made_up()]

    def made_up(self) -> Document:
        """A valid document without an example."""
        for _ in range(TRIES):
            made = self.maker.value(self.schema, self.chance.choice((0, 0.2, 0.5)))
            made |= {"apiVersion": self.site.api_version, "kind": self.site.kind, "metadata": {"name": "a"}}
            if self.complaints(made) == []:
                break
        return made

    def complaints(self, document: Document) -> list[str]:
        return [one.message for one in verdict.judge(document, self.site.target) or []]

    @property
    def message(self) -> str:
        return f"Invalid value: {self.site.message or f'failed rule: {self.site.rule.strip()}'}"

    def broken(self, document: Document) -> bool:
        """Whether the rule is held against the document, and nothing else."""
        return set(self.complaints(document)) == {self.message}

    def broken_too(self, document: Document) -> bool:
        """Whether the rule is held against the document: some cannot be broken alone."""
        return self.message in self.complaints(document)

    def pair(self) -> tuple[Document, Document] | None:
        keeps: Document | None = None
        worse: Document | None = None
        for _ in range(TRIES):
            document = self.document()
            said = self.complaints(document)
            if not said:
                keeps = document
            elif keeps and set(said) == {self.message}:
                return self.near(keeps, document, self.broken)
            elif self.message in said:
                worse = document
        return self.near(keeps, worse, self.broken_too) if keeps and worse else None

    def document(self) -> Document:
        """An example with a made-up value at the rule's place."""
        document = copy.deepcopy(self.chance.choice(self.examples))
        holder: Any = document
        schema = self.schema
        for number, part in enumerate(self.site.path):
            self.name_the_branch(holder, schema, part)
            schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
            if number == len(self.site.path) - 1:
                self.put(holder, part, self.mixed(schema, holder, part))
            elif isinstance(part, int):
                if not holder:
                    holder.append(self.maker.value(schema, 0))
                holder = holder[0]
            else:
                if part not in holder:
                    holder[part] = self.maker.value(schema, 0)
                holder = holder[part]
        return document

    def name_the_branch(self, holder: Any, schema: Schema, part: str | int) -> None:
        """Let `type` say what is filled in, as in `type: RequestMirror` beside `requestMirror`."""
        known = schema.get("properties", {}).get("type", {}).get("enum", ())
        name = str(part)[:1].upper() + str(part)[1:]
        if isinstance(holder, dict) and name in known:
            holder["type"] = name

    def mixed(self, schema: Schema, holder: Any, part: str | int) -> Any:
        """A new value, or the old one with some fields made anew."""
        old = holder.get(part) if isinstance(holder, dict) else holder[0] if holder else None
        if not isinstance(old, dict) or "properties" not in schema or self.chance.random() < 0.5:
            return self.maker.value(schema, self.chance.choice((0.1, 0.3, 0.6)))
        made = copy.deepcopy(old)
        for name in self.chance.sample(sorted(schema["properties"]), min(2, len(schema["properties"]))):
            made.pop(name, None)
            if self.chance.random() < 0.7:
                made[name] = self.maker.value(schema["properties"][name], 0.3)
        return made

    def put(self, holder: Any, part: str | int, value: Any) -> None:
        if isinstance(holder, list):
            holder[:1] = [value]
        else:
            holder[part] = value

    def near(self, keeps: Document, breaks: Document, broken: Any) -> tuple[Document, Document]:
        """The same pair with as little as possible in it, and between them."""
        if broken == self.broken:
            breaks = self.smaller(breaks)
        for _ in range(3000):
            closer = self.one_step(breaks)
            if self.complaints(closer) == []:
                return closer, breaks
        operations = list(jsonpatch.make_patch(breaks, keeps))
        changed = True
        while changed and len(operations) > 1:
            changed = False
            for index in range(len(operations)):
                fewer = operations[:index] + operations[index + 1 :]
                closer = self.patched(breaks, fewer)
                if closer is not None and self.complaints(closer) == []:
                    operations, changed = fewer, True
                    break
        return self.patched(breaks, operations) or keeps, breaks

    def one_step(self, document: Document) -> Document:
        """A copy with one field below the rule's place dropped or made anew."""
        made = copy.deepcopy(document)
        holder: Any = made
        schema = self.schema
        for part in self.site.path:
            holder, schema = holder[part], schema_at(schema, (part,))
        while isinstance(holder, dict | list) and holder:
            if isinstance(holder, list):
                key: Any = self.chance.randrange(len(holder))
                below = schema.get("items", {})
            else:
                names = [*schema.get("properties", {}), *holder]
                key = self.chance.choice(names)
                below = schema.get("properties", {}).get(key) or {}
            inside = isinstance(holder, list) or key in holder
            if inside and isinstance(holder[key], dict | list) and holder[key] and self.chance.random() < 0.5:
                holder, schema = holder[key], below
                continue
            if inside and self.chance.random() < 0.4:
                del holder[key]
            elif isinstance(holder, dict) or inside:
                holder[key] = self.maker.value(below, 0.2)
            break
        return made

    def patched(self, document: Document, operations: list[Any]) -> Document | None:
        try:
            made: Document = jsonpatch.apply_patch(document, operations)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
            return None
        return made

    def smaller(self, document: Document) -> Document:
        """Without everything that can be left out."""
        changed = True
        while changed:
            changed = False
            for path in sorted(paths(document), key=len):
                made = copy.deepcopy(document)
                holder: Any = made
                for part in path[:-1]:
                    holder = holder[part]
                del holder[path[-1]]
                if self.broken(made):
                    document, changed = made, True
                    break
        return document


def paths(node: Any, above: FieldPath = ()) -> Iterator[FieldPath]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        if above or key not in ("apiVersion", "kind"):
            yield (*above, key)
            yield from paths(child, (*above, key))


def main() -> None:
    known = {one["id"]: one for one in json.loads(FILE.read_text())} if FILE.exists() else {}
    corpora = {channel: agreement.corpus(catalog.Target(channel=channel)) for channel in catalog.CHANNELS}
    missing = []
    for site in sites():
        if site.id in known:
            continue
        examples = [one for one in corpora[site.target.channel] if one["kind"] == site.kind]
        found = Finder(site, examples).pair()
        if found is None:
            missing.append(site)
            continue
        keeps, breaks = found
        operations = list(jsonpatch.make_patch(keeps, breaks))
        known[site.id] = {
            "id": site.id, "channel": site.target.channel, "message": site.message, "keeps": keeps, "breaks": operations,
        }  # fmt: skip
        ordered = sorted(known.values(), key=lambda one: str(one["id"]))
        FILE.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for site in missing:
        print(f"no pair: {site.target.channel} {site.kind} {site.path}: {site.rule}", file=sys.stderr)
    print(f"{len(known)} rules have their pair, {len(missing)} have none")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
