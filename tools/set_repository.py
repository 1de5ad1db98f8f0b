"""Set the repository's address in the configuration and in every notebook.

python -m tools.set_repository https://github.com/owner/name
"""

import re
import sys

import nbformat

from tools.first_cell import ROOT, first_cell, notebooks, repository_address


def set_repository(address: str) -> None:
    if not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+?(?<!\.git)", address):
        raise SystemExit(f"expected an address like https://github.com/owner/name, got {address}")
    old = repository_address()
    for name in ("_config.yml", "README.md", "CITATION.cff"):
        path = ROOT / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, address), encoding="utf-8")
    for path in notebooks():
        notebook = nbformat.read(path, as_version=4)
        next(cell for cell in notebook.cells if cell.cell_type == "code").source = first_cell()
        nbformat.write(notebook, path)
    print(f"{old} -> {address}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    set_repository(sys.argv[1])
