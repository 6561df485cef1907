"""What a server delivers under load, and where it breaks."""
