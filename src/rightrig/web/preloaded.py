"""What every worker needs, loaded once: workers are forked from the process that imported this.

The verbs load what they need when they are asked, for a quick command line; a server has no such
haste, and a worker that takes another's place should answer at once.
"""

from __future__ import annotations

import importlib
import pkgutil

import rightrig.report
import rightrig.verbs
import rightrig.web.answering

for _room in (rightrig.verbs, rightrig.report):
    for _module in pkgutil.iter_modules(_room.__path__, f"{_room.__name__}."):
        if _module.name != "rightrig.report.notebook":  # of IPython, which no worker has
            importlib.import_module(_module.name)
