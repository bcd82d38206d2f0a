"""`python -m rustbed`, for where the script is not on PATH."""

import sys

from rustbed.cli.main import main

sys.exit(main())
