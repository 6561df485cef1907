"""What happens over time: requests, engines and routers, step by step."""
