"""What workloads answer: requests, routes and metrics."""
