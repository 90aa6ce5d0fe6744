"""`python -m reference_server`, the same as `r2c-server`."""

import sys

from reference_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
