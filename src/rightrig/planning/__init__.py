"""What to choose: candidates, the rules that reject them, their price, their rank."""
