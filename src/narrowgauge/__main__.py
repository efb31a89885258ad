"""``python -m narrowgauge``."""

import sys

from narrowgauge.cli.main import main

sys.exit(main())
