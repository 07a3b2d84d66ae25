"""A machine of its own for commands that tests run: a folder, an environment, no network.

What is installed in it stays in it; all that is installed here is there as well.
"""

import os
import site
import subprocess
import sysconfig
import venv
from pathlib import Path

COMMANDS = {
    "podium": "-c 'from registry.cli import main; main(prog_name=\"podium\")'",
    "pip": "-m pip",
    "pytest": "-m pytest -p no:cacheprovider",
    "python": "",
}
OFFLINE = "--quiet --no-index --no-deps --no-build-isolation --disable-pip-version-check"


class Sandbox:
    """A folder in which shell commands run as the documentation has them."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "folder"
        self.folder.mkdir(parents=True)
        self._venv, self._bin = root / "venv", root / "bin"
        venv.create(self._venv, symlinks=True)
        packages = sysconfig.get_path("purelib", vars={"base": str(self._venv)})
        here = [sysconfig.get_path("purelib"), *site.getsitepackages()]
        lines = [f"import site; site.addsitedir({path!r})\n" for path in dict.fromkeys(here)]
        Path(packages, "all_that_is_here.pth").write_text("".join(lines))
        self._bin.mkdir()
        for name, arguments in COMMANDS.items():
            file = self._bin / name
            offline = f' $([ "$1" = install ] && echo {OFFLINE})' if name == "pip" else ""
            file.write_text(
                f'#!/bin/sh\nexec "{self._venv}/bin/python3" -P {arguments} "$@"{offline}\n'
            )
            file.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that commands see."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "PATH": f"{self._bin}:/usr/local/bin:/usr/bin:/bin",
            "PODIUM_HOME": str(self.folder.parent / "home"),
            "PODIUM_REGISTRY": str(self.folder.parent / "registry.db"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the folder."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
