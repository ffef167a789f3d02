"""Templates to pages: one self-contained HTML text, or a PDF, with equal bytes for equal content."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class DrawnReport:
    """A report whose charts are drawn, for its page and its PDF alike.

    Attributes:
        name: of this room's two templates, `<name>.html.j2` and `<name>.typ.j2`.
        content: what they tell; `charts` are its drawings, by name.
    """

    name: str
    content: Mapping[str, Any]

    def html(self) -> str:
        """Return the report as one HTML text; what it tells is escaped."""
        return _rendered(f"{self.name}.html.j2", self.content, autoescape=True)

    def pdf(self) -> bytes:
        """Return the report as a typeset PDF."""
        import typst  # noqa: PLC0415 - definitions import this module; the typesetter loads when a page is set

        source = _rendered(f"{self.name}.typ.j2", self.content, autoescape=False)
        drawings = {f"{name}.svg": drawn.encode() for name, drawn in self.content["charts"].items()}
        sources: Any = {"main.typ": source.encode(), **drawings}
        compiled: bytes = typst.compile(sources, format="pdf", timestamp=0)
        return compiled


def _rendered(name: str, content: Mapping[str, Any], *, autoescape: bool) -> str:
    import jinja2  # noqa: PLC0415 - definitions import this module; the library loads when a page is drawn

    environment = jinja2.Environment(
        autoescape=autoescape,  # noqa: S701 - the page escapes; a typeset source is no markup, its texts are quoted
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda wanted: (files("assets.ml") / wanted).read_text(encoding="utf-8")),
    )
    environment.filters["percent"] = lambda value: "" if value is None else f"{value * 100:+.1f}"
    environment.filters["usd"] = lambda value: f"{value:,.0f}"
    environment.filters["typ"] = _typst_text
    return environment.get_template(name).render(content)


def _typst_text(value: object) -> str:
    """Return text that stands in a typeset source as itself."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'#"{escaped}"'
