"""`python -m tracer_etl` is `tracer-etl`."""

import sys

from tracer_etl.cli import main

if __name__ == "__main__":
    sys.exit(main())
