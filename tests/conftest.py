"""What every test run shares."""

from __future__ import annotations

import os

from hypothesis import settings

# A build must not fail by chance on a change that has nothing to do with it: there the examples
# are the same each time; on a developer's machine they are new each time.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
