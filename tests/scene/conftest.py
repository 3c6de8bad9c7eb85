"""For the tests of the readers and of the golden pictures: `gltf_builder.py` makes their files."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
