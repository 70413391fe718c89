"""A Kubernetes API with Flux on this machine: objects, rollouts, GitOps and the traffic of workloads."""
