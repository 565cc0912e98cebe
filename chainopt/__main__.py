"""``python -m chainopt`` is the command ``chainopt``."""

import sys

from chainopt.cli import main

if __name__ == "__main__":
    sys.exit(main())
