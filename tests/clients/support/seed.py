"""One seed for everything random, so that a failure can be had again."""

import os
import secrets

SEED = int(os.environ.get("ALKHUB_TEST_SEED") or secrets.randbelow(2**31))
