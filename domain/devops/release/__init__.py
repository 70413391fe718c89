"""Release: plans to ship a build into an environment, and the decisions that let them."""

from domain.kernel.context import Context

release = Context("devops", "release")
