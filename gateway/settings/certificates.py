"""Certificates and keys that the configuration names, tried as they will be used.

OpenSSL says little about a file that it cannot use, and says it late.
"""

import ssl
from collections.abc import Iterator

_NO_CERTIFICATE = "contains no readable certificate (PEM)"
_NO_KEY = "contains no readable private key (PEM)"
_ENCRYPTED = "is encrypted: use a key without a passphrase"
_NOT_ITS_KEY = frozenset({"KEY_TYPE_MISMATCH", "KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})
# OpenSSL's security level refuses what is too short or signed with what is broken.
_TOO_WEAK = frozenset({"CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "EE_KEY_TOO_SMALL"})


class _EncryptedError(Exception):
    """OpenSSL wants a passphrase, and would ask for it at the terminal."""


def certificates_problem(file: str) -> str:
    """Why `file` gives no certificates; ``""`` where it does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(file)
    except OSError:
        return _NO_CERTIFICATE
    return "" if context.cert_store_stats()["x509"] else _NO_CERTIFICATE


def pair_problems(cert_file: str, key_file: str) -> Iterator[tuple[str, str]]:
    """Why a key cannot be used with its certificate: the setting at fault, and what is wrong."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, _no_passphrase)
    except _EncryptedError:
        yield "key_file", _ENCRYPTED
    except ssl.SSLError as error:
        if error.reason in _TOO_WEAK:
            yield "cert_file", f"is too weak: {error.reason.lower().replace('_', ' ')}"
        elif error.reason in _NOT_ITS_KEY:
            yield "key_file", f"is not the key of the first certificate in {cert_file!r}"
        else:
            yield "key_file", _NO_KEY
    except OSError as error:
        yield "key_file", f"cannot be read: {error.strerror}"


def _no_passphrase() -> str:
    raise _EncryptedError
