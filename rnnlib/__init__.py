"""The small library behind the course *Recurrent Networks, Shape by Shape*.

A line of data's way through it, in one direction, a file for each step:

    text -> batches -> models (built on layers) -> training -> generation

`shapes` and `figures` only look on: they print shape ledgers and draw. Import what you
need, as in `from rnnlib import text, training`. Importing downloads nothing and changes
no settings.
"""
