"""A keyring for tests: a file named by ``TEST_KEYRING``."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class Keyring(KeyringBackend):
    priority = 1

    def _all(self):
        path = Path(os.environ["TEST_KEYRING"])
        return json.loads(path.read_text()) if path.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service}:{username}")

    def set_password(self, service, username, password):
        self._write({**self._all(), f"{service}:{username}": password})

    def delete_password(self, service, username):
        kept = self._all()
        del kept[f"{service}:{username}"]
        self._write(kept)

    def _write(self, kept):
        Path(os.environ["TEST_KEYRING"]).write_text(json.dumps(kept))
