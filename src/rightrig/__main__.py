"""``python -m rightrig``."""

from rightrig.cli import main

main()
