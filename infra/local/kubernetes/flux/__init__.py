"""Flux: sources pulled from git, and kustomizations applied from them."""
