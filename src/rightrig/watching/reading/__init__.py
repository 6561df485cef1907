"""What cards do now, read in a process of its own, since a call into a driver may never return."""
