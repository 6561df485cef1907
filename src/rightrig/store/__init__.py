"""What was measured: runs of a machine's owner, kept in a database."""

from rightrig.store.opening import open_store

__all__ = ["open_store"]
