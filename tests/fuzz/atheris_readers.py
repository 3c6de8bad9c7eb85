"""Coverage-guided fuzzing of the readers that are written in Python, MTL and glTF, with atheris:

    python tests/fuzz/atheris_readers.py mtl -runs=100000 tests/fuzz/corpus/mtl

Arguments after the first go to libFuzzer, which adds new inputs to the first folder that it is given.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from test_fuzz_readers import check_input

    kind = sys.argv.pop(1)
    # instrument_imports does not see modules that come through an editable install's finder.
    for name, module in list(sys.modules.items()):
        if name.startswith("r3d_cli.scene.readers"):
            for item in [*vars(module).values()]:
                members = vars(item).values() if isinstance(item, type) else [item]
                for function in members:
                    if getattr(function, "__module__", None) == name and hasattr(function, "__code__"):
                        atheris.instrument_func(function)
    with tempfile.TemporaryDirectory() as scratch:
        atheris.Setup(sys.argv, lambda data: check_input(kind, data, Path(scratch)))
        atheris.Fuzz()
