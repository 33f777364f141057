"""The request's path as extension modules: which modules they are, and making them with mypyc.

Used by scripts/compile (a tree to measure and test) and scripts/build_hook.py (the wheel).  What is
compiled is listed here; everything else stays as it is.  See docs/decisions/0006-compiled-build.md.
Run as a program, it names the Debian packages that compiling needs and that are not here.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

_AUTHN = Path(__file__).parents[1] / "gateway" / "authn"

# What every request passes through; the authenticators are added below.
MODULES: tuple[str, ...] = (
    "authz/access",
    "authz/claims",
    "authz/condition",
    "authz/conditions",
    "authz/facts",
    "authz/identity_conditions",
    "authz/message_conditions",
    "authz/request_conditions",
    "authz/sign_in_conditions",
    "authz/when/comparison",
    "authz/when/condition",
    "authz/when/facts",
    "authz/when/logic",
    "authz/when/node",
    "authz/when/values",
    "bounded",
    "credentials/key_cache",
    "credentials/key_format",
    "credentials/keys",
    "credentials/known_token",
    "credentials/shape",
    "credentials/throttle",
    "credentials/token_format",
    "credentials/tokens",
    "forward/address",
    "forward/client",
    "forward/connection",
    "forward/exchange",
    "forward/outbound",
    "forward/public_paths",
    "forward/response",
    "forward/tunnel",
    "forward/upstream",
    "kinds",
    "message/body",
    "message/chunked",
    "message/cookies",
    "message/field_lines",
    "message/fields",
    "message/forwarded",
    "message/framing",
    "message/mailbox",
    "message/mcp_request",
    "message/moving",
    "message/names",
    "message/original",
    "message/public_url",
    "message/readings",
    "message/request",
    "message/request_head",
    "message/response",
    "message/response_head",
    "message/response_start",
    "message/star",
    "message/target",
    "model",
    "mutate/identity",
    "mutate/outbound",
    "mutate/owners",
    "mutate/relocation",
    "mutate/trace",
    "pipeline/admit",
    "pipeline/announcement",
    "pipeline/cors",
    "pipeline/decisions",
    "pipeline/foreign",
    "pipeline/forward_auth",
    "pipeline/matching",
    "pipeline/oauth2_proxy",
    "pipeline/pipeline",
    "pipeline/read",
    "pipeline/refusals",
    "pipeline/route_plan",
    "pipeline/scheme_notice",
    "pipeline/tools",
    "pipeline/tunnel_check",
    "pipeline/verdict",
    "record/audit",
    "record/audit_writer",
    "record/metrics",
    "record/outcomes",
    "routing/literal",
    "routing/table",
    "server/answers",
    "server/bodies",
    "server/connection",
    "server/front",
    "server/gathering",
    "server/heads",
    "server/transport",
    "server/requests",
    "server/tunnels",
    "server/writer",
    "sessions/cache",
    "sessions/loading",
    "sessions/manager",
    "sessions/session",
    "sessions/ticket",
    "storage/worker_cache",
)
# The other modules of the same packages: they work once a configuration, once a connection or once
# in a while, or wait more than they work; `routing/route` has fields that mypyc cannot write out.
LEFT_OUT = (
    "assembly/worker",
    "assembly/handler",
    "assembly/connections",
    "assembly/numbers",
    "assembly/change",
    "assembly/serving",
    "assembly/hosts",
    "assembly/launch",
    "assembly/lasting",
    "assembly/providers",
    "assembly/upstreams",
    "authn/foreign",
    "authn/parts",
    "authn/pretended",
    "authz/explain",
    "authz/foreign",
    "authz/when/build",
    "authz/remedy",
    "authz/witness",
    "assembly/routes",
    "assembly/apps",
    "assembly/apart",
    "assembly/dry_run",
    "assembly/explained",
    "assembly/explanation",
    "assembly/pretence",
    "assembly/report",
    "assembly/shadows",
    "assembly/tracing",
    "errors",
    "forward/errors",
    "forward/waking",
    "pipeline/constraints",
    "pipeline/kept_form",
    "pipeline/messages",
    "message/json_rpc",
    "message/language",
    "message/methods",
    "message/proxy_protocol",
    "pipeline/around",
    "pipeline/own_paths",
    "pipeline/page_decision",
    "pipeline/refused",
    "pipeline/shadow",
    "pipeline/traced",
    "message/return_to",
    "message/sent_form",
    "record/audit_sinks",
    "record/journal",
    "record/metrics_sum",
    "record/metrics_text",
    "record/report",
    "record/tracing",
    "record/watched",
    "mutate/cookies",
    "mutate/jar",
    "mutate/templates",
    "assembly/reload",
    "routing/deprecation",
    "routing/route",
    "routing/trial",
    "server/above",
    "server/activation",
    "server/addresses",
    "server/admin",
    "server/channel",
    "server/listener",
    "server/memory",
    "server/place",
    "server/proxy_header",
    "server/service_manager",
    "server/supervisor",
    "server/worker_process",
    "mutate/signer",
    "wording",
)
MODULES += tuple(
    module
    for path in sorted(_AUTHN.glob("[!_]*.py"))
    if (module := f"authn/{path.stem}") not in LEFT_OUT
)
MYPY_CONFIG = "[mypy]\nplugins = pydantic.mypy\nignore_missing_imports = true\n"


class CompileError(Exception):
    """The compiler is there and failed; the message is the end of what it said."""


def missing_packages() -> list[str]:
    """Debian's names of what compiling needs and is not here."""
    missing = []
    # The compiler that setuptools will call.
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(shlex.split(compiler)[0]) is None:
        missing += ["gcc", "libc6-dev"]
    # A Python that was built from source has its headers beside it.
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        missing.append("python3-dev")
    return missing


def make(tree: Path, modules: Iterable[str] = MODULES) -> list[Path]:
    """Compile these modules of the package `gateway` in `tree`, beside their sources.

    Raises:
        CompileError: It failed, and nothing in `tree` is of use.
    """
    (tree / "mypy.ini").write_text(MYPY_CONFIG)
    paths = [f"gateway/{module}.py" for module in modules]
    found = subprocess.run(  # noqa: S603 - the list above
        [sys.executable, "-c", "from mypyc.__main__ import main; main()", *paths],
        cwd=tree,
        env={"MYPYC_OPT_LEVEL": "3", **os.environ, "MYPYPATH": str(tree)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    made = list(extensions(tree))
    if found.returncode != 0 or len(made) != len(paths) + 1:
        raise CompileError(found.stdout[-4000:])
    shutil.rmtree(tree / "build", ignore_errors=True)
    return made


def extensions(tree: Path) -> Iterator[Path]:
    """The extension modules: one beside each source, and one that holds the code of all."""
    yield from tree.glob("*.so")
    yield from (tree / "gateway").rglob("*.so")


if __name__ == "__main__":
    print(*missing_packages())  # noqa: T201 - for a shell
