"""Infrastructure: what an environment's stack is made of, previewed before it is applied."""

from domain.kernel.context import Context

infrastructure = Context("devops", "infrastructure")
