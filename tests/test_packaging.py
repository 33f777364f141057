"""What is shipped: the wheels, and the scripts that set things up."""

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from ast import literal_eval
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import gateway
from gateway.settings.load import load
from tests.fixtures.compiling import extension_modules
from tests.fixtures.installed import assert_runs
from tests.fixtures.wheels import begin_wheel, no_compiler

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "path",
    [
        ".ci/run",
        *(f"scripts/{x}" for x in ("deb", "dist", "environment", "image-size", "lean", "lock")),
        *(f"scripts/setup-{x}" for x in ("python", "node", "go", "debian")),
    ],
)
def test_a_script_can_be_run_and_stops_at_the_first_failure(path):
    text = (ROOT / path).read_text()

    assert (ROOT / path).stat().st_mode & stat.S_IXUSR
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text


@pytest.fixture
def bare_path(tmp_path):
    """A PATH with the few programs the scripts themselves use, and nothing they look for."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("bash", "cat", "cut", "dirname", "env", "grep", "id", "mktemp", "rm", "sha256sum"):
        (directory / name).symlink_to(shutil.which(name))
    return directory


def run_script(name, *arguments, path, tree=ROOT):
    return subprocess.run(
        [shutil.which("bash"), tree / "scripts" / name, *arguments],
        env={"PATH": str(path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def program(directory, name, *lines):
    path = directory / name
    path.unlink(missing_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def test_without_root_or_sudo_the_setup_says_exactly_what_to_install(bare_path):
    program(bare_path, "apt-get", "exit 99")
    program(bare_path, "id", "echo 1000")

    ran = run_script("setup-debian", "chromium", "chromium-driver", path=bare_path)

    assert ran.returncode == 1
    assert "apt-get install --no-install-recommends chromium chromium-driver" in ran.stderr


def test_as_root_the_setup_installs_only_what_is_missing(bare_path, tmp_path):
    log = tmp_path / "log"
    program(bare_path, "apt-get", f'echo "$@" >>{log}')
    program(bare_path, "id", "echo 0")
    program(bare_path, "chromium")

    ran = run_script("setup-debian", "chromium", "chromium-driver", path=bare_path)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "· installing Debian packages: chromium-driver (a minute or two)\n"
    assert log.read_text() == "update\ninstall --yes --no-install-recommends chromium-driver\n"


def test_the_setup_fails_where_the_installation_fails(bare_path):
    program(bare_path, "apt-get", 'echo "E: no such package"', "exit 100")
    program(bare_path, "id", "echo 0")

    ran = run_script("setup-debian", "chromium", path=bare_path)

    assert ran.returncode == 1
    assert "E: no such package" in ran.stderr


def test_where_everything_is_there_the_setup_is_silent(bare_path):
    program(bare_path, "chromium")

    ran = run_script("setup-debian", "chromium", path=bare_path)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_an_old_python_is_told_kindly(bare_path):
    program(bare_path, "python3", '[ "$1" = --version ] && echo Python 3.9.2', "exit 1")

    ran = run_script("setup-python", "runtime", path=bare_path)

    assert ran.returncode == 1
    assert "Python 3.11 or newer" in ran.stderr
    assert "3.9.2" in ran.stderr


def test_a_python_without_venv_gets_debians_package(bare_path, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "scripts", tree / "scripts")
    shutil.copytree(ROOT / "requirements", tree / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tree)
    program(bare_path, "apt-get", "exit 99")
    program(bare_path, "id", "echo 1000")
    program(bare_path, "python3", 'case "$*" in *ensurepip*) exit 1 ;; esac')

    ran = run_script("setup-python", "runtime", path=bare_path, tree=tree)

    assert ran.returncode == 1
    assert "apt-get install --no-install-recommends python3-venv" in ran.stderr


def test_a_missing_node_is_told_kindly(bare_path):
    ran = run_script("setup-node", path=bare_path)

    assert ran.returncode == 1
    assert "Node.js 20" in ran.stderr


def test_a_missing_go_is_told_kindly(bare_path):
    ran = run_script("setup-go", path=bare_path)

    assert ran.returncode == 1
    assert "Go 1.25" in ran.stderr


@pytest.fixture(scope="session")
def interpreted_wheel(sources, tmp_path_factory):
    """The wheel where there is no compiler, and what was said about it."""
    dist, nothing = tmp_path_factory.mktemp("interpreted"), tmp_path_factory.mktemp("bin")
    build = begin_wheel(sources, dist, **no_compiler(nothing))
    _, said = build.wait()
    return build.wheel(), said


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if "dist-info/" not in name}


def files_of_the_package():
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / "gateway").rglob("*")
        # A wheel has the compiled catalogues and not what they are made from.
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".po"
    }


def test_the_wheel_has_every_module_and_page_and_nothing_else(interpreted_wheel):
    wheel, _ = interpreted_wheel

    assert names_in(wheel) == files_of_the_package()
    of_tests = ("tests/*", "*/tests/*", "*test_*", "*conftest*")
    assert not [it for it in names_in(wheel) if any(fnmatch(it, form) for form in of_tests)]
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_compiled_wheel_has_besides_that_the_extension_modules(wheel):
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    files = files_of_the_package()
    (shared,) = {name for name in names_in(wheel) - files if "/" not in name}

    assert shared.endswith(f"__mypyc{suffix}")
    beside = {f"gateway/{module}{suffix}" for module in extension_modules.MODULES}
    assert names_in(wheel) == files | beside | {shared}
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert re.search(rf"-{version}-{version}-linux_[a-z0-9_]+\.whl$", wheel.name)


def test_where_there_is_no_compiler_the_build_says_what_to_install(interpreted_wheel):
    _, said = interpreted_wheel

    (line,) = [line for line in said.splitlines() if "Interpreted" in line]
    assert "install gcc, libc6-dev (Debian's names)" in line


@pytest.mark.parametrize(
    ("wish", "told"), [("1", "GATEPOST_COMPILE=1, but this is missing"), ("yes", "and not 'yes'")]
)
def test_a_wish_that_cannot_be_met_builds_nothing(sources, tmp_path, wish, told):
    status, said = begin_wheel(
        sources, tmp_path, **no_compiler(tmp_path), GATEPOST_COMPILE=wish
    ).wait()

    assert status != 0
    assert told in said
    assert not list(tmp_path.glob("*.whl"))


def test_an_interpreted_wheel_can_be_asked_for_where_there_is_a_compiler(sources, tmp_path):
    built = begin_wheel(sources, tmp_path, GATEPOST_COMPILE="0").wheel()

    assert built.name.endswith("-py3-none-any.whl")


def in_the_backend(sources, expression, **environment):
    """What `expression` gives in the build backend, run as pip runs it."""
    shown = subprocess.run(
        [sys.executable, "-c", f"import hatchling.build as backend; print({expression})"],
        cwd=sources,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return shown.splitlines()[-1]


def test_an_editable_install_is_never_compiled(sources, tmp_path):
    built = in_the_backend(
        sources, f"backend.build_editable({str(tmp_path)!r})", GATEPOST_COMPILE="1"
    )

    assert built.endswith("-py3-none-any.whl")
    assert not any(name.endswith(".so") for name in names_in(tmp_path / built))


def test_a_build_asks_for_mypy_only_where_it_compiles(sources, tmp_path):
    asked = "backend.get_requires_for_build_wheel()"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    lines = literal_eval(in_the_backend(sources, asked))
    compiling = {Requirement(line).name for line in lines}

    tools = {*project["dependency-groups"]["compile"], *project["project"]["dependencies"]}
    assert {Requirement(line).name for line in tools} <= compiling
    assert in_the_backend(sources, asked, GATEPOST_COMPILE="0") == "[]"
    assert in_the_backend(sources, asked, **no_compiler(tmp_path)) == "[]"


def install(wheel, home):
    """The `gatepost` command of the wheel, in an environment of its own.

    The packages it needs are those of the tests' own environment, so nothing is downloaded.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    site = next(home.glob("lib/python3.*/site-packages"))
    pip = [sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-compile", wheel], check=True)
    # Later on the path than the wheel, which is therefore what is imported as `gateway`.
    (site / "packages.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return home / "bin" / "gatepost"


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """The compiled command, its bytecode written as in the image."""
    home = tmp_path_factory.mktemp("installed")
    command = install(wheel, home)
    compileall = [home / "bin" / "python", "-m", "compileall", "-q"]
    site = next(home.glob("lib/python3.*/site-packages"))
    subprocess.run([*compileall, "--invalidation-mode", "unchecked-hash", site], check=True)
    return command


def test_the_installed_command_runs_from_its_own_files_and_bytecode(installed, tmp_path):
    code = "import gateway, gateway.errors; print(gateway.__file__, gateway.errors.__cached__)"
    shown = subprocess.run(
        [installed.parent / "python", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert all(path.startswith(str(installed.parents[1])) for path in shown)
    assert Path(shown[1]).exists()


def version_of(command, folder):
    ran = subprocess.run([command, "--version"], cwd=folder, capture_output=True, text=True)
    return ran.stdout.strip()


def test_the_installed_command_says_that_it_is_compiled(installed, tmp_path):
    assert version_of(installed, tmp_path).endswith(f"{gateway.__version__} (compiled)")


def test_the_command_of_the_interpreted_wheel_says_that_it_is_not(interpreted_wheel, tmp_path):
    command = install(interpreted_wheel[0], tmp_path / "home")

    assert version_of(command, tmp_path).endswith(f"{gateway.__version__} (interpreted)")


def test_the_installed_gateway_starts_from_the_environment_alone_and_passes_its_health_check(
    installed, tmp_path
):
    assert_runs([installed], tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"data", "log"}


def test_the_configuration_of_the_debian_package_is_right(tmp_path):
    secret = tmp_path / "oidc_client_secret"
    secret.write_text("s3cret\n")
    text = (ROOT / "packaging" / "deb" / "gatepost.yaml").read_text()
    config = tmp_path / "gatepost.yaml"
    config.write_text(text.replace("/etc/gatepost/oidc_client_secret", str(secret)))

    assert str(load(config, {}).settings.data_dir) == "/var/lib/gatepost"
