"""The installed d2l 0.17.0, mended where today's packages break it. For comparison only.

    from real_d2l import d2l

Two mends, both here and nowhere else: it imports torchvision for other chapters' data, so
placeholders stand in for that; and IPython no longer has `set_matplotlib_formats`, so
`use_svg_display` does nothing. It looks for data in `../data` relative to the working
directory: call it from a folder beside `data/` (as `chapters/`).
"""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType


def _import_d2l():
    names = ("torchvision", "torchvision.transforms")
    placeholders = {name: ModuleType(name) for name in names}
    for name, module in placeholders.items():
        module.__spec__ = ModuleSpec(name, None)
    placeholders["torchvision"].transforms = placeholders["torchvision.transforms"]
    sys.modules.update(placeholders)
    try:
        from d2l import torch as package
    finally:
        for name in names:
            del sys.modules[name]
    package.use_svg_display = lambda: None
    return package


d2l = _import_d2l()
