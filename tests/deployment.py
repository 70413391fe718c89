"""What a module's repository keeps for its deployment, as Kustomize has it: a base, and an overlay for each
environment."""

APP = "reservations-api"

_DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {APP}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {APP}
  template:
    metadata:
      labels:
        app: {APP}
    spec:
      containers:
        - name: api
          image: {{image}}
          ports:
            - containerPort: 8080
"""

_SERVICE = f"""\
apiVersion: v1
kind: Service
metadata:
  name: {APP}
spec:
  selector:
    app: {APP}
  ports:
    - name: http
      port: 80
      targetPort: 8080
"""

BASE = "deploy/base/kustomization.yaml"

_KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
"""


def sources(*environments: str, image: str = APP) -> dict[str, str]:
    """The files by path, with an overlay for each of these."""
    overlays = {
        f"deploy/overlays/{one}/kustomization.yaml": _KUSTOMIZATION + "  - ../../base\n"
        for one in environments
    }
    return {
        "deploy/base/deployment.yaml": _DEPLOYMENT.format(image=image),
        "deploy/base/service.yaml": _SERVICE,
        BASE: _KUSTOMIZATION + "  - deployment.yaml\n  - service.yaml\n",
        **overlays,
    }


SOURCES = sources("dev", "test", "staging", "prod")
