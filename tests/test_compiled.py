"""The compiled build: what is imported where, what says so, and what is missing is told."""

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import gateway
from gateway.message import request_head
from tests.fixtures.compiling import compile_script, extension_modules

ROOT = Path(__file__).parents[1]
COMPILED = os.environ.get("GATEPOST_COMPILED") == "1"


def test_the_tests_run_what_they_are_said_to_run():
    """`make test-compiled` sets GATEPOST_COMPILED, and nothing else does."""
    assert Path(gateway.__file__).is_relative_to(ROOT)
    assert request_head.__file__.endswith(".so" if COMPILED else ".py")


@pytest.mark.parametrize("module", extension_modules.MODULES)
def test_every_module_of_the_list_is_there_and_compiled_where_the_rest_is(module):
    found = import_module(f"gateway.{module.replace('/', '.')}")

    assert (ROOT / "gateway" / f"{module}.py").exists()
    assert found.__file__.endswith(".so" if COMPILED else ".py")


def test_the_version_says_how_it_runs():
    shown = subprocess.run(
        [sys.executable, "-m", "gateway", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    kind = "compiled" if COMPILED else "interpreted"
    assert shown == f"gatepost, version {gateway.__version__} ({kind})\n"


def test_the_start_says_how_it_runs(gateway_process):
    started = gateway_process(
        {
            "upstreams": {"app": "http://127.0.0.1:9"},
            "providers": {"oidc": {"issuer": "https://id.example.com", "client_id": "x"}},
        }
    )

    kind = "compiled" if COMPILED else "interpreted"
    assert f"on port {started.port} ({kind})" in started.log()


@pytest.fixture
def tree(tmp_path):
    """A tree with the scripts alone."""
    shutil.copytree(ROOT / "scripts", tmp_path / "tree" / "scripts")
    return tmp_path / "tree"


def test_without_a_compiler_it_says_what_to_install_and_that_it_is_optional(tree, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "env"):
        (programs / name).symlink_to(shutil.which(name))
    for name, does in (("apt-get", "exit 99"), ("id", "echo 1000")):
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)

    ran = subprocess.run(
        [sys.executable, tree / "scripts" / "compile", tree / "build"],
        env={"PATH": str(programs)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 1
    assert "apt-get install --no-install-recommends gcc libc6-dev" in ran.stderr
    assert "optional" in ran.stderr
    assert not (tree / "build").exists()


def test_the_tree_itself_is_never_the_target(tree):
    for target in (tree, tree.parent):
        ran = subprocess.run(
            [sys.executable, tree / "scripts" / "compile", target], capture_output=True, text=True
        )

        assert ran.returncode == 1
        assert "holds the tree itself" in ran.stderr


def test_the_stamp_names_every_source_of_the_gateway(tree):
    (tree / "gateway" / "message").mkdir(parents=True)
    source = tree / "gateway" / "message" / "target.py"
    source.write_text("a = 1\n")
    before = compile_script.digest(tree)
    source.write_text("a = 2\n")
    after = compile_script.digest(tree)

    assert before != after
    source.write_text("a = 1\n")
    assert compile_script.digest(tree) == before


def test_what_does_not_compile_is_an_error_and_never_left_as_it_is(tmp_path):
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "wrong.py").write_text('a: int = "b"\n')

    with pytest.raises(extension_modules.CompileError, match="Incompatible types in assignment"):
        extension_modules.make(tmp_path, ["wrong"])


# Every module of these is in the list of what is compiled, or in the list of what is left out.
PLACED = ("", "authn", "authz", "forward", "message", "mutate", "routing", "server")


@pytest.mark.parametrize("package", PLACED)
def test_every_module_of_the_path_is_compiled_or_left_out_on_purpose(package):
    there = {
        str(path.relative_to(ROOT / "gateway").with_suffix(""))
        for path in (ROOT / "gateway" / package).glob("*.py")
        if not path.name.startswith("__")
    }
    placed = {*extension_modules.MODULES, *extension_modules.LEFT_OUT}

    assert there - placed == set(), "place these in scripts/extension_modules.py"
    assert not set(extension_modules.MODULES) & set(extension_modules.LEFT_OUT)


def test_the_list_of_what_is_left_out_is_not_stale():
    for module in extension_modules.LEFT_OUT:
        assert (ROOT / "gateway" / f"{module}.py").exists()


def test_the_image_ships_the_extension_modules_and_no_compiler():
    text = (ROOT / "Dockerfile").read_text()
    built, shipped = text.split("FROM ${PYTHON_IMAGE}")[1:]

    assert "GATEPOST_COMPILE=1 pip wheel" in built
    assert "gcc" not in shipped
