"""What is asked: traffic, latency objectives and limits."""
