"""The library stays as small as its idea."""

import ast
import json
import re

import pytest

from rnnlib.text import COURSE_FOLDER

FILES = sorted((COURSE_FOLDER / "rnnlib").glob("*.py"))
ADAPTER = {"d2l.py", "d2l_names.py"}


def lines(path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_library_and_its_files_are_short():
    assert sum(lines(path) for path in FILES if path.name not in ADAPTER) <= 1300
    assert sum(lines(path) for path in FILES if path.name in ADAPTER) <= 400
    assert {path.name: lines(path) for path in FILES if lines(path) > 200} == {}


def nodes(path, *kinds):
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, kinds)]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_functions_are_short_and_private_names_of_torch_are_in_one_place(path):
    for function in nodes(path, ast.FunctionDef):
        assert function.end_lineno - function.lineno < 40, function.name
    source = path.read_text(encoding="utf-8")
    private = re.findall(r"torch\._\w+|torch\.ops\.|aten\.|\._current_level", source)
    assert path.name == "fast.py" or not private


def test_every_public_name_is_used_by_a_notebook_or_by_the_library():
    code = [path.read_text(encoding="utf-8") for path in FILES]
    for path in [*COURSE_FOLDER.glob("chapters/*.ipynb"), *COURSE_FOLDER.glob("backmatter/*.ipynb"),
                 *COURSE_FOLDER.glob("examples/*.py")]:  # fmt: skip
        text = path.read_text(encoding="utf-8")
        cells = json.loads(text)["cells"] if path.suffix == ".ipynb" else [{"source": [text]}]
        code += ["".join(cell["source"]) for cell in cells]
    words = re.findall(r"\w+", "\n".join(code))
    for path in FILES:
        if path.name in ADAPTER:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert words.count(node.name) > 1, f"{path.name}: {node.name}"
