"""An app that verifies assertions loads joserfc and the standard library, and no gateway."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# joserfc's own, with what it imports; cryptography takes bcrypt where it is installed.
ALLOWED = {"_cffi_backend", "_openssl", "bcrypt", "cffi", "cryptography", "joserfc"}


def test_importing_verify_imports_no_more_than_it_needs():
    code = """
import json, sys
before = set(sys.modules)
import gateway.verify
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    loaded = json.loads(shown)

    gateways = {name for name in loaded if name.startswith("gateway")}
    others = {name.partition(".")[0] for name in loaded} - {"gateway"}
    assert {name for name in gateways if not name.startswith("gateway.verify")} == {"gateway"}
    assert others - set(sys.stdlib_module_names) <= ALLOWED
    assert "joserfc" in others
