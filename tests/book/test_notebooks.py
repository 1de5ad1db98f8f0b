"""The notebooks as files: run once from top to bottom, free of leftovers, and able to run alone."""

import json
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from tools.first_cell import ROOT, first_cell, notebooks, repository_address
from tools.minutes import minutes
from tools.run_chapters import CELL_METADATA, NOTEBOOK_METADATA

CHAPTERS = sorted(ROOT.glob("chapters/*.ipynb"))
each_notebook = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


@each_notebook
def test_is_a_valid_notebook_of_one_clean_run(path):
    nbformat.validate(nbformat.read(path, as_version=4))
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_carries_only_the_metadata_that_the_book_needs(path):
    notebook = nbformat.read(path, as_version=4)
    assert {**notebook.metadata, "text": ""} == {**NOTEBOOK_METADATA, "text": ""}
    assert notebook.metadata.get("text", "timemachine") == "timemachine"
    for cell in notebook.cells:
        assert set(cell.metadata) <= CELL_METADATA, cell.source
        assert all(not output.get("metadata") for output in cell.get("outputs", []))


@each_notebook
def test_begins_with_the_cell_that_finds_the_course(path):
    assert code_cells(path)[0].source == first_cell()


@each_notebook
def test_stands_in_the_table_of_contents(path):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    assert path.relative_to(ROOT).with_suffix("").as_posix() in files


@each_notebook
def test_shows_no_error_but_the_intended_ones(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error" or "raises-exception" in tags(cell), cell.source
            assert output.get("name") != "stderr", cell.source


@each_notebook
def test_names_no_path_of_the_machine_it_was_run_on(path):
    outputs = json.dumps([cell.outputs for cell in code_cells(path)])
    assert not re.search(r"(?<![\w.])/(home|root|Users|tmp|work|mnt|private)/", outputs)
    assert str(ROOT) not in outputs


@each_chapter
def test_cells_are_short_and_narrow_enough_to_read(path):
    lengths = []
    for cell in code_cells(path)[1:]:
        if not {"hide-input", "hide-cell", "remove-cell"} & set(tags(cell)):
            lines = [line for line in cell.source.splitlines() if line]
            lengths.append(len(lines))
            assert len(lines) <= 20, cell.source
            assert max(map(len, lines)) < 80, cell.source
    assert statistics.median(lengths) <= 8


@each_notebook
def test_every_figure_says_in_words_what_it_shows(path):
    for cell in code_cells(path):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 40, cell.source


@each_chapter
def test_has_a_ledger_exercises_with_solutions_and_a_recap(path):
    notebook = nbformat.read(path, as_version=4)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    exercises = re.findall(r"^### Exercise (\d+) ★{1,3} ", prose, re.MULTILINE)
    assert [int(number) for number in exercises] == list(range(1, len(exercises) + 1))
    assert len(exercises) >= 3
    assert sum("hide-cell" in tags(cell) for cell in code_cells(path)) >= len(exercises)
    ledger = any("shape-ledger" in json.dumps(cell.outputs) for cell in code_cells(path))
    assert ledger or path.stem == "10-generalise"  # it measures texts and has no new shapes
    for heading in ("## Exercises", "## Recap", "## References"):
        assert f"{heading}\n" in prose
    assert "**The question of this chapter.**" in prose


@pytest.mark.parametrize("path", CHAPTERS[:-1], ids=lambda path: path.stem)
def test_recap_says_what_comes_next(path):
    prose = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    assert "Next" in prose.split("## Recap\n")[1]


@each_chapter
def test_the_minutes_on_the_page_and_on_the_map_are_those_of_its_length(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    assert re.search(rf"\*\*Time:?\*\* {minutes(path)} minutes to read", first), minutes(path)
    index = (ROOT / "index.md").read_text(encoding="utf-8")
    assert re.search(rf"\(chapters/{path.stem}\).*\| {minutes(path)} \|\n", index), minutes(path)


def run_first_cell(folder, **environment):
    """Run the first cell alone in `folder`; return where rnnlib then comes from."""
    script = first_cell() + "\nimport rnnlib\nprint(rnnlib.__file__)"
    result = subprocess.run(
        [sys.executable, "-I", "-c", script],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return Path(result.stdout.strip()).resolve()


@pytest.mark.parametrize("folder", ["chapters", "data", "."])
def test_first_cell_finds_the_course_above_the_notebook(folder):
    assert run_first_cell(ROOT / folder) == ROOT / "rnnlib" / "__init__.py"


def test_first_cell_of_a_notebook_alone_clones_the_course_once(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "rnnlib", source / "rnnlib")
    git = [
        "git",
        "-C",
        str(source),
        "-c",
        "user.name=Reader",
        "-c",
        "user.email=reader@example.org",
    ]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "The course"]):
        subprocess.run([*git, *command], check=True)
    alone = tmp_path / "alone"
    alone.mkdir()
    expected = alone / "recurrent-networks" / "rnnlib" / "__init__.py"
    environment = {"COURSE_REPOSITORY": source.as_uri(), "PATH": "/usr/bin:/bin:/usr/local/bin"}
    assert run_first_cell(alone, **environment) == expected
    shutil.rmtree(source)
    assert run_first_cell(alone, **environment) == expected  # the copy is used, not fetched again


def test_the_address_of_the_repository_is_the_same_everywhere():
    address = repository_address()
    assert address in (ROOT / "README.md").read_text(encoding="utf-8")
    others = re.compile(r"https://github\.com/[\w.-]+/recurrent-networks")
    for path in [ROOT / "README.md", ROOT / "index.md", *notebooks()]:
        assert set(others.findall(path.read_text(encoding="utf-8"))) <= {address}


def test_one_command_sets_the_address_everywhere(tmp_path):
    for name in ("_config.yml", "README.md", "CITATION.cff", "chapters/01-basic-code.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    address = "https://github.com/somebody/course"
    command = [sys.executable, "-m", "tools.set_repository", address]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for path in tmp_path.rglob("*.*"):
        if "tools" not in path.parts:
            content = path.read_text(encoding="utf-8")
            assert address in content, path.name
            assert repository_address() not in content, path.name
    refused = subprocess.run([*command[:-1], "somebody/course"], cwd=tmp_path, capture_output=True)
    assert refused.returncode


def test_chapter_1_works_for_another_pair_by_changing_one_line():
    """Run the code of chapter 1, up to its exercises, with another word."""
    source, target = "banana", "ananas"
    cells = nbformat.read(ROOT / "chapters" / "01-basic-code.ipynb", as_version=4).cells
    last = next(i for i, cell in enumerate(cells) if "## Exercises\n" in cell.source)
    code = "\n\n".join(cell.source for cell in cells[:last] if cell.cell_type == "code")
    line = 'source, target = "hello", "ohlol"'
    assert code.count(line) == 1
    changed = code.replace(line, f'source, target = "{source}", "{target}"')
    result = subprocess.run(
        [sys.executable, "-c", changed],
        cwd=ROOT, env={"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert f"predicted {target}" in result.stdout or target in result.stdout
