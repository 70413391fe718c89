"""GitOps: whether what runs in an environment is what its branch says."""

from domain.kernel.context import Context

gitops = Context("devops", "gitops")
