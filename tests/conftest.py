"""What every test run shares."""

from __future__ import annotations

import os

from hypothesis import settings

# What a developer keeps in the own catalogue must not change what a test sees; programs that a
# test starts inherit it.
os.environ["RIGHTRIG_CATALOG"] = ""

# A build must not fail by chance on a change that has nothing to do with it: there the examples
# are the same each time; on a developer's machine they are new each time.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
