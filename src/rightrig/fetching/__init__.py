"""From outside: configurations of models from the hub. The only network of the catalogue."""
