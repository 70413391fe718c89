"""What runs in environments, by the API of Kubernetes: Flux, its objects and how their rollouts go."""
