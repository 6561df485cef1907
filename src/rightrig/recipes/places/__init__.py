"""Places: where engines are started: containers, clusters, services of one machine."""
