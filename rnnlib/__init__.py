"""The small library behind the course *Recurrent Networks, Shape by Shape*.

Data takes one way through it, a file for each step:

    text -> batches -> models (around torch.nn's layers, or those of `layers`) -> training -> generation

`fast` makes plain layers of `torch.nn` faster, `checkpoints` keeps results in files, `shapes`,
`figures` and `cells` draw, and `d2l` offers the names of the book's recurrent chapters.
Importing downloads nothing and changes no setting.
"""

__version__ = "2.0.0"
