"""Name birds in soundscapes with a small network, and read its mind back to pictures and sound.

This is the whole of it for people who write Python: `import birdclef_mind as bm`. `__init__.pyi` lists the names and
where each has its home; what takes long to import is imported when its name is first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
