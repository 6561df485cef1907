"""Where a step's time goes, beside what the roofline allows."""
