"""Options that several commands of ``risk`` share."""

from __future__ import annotations

from typing import Annotated

import typer

Preset = Annotated[
    str | None, typer.Option(help="Published rate: llama-3, meta-rsc-1 …; 'risk presets' lists.")
]
Afr = Annotated[
    str | None, typer.Option(metavar="SHARE", help="Failures of a GPU in a year: 9% or 0.09.")
]
Mtbf = Annotated[
    str | None, typer.Option(metavar="TIME", help="Mean time between failures: 3.1h, 20d.")
]
Gpus = Annotated[int | None, typer.Option(help="GPUs that one failure stops.")]
SaveTime = Annotated[
    str | None, typer.Option(metavar="TIME", help="For which a save stops the run.")
]
State = Annotated[
    str | None, typer.Option(metavar="BYTES", help="What a save writes, with --bandwidth: 2TB.")
]
Bandwidth = Annotated[
    str | None, typer.Option(metavar="BYTES/s", help="Of all writers together: 100GB/s.")
]
Restart = Annotated[
    str, typer.Option(metavar="TIME", help="From a failure that was noticed to work again.")
]
Detection = Annotated[
    str | None, typer.Option(metavar="TIME", help="Until a failure is noticed; default at once.")
]
Flush = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Saves in the background: until one can be used."),
]
Interval = Annotated[
    str | None, typer.Option(metavar="TIME", help="Work between saves; default the optimum.")
]
ChartFolder = Annotated[
    str | None, typer.Option("--save", metavar="DIR", help="Folder for the chart.")
]
Target = Annotated[str, typer.Option(metavar="SHARE", help="99.9% or 0.999.")]
