"""Pipelines: definitions generated for modules, their runs, and what the runs came to."""

from domain.kernel.context import Context

pipelines = Context("devops", "pipelines")
