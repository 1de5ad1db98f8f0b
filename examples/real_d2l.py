"""The installed d2l 0.17.0, for comparison, with two mends that are here and nowhere else.

It imports torchvision for other chapters: placeholders take its place meanwhile. And it calls
a function that IPython has dropped: `use_svg_display` does nothing.
"""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType


def _mended():
    names = "torchvision", "torchvision.transforms"
    for name in names:
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__spec__ = ModuleSpec(name, None)
    sys.modules[names[0]].transforms = sys.modules[names[1]]
    try:
        from d2l import torch as package
    finally:
        for name in names:
            del sys.modules[name]
    package.use_svg_display = lambda: None
    return package


d2l = _mended()
