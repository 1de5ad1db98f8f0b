"""Write the minutes that it takes to read each chapter into its first cell and into the map.

    python -m tools.minutes

A reader takes a minute for 200 words (formulas aside) and six seconds for a line of visible code,
up to the exercises. The test in tests/book/test_notebooks.py says when the minutes are out of date.
"""

import re

import nbformat

from tools.first_cell import ROOT

WORDS_A_MINUTE, SECONDS_A_LINE = 200, 6
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]*\$", re.DOTALL)
NOT_READ = {"remove-cell", "hide-input", "hide-cell", "remove-input"}


def minutes(path) -> int:
    """What a reader needs for the chapter at `path`, without its exercises."""
    words = lines = 0
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            if re.search("^#+ Exercises", cell.source, re.MULTILINE):
                break
            words += len(FORMULA.sub(" ", cell.source).split())
        elif not NOT_READ & set(cell.metadata.get("tags", ())):
            lines += sum(bool(line.strip()) for line in cell.source.splitlines())
    return round(words / WORDS_A_MINUTE + lines * SECONDS_A_LINE / 60)


def main() -> None:
    index = ROOT / "index.md"
    page = index.read_text(encoding="utf-8")
    for path in sorted(ROOT.glob("chapters/*.ipynb")):
        number = minutes(path)
        notebook = nbformat.read(path, as_version=4)
        first = notebook.cells[0]
        first.source = re.sub(
            r"(\*\*Time:?\*\*) \d+ minutes", rf"\1 {number} minutes", first.source
        )
        nbformat.write(notebook, path)
        row = rf"(\(chapters/{path.stem}\) \|[^|\n]*\|)[^|\n]*\|"
        page = re.sub(row, rf"\1 {number} |", page)
    index.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
