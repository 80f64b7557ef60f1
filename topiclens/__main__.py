"""``python -m topiclens`` is the command ``topiclens``."""

import sys

from topiclens.pipeline.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
