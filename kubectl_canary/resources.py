"""The files that come with the package: templates/ and schemas/.

Both stand at the top of the repository and are mapped into the package as `kubectl_canary.templates` and
`kubectl_canary.schemas`. They are read through their package's loader, so that wheels, editable installs and
archives work alike, and from the folder beside the package in a bare checkout. `importlib.resources` would
answer the same and costs 18 ms at every start.
"""

from __future__ import annotations

import functools
import importlib
import os
from importlib.machinery import SourceFileLoader
from typing import Any


@functools.cache
def _package(folder: str) -> tuple[Any, str]:
    """The loader and the place of a folder of resources."""
    try:
        spec = importlib.import_module(f"kubectl_canary.{folder}").__spec__
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        beside = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), folder)
        return SourceFileLoader(folder, beside), beside
    return spec.loader, os.path.dirname(spec.origin)


def read(folder: str, name: str) -> str:
    """The text of one file, by its path inside the folder. Raises OSError where there is none."""
    loader, place = _package(folder)
    data: bytes = loader.get_data(os.path.join(place, *name.split("/")))
    return data.decode("utf-8")
