"""What work costs on a deployment: dollars a token, break-even, and comparisons under doubt."""
