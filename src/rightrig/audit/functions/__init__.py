"""The functions that an expression may call; ``naming`` has the list."""
