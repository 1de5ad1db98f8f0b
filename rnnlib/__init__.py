"""The small library behind the course *Recurrent Networks, Shape by Shape*. Its files, in order:

    text -> batches -> models (around `torch.nn`'s layers, or `layers`) -> training -> generation

`fast` runs plain layers of `torch.nn` faster, by `steps`; `checkpoints` keeps results in files;
`shapes`, `figures` and `cells` draw; `d2l` offers the names of the book's recurrent chapters.
"""

__version__ = "2.0.0"
