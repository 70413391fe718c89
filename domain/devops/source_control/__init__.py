"""Source control: repositories, branches, commits, pull requests. The Git tree lives at the provider."""

from domain.kernel.context import Context

source_control = Context("devops", "source-control")
