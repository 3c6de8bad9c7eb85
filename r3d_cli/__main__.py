"""``python -m r3d_cli``: the same as the command ``r3d``."""

from r3d_cli.main import main

if __name__ == "__main__":
    main()
