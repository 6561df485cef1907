"""What is true: frozen records of hardware, models, runtimes, prices, each with its sources.

Files only, no network. A datasheet figure lives here; a fitted efficiency does not
(that is ``prediction/data``).
"""
