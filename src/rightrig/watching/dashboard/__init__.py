"""A dashboard for Grafana: the plan beside what is, engine, cards, links, health."""
