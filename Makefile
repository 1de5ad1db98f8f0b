# The README's commands, and what CI runs after them.
install:
	python3 -m venv .venv && .venv/bin/pip install -r requirements.txt

book: install
	.venv/bin/jupyter-book build .

test: install
	.venv/bin/pytest --nbval

lint:
	.venv/bin/ruff check . && .venv/bin/ruff format --check .

.PHONY: install book test lint
