"""`python -m birdclef_mind` is the command `birdclef-mind`."""

import os
import sys

# Python looks first where one stands: what lies there, `csv.py` perhaps, is no part of this program.
_HERE = sys.path[0] if sys.argv[:1] == [__file__] and not sys.flags.safe_path else None
if _HERE is not None and not os.path.isdir(os.path.join(_HERE, "birdclef_mind")):  # noqa: PTH112, PTH118
    del sys.path[0]

from birdclef_mind.commands.cli import main  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(main())
