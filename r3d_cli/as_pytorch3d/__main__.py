"""``python -m r3d_cli.as_pytorch3d``."""

import sys

from r3d_cli.as_pytorch3d.running import main

sys.exit(main(sys.argv[1:]))
