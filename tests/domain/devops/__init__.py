"""The DevOps / GitOps platform."""
