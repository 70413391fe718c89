"""The local Kubernetes API with Flux: objects, rollouts, GitOps and traffic, through real clients."""
