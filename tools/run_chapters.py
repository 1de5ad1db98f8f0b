"""Run notebooks from a fresh kernel and store their outputs, as the tests expect them.

    python -m tools.run_chapters                         all of them
    python -m tools.run_chapters chapters/02-rnncell.ipynb [...]

As a reader's "Run all" does; metadata that changes from run to run is dropped; nothing is
written if a cell fails.
"""

import base64
import io
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

from tools.first_cell import first_cell, notebooks

# What a notebook of the course may carry; the hygiene tests hold it to this.
CELL_METADATA = {"tags", "mystnb"}
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def merge_streams(outputs: list) -> list:
    """What is printed in one cell arrives in pieces, cut by chance: join neighbours."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def with_palette(png: str) -> str:
    """The picture with 256 colours, chosen from its own: a third of the bytes, and no visible loss."""
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    if picture.mode != "P":
        content = io.BytesIO()
        # Without dithering, which would speckle even areas.
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            content, "png", optimize=True, dpi=picture.info.get("dpi", (100, 100))
        )
        png = base64.b64encode(content.getvalue()).decode()
    return png


def run(path: Path) -> None:
    started = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[0].source = first_cell()
    NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": path.parent}}).execute()
    # "text" says that a notebook's outputs are those of one text: see conftest.py.
    text = {key: value for key, value in notebook.metadata.items() if key == "text"}
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA | text)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: value for key, value in cell.metadata.items() if key in CELL_METADATA}
        )
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
        for output in cell.get("outputs", []):
            # The frames of a traceback name paths of this machine; the message is the lesson.
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = with_palette(output.data["image/png"])
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    print(f"{path.name}: {len(code)} code cells, {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    for name in sys.argv[1:] or notebooks():
        run(Path(name))
