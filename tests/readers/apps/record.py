"""What the apps in Python share: they note each request as they read it, and answer with that."""

import hashlib
import json
import os
from pathlib import Path

_DIRECTORY = Path(os.environ["READER_DIRECTORY"])


def note(method, target, paths, fields):
    """Add the request to the log, before its body is read."""
    seen = {"method": method, "target": target, "paths": paths, "fields": fields}
    with (_DIRECTORY / "seen").open("a") as log:
        log.write(json.dumps(seen) + "\n")
    return seen


def is_held(target):
    """Whether a request for `/hold?NAME` has to wait: until there is a file NAME."""
    path, _, name = target.partition("?")
    return path.endswith("/hold") and not (_DIRECTORY / name).exists()


def answer(seen, body):
    """The body of the response."""
    digest = hashlib.sha256(body).hexdigest()
    return json.dumps({**seen, "length": len(body), "digest": digest}).encode()
