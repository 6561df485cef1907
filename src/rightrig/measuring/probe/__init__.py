"""What this machine is: cards, links, host, software."""
