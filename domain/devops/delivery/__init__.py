"""Delivery: how a project ships; the policy that pipelines, packaging and releases go by."""

from domain.kernel.context import Context

delivery = Context("devops", "delivery")
