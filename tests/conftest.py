"""Makes `tests/program.py` importable from every folder of tests, and every terminal look the same to them."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# What a CI or a user says about colors and widths, which this process and the programs that it starts would follow.
for name in (
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "COLUMNS",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "NO_COLOR",
    "PY_COLORS",
    "TERM",
):
    os.environ.pop(name, None)
