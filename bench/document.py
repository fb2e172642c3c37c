"""The figures' place in the documentation: between two marks, each section replaced when it was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.report import figures_of, markdown, read

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "performance.md"
_BEGIN: Final = "<!-- figures: written by python -m bench --write-docs -->"
_END: Final = "<!-- end of figures -->"


def write_document() -> None:
    """Put the last results into `DOCUMENT`; sections that they don't have stay as they are there.

    Raises:
        FileNotFoundError: nothing was measured yet.
        ValueError: the marks are gone from the document.
    """
    results = read()
    before, begin, rest = DOCUMENT.read_text(encoding="utf-8").partition(_BEGIN)
    old, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{DOCUMENT} has no lines “{_BEGIN}” and “{_END}”")
    machine = results["machine"]
    loads = machine["load_before_and_after"]
    told = (
        f"Measured {results['measured_at'][:10]} with `{results['command']}` on {machine['cores']} shared cores; "
        f"load average before {loads[0]:.2f}, after {loads[1]:.2f}."
    )
    sections = _sections(old) | _sections(markdown(figures_of(results)))
    figures = "\n\n".join(text for _, text in sorted(sections.items()))
    DOCUMENT.write_text(f"{before}{_BEGIN}\n{told}\n\n{figures}\n{_END}{after}", encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    """The sections of a text, each with its heading, by their names; what stands before the first one is left out."""
    parts = [part.strip() for part in f"\n{text}".split("\n### ")[1:]]
    return {part.splitlines()[0]: f"### {part}" for part in parts}
