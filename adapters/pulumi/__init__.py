"""Pulumi Cloud as the place where stacks are made from programs."""

from adapters.pulumi.deployments import PULUMI_CLOUD, PulumiDeployments

__all__ = ["PULUMI_CLOUD", "PulumiDeployments"]
