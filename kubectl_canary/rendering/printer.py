"""Planned objects through templates: the package's, or the user's in their place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jinja2
from jinja2.ext import Extension

from kubectl_canary import resources
from kubectl_canary.errors import CanaryError
from kubectl_canary.expressions import regex
from kubectl_canary.reading import yamltext
from kubectl_canary.rendering import overrides
from kubectl_canary.rendering.objects import Planned
from kubectl_canary.rendering.overrides import Templates

PLACED = regex(r"^(?P<before>[^{}\n]*?)(?P<space> ?)\{\{\s*(?P<name>[\w.]+)\s*\|\s*yaml\s*\}\}", re.MULTILINE)


FILTERS: dict[str, Callable[..., str]] = {
    "yaml": yamltext.scalar,
    "yaml_block": yamltext.block,
    "yaml_after_key": yamltext.after_key,
}
Source = tuple[str, str, Any]


def environment(source: Callable[[str], Source | None]) -> jinja2.Environment:
    """The environment of all templates; `source` answers with a template's text and file by its name."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        undefined=jinja2.StrictUndefined,
        extensions=[_Indentation],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  the output is YAML, and `| yaml` quotes
    )
    made.filters |= {name: _of_defined(write) for name, write in FILTERS.items()}
    made.globals.clear()  # `range` and `lipsum` make as much as they are asked for
    return made


class Printer:
    """Prints the text of an object that a template makes."""

    def __init__(self, templates: Templates | None) -> None:
        self._templates = templates
        self._environment = environment(self._source)

    def check_names(self, templates: Templates) -> None:
        """Raises as `overrides.check_names`."""
        overrides.check_names(templates, self._environment)

    def text(self, item: Planned) -> str:
        """What the template of an object prints. Raises Refused where it cannot."""
        try:
            return self._environment.get_template(item.template).render(item.names)
        except jinja2.TemplateSyntaxError as error:
            raise overrides.template_error(
                error.filename or error.name or item.template, error.lineno, error.message
            ) from None
        except jinja2.UndefinedError as error:
            hint = "the names are listed in templates/README.md"
            raise overrides.template_error(*self._failing_line(item, error), error.message, hint) from None
        except jinja2.TemplateNotFound as error:
            raise overrides.template_error(
                *self._failing_line(item, error), f"no template `{error.name}` to include"
            ) from None
        except CanaryError:
            raise
        except Exception as error:
            raise overrides.template_error(*self._failing_line(item, error), str(error)) from None

    def _source(self, name: str) -> Source | None:
        templates = self._templates
        text = templates.text(name) if templates else None
        if templates is not None and text is not None:
            overrides.check(templates, name, self._environment)
            return text, str(templates.file(name)), None
        try:
            return resources.read("templates", name), name, None
        except OSError:
            return None

    def _failing_line(self, item: Planned, error: Exception) -> tuple[str, int | None]:
        """The innermost template and line that an error came through."""
        place: tuple[str, int | None] = (item.template, None)
        trace = error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file.endswith(".j2"):
                place = (file, trace.tb_lineno)
            trace = trace.tb_next
        return place


class _Indentation(Extension):
    """Tells `| yaml` where it stands, so that templates need not say how deep their values are."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return PLACED.sub(self._placed, source)

    @staticmethod
    def _placed(match: re.Match[str]) -> str:
        before, space, name = match.group("before", "space", "name")
        dashes = re.match(r"[ -]*", before)
        depth = len(dashes.group()) if dashes else 0
        if before.endswith(":"):
            return f"{before}{{{{ {name} | yaml_after_key({depth + 2}) }}}}"
        if depth == len(before):
            return f"{before}{space}{{{{ {name} | yaml_block({depth + len(space)}) }}}}"
        return match.group()


def _of_defined(write: Callable[..., str]) -> Callable[..., str]:
    """A filter that is strict about undefined names too."""

    def strict(value: Any, *arguments: int) -> str:
        if isinstance(value, jinja2.Undefined):
            str(value)  # raises UndefinedError, with the name
        return write(value, *arguments)

    return strict
