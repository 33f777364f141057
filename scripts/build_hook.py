"""Hatchling's hook: a wheel has the extension modules beside their sources, where they can be made.

    pip wheel .                       compiled, or interpreted where there is no C compiler
    GATEPOST_COMPILE=1 pip wheel .    compiled, or an error
    GATEPOST_COMPILE=0 pip wheel .    interpreted

An editable install is always interpreted: beside sources that change, extension modules would go
on running as they were.  See docs/decisions/0006-compiled-build.md.
"""

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Hatchling loads this file by its path, which does not make its neighbours importable.
sys.path.insert(0, str(Path(__file__).parent))

from extension_modules import CompileError, make, missing_packages


class RequestPathHook(BuildHookInterface):
    """Compiles a copy, and puts what that gives into the wheel."""

    scratch: TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        """What the build needs besides hatchling, which is nothing where it will not compile.

        The gateway's own packages are among it: mypy reads their types, and compiles other code
        where it does not know them.
        """
        if _wish() == "0" or missing_packages():
            return []
        project = self.metadata.core
        extras = [line for lines in project.optional_dependencies.values() for line in lines]
        tools = self.metadata.config["dependency-groups"]["compile"]
        return [*tools, *project.dependencies, *extras]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the install is editable."""
        if version == "editable" or not self._is_to_compile():
            return
        self.scratch = TemporaryDirectory()
        tree = Path(self.scratch.name)
        ignored = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(Path(self.root, "gateway"), tree / "gateway", ignore=ignored)
        self.app.display_info("Compiling the request's path (a minute or two)")
        for path in self._make(tree):
            build_data["force_include"][str(path)] = str(path.relative_to(tree))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copy: the wheel has what it needs of it."""
        if self.scratch is not None:
            self.scratch.cleanup()

    def _is_to_compile(self) -> bool:
        """Whether it shall be done and can be; says so where it cannot."""
        wish, missing = _wish(), ", ".join(missing_packages())
        if wish not in {"", "0", "1"}:
            self.app.abort(f"GATEPOST_COMPILE is 0, 1 or not set, and not {wish!r}")
        if wish == "0":
            return False
        if missing and wish == "1":
            self.app.abort(f"GATEPOST_COMPILE=1, but this is missing (Debian's names): {missing}")
        if missing:
            self.app.display_warning(
                "Interpreted, and so slower at every request. For the compiled wheel install"
                f" {missing} (Debian's names) and build again."
            )
        return not missing

    def _make(self, tree: Path) -> list[Path]:
        try:
            return make(tree)
        except CompileError as error:
            self.app.abort(f"{error}\nCompiling failed; GATEPOST_COMPILE=0 builds without it")
            raise


def _wish() -> str:
    return os.environ.get("GATEPOST_COMPILE", "")
