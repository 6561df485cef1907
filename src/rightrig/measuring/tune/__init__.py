"""One knob at a time, from a baseline."""
