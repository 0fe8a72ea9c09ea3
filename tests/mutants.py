"""Documents with one to three changes each, made to be judged: structure-aware, from a seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

Document = dict[str, Any]
Step = tuple[Any, str | int]

TEXTS = (
    "", "a", "A", "-a", "a-", "a.b", "a..b", "*", "*.", "*.a.com", "a.*.com", "1.2.3.4", "01.2.3.4", "::1", "a b", "a\n",
    "$", "/", "//", "/a/../b", "/a%2f", "/%zz", "é", "a/b", "a/b/c", "example.com/a", "Service", "Gateway", "HTTPRoute",
    "core", "gateway.networking.k8s.io", "0s", "1s", "10s", "1h", "1h1m", "99999h", "1.5s", "-1s", "s", "100ms", "x-a",
    "Exact", "PathPrefix", "RegularExpression", "ReplacePrefixMatch", "ReplaceFullPath", "RequestMirror", "URLRewrite",
    "RequestRedirect", "RequestHeaderModifier", "Terminate", "Passthrough", "HTTP", "HTTPS", "TLS", "TCP", "UDP", "GRPC",
    "http", "https", "GET", "get", "All", "Same", "Selector", "None", "Cookie", "Header", "Permanent", "Session",
    "IPAddress", "Hostname", "System", "true", "80", "http://a", "https://*.example.com:80", "2020-01-01T00:00:00Z",
    "2020-13-01T00:00:00Z", "a" * 63, "a" * 64, "a" * 253, "a" * 254, "/" + "a" * 1023, "/" + "a" * 1024, "a" * 4096,
    "a" * 4097, "ä" * 130, "__proto__", "null",
)  # fmt: skip
# no 80.0: kubectl sends it as 80
NUMBERS = (
    -1, 0, 1, 2, 16, 80, 99, 100, 101, 199, 200, 300, 301, 302, 303, 308, 399, 400, 499, 500, 599, 600, 65535, 65536,
    1_000_000, 1_000_001, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 1.5, 1e300,
)  # fmt: skip
LENGTHS = (0, 2, 3, 8, 9, 16, 17, 33, 64, 65, 129)


WORDS = (
    "a", "A", "Service", "Gateway", "HTTP", "HTTPS", "TLS", "TCP", "UDP", "/", "/a", "//", "/./", "/../", "a.com", "1.2.3.4",
    "::1", "10.0.0.300", "0s", "1s", "1h", "2h", "k8s.io/a", "http://a.com", "*", "*.a.com", "a.*", "kubernetes.io/tls", "core",
    "gateway.networking.x-k8s.io", "XBackend", "a.cluster.local", "certificates.k8s.io", "ClusterTrustBundle", "", "/a#",
    "/a%2f", "/a%2F", "/a/.", "/a/..", "/é", "-a",
)  # fmt: skip


class Maker:
    """Makes values that follow a schema's types, and now and then its rules."""

    def __init__(self, chance: random.Random) -> None:
        self.random = chance

    def value(self, schema: Document, likely: float) -> Any:
        """One value; each optional field is there with that likelihood, less the deeper it is."""
        if "default" in schema and self.random.random() < 0.3:
            return copy.deepcopy(schema["default"])
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        kind = schema.get("type", "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            return self.fields(schema, likely)
        if kind == "array":
            size = max(schema.get("minItems", 0), self.random.choice((0, 1, 1, 2, 2, 3)))
            items = [self.value(schema.get("items", {}), likely) for _ in range(size)]
            return [*items, copy.deepcopy(items[0])] if items and self.random.random() < 0.2 else items
        if kind == "integer":
            return self.random.choice(
                (schema.get("minimum", 0), schema.get("maximum", 9), 0, 1, 2, 80, 443, 301)
            )
        if kind == "boolean":
            return self.random.random() < 0.5
        size = schema.get("maxLength", 0)
        return self.random.choice((*WORDS, "a" * size) if 0 < size < 5000 else WORDS)

    def fields(self, schema: Document, likely: float) -> Document:
        wanted = schema.get("required", ())
        made = {
            name: self.value(one, likely * 0.7)
            for name, one in schema.get("properties", {}).items()
            if name in wanted or self.random.random() < likely
        }
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            made |= {
                self.random.choice(WORDS): self.value(extra, likely)
                for _ in range(self.random.choice((0, 1, 2)))
            }
        return made


class Mutator:
    """Changes documents by what it has seen in all of them."""

    def __init__(self, documents: Sequence[Document], seed: str) -> None:
        self.documents = documents
        self.random = random.Random(seed)
        self.seen: dict[str | int, list[Any]] = {}
        for document in documents:
            for holder, key in places(document):
                if isinstance(key, str):
                    self.seen.setdefault(key, []).append(holder[key])

    def mutants(self, count: int) -> list[Document]:
        """That many changed documents."""
        return [self.mutant() for _ in range(count)]

    def mutant(self) -> Document:
        """A changed copy of one of the documents."""
        original = self.random.choice(self.documents)
        document = copy.deepcopy(original)
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            found = list(places(document))
            if found:
                holder, key = self.random.choice(found)
                self.random.choice(CHANGES)(self, holder, key)
        return {**document, "apiVersion": original["apiVersion"], "kind": original["kind"]}

    def drop(self, holder: Any, key: str | int) -> None:
        del holder[key]

    def duplicate(self, holder: Any, key: str | int) -> None:
        if isinstance(holder, list):
            holder.insert(int(key), copy.deepcopy(holder[int(key)]))
        elif isinstance(holder[key], list) and holder[key]:
            holder[key] = (holder[key] * 130)[: self.random.choice(LENGTHS)]
            holder[key] = copy.deepcopy(holder[key])

    def retype(self, holder: Any, key: str | int) -> None:
        holder[key] = self.random.choice(
            (None, True, False, 1, 1.5, "a", [], {}, [None], {"a": None}, [[]], [{}])
        )

    def boundary(self, holder: Any, key: str | int) -> None:
        texts = isinstance(holder[key], str) or self.random.random() < 0.2
        holder[key] = self.random.choice(TEXTS if texts else NUMBERS)

    def nest(self, holder: Any, key: str | int) -> None:
        holder[key] = self.random.choice(([holder[key]], {str(key): holder[key]}))

    def borrow(self, holder: Any, key: str | int) -> None:
        if key in self.seen:
            holder[key] = copy.deepcopy(self.random.choice(self.seen[key]))
        else:
            self.add(holder, key)

    def add(self, holder: Any, key: str | int) -> None:
        inside = holder[key] if isinstance(holder[key], dict) else holder
        if isinstance(inside, dict):
            name = self.random.choice([*self.seen, "unknown", "", "a.b"])
            inside[name] = copy.deepcopy(self.random.choice(self.seen.get(name, [1, "a"])))


CHANGES: list[Callable[[Mutator, Any, str | int], None]] = [
    Mutator.drop, Mutator.duplicate, Mutator.retype, Mutator.boundary, Mutator.boundary, Mutator.nest, Mutator.borrow,
    Mutator.borrow, Mutator.add,
]  # fmt: skip


def places(node: Any, top: bool = True) -> list[Step]:
    """Every key and index below, but for those that say where a document goes."""
    found: list[Step] = []
    items = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
    for key, child in items:
        if top and key in ("apiVersion", "kind", "status"):
            continue
        if not (top and key == "metadata"):
            found.append((node, key))
        if isinstance(child, dict | list):
            found += places(child, top=False)
    return found
