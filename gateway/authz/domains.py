"""E-mail addresses and their domains, made comparable without making strangers equal."""

import unicodedata
from functools import lru_cache


def fold_ascii(text: str) -> str:
    """`text` in lower case where it is ASCII, else as it is.

    `str.lower` turns the Kelvin sign into "k", and with it one person's address into another's.
    """
    return text.lower() if text.isascii() else text


@lru_cache(maxsize=4096)
def domain_of(address: str) -> str | None:
    """The domain of an e-mail address as A-labels in lower case; None if it is malformed.

    A quoted local part may hold an "@" (RFC 5321, section 4.1.2), but no provider's account has
    one, and ``"me@evil.example"@example.com`` is read apart too easily.
    """
    local, at, domain = address.partition("@")
    return a_labels(domain) if local and at else None


def a_labels(domain: str) -> str | None:
    """`domain` as A-labels (RFC 5890, section 2.3.2.1) in lower case; None if it is malformed.

    A label above ASCII must be in its canonical form already: mapping it (as IDNA 2003 maps "ß" to
    "ss") would make two different domains equal.
    """
    labels = [_a_label(label) for label in domain.removesuffix(".").split(".")]
    known = [label for label in labels if label]
    return ".".join(known) if len(known) == len(labels) else None


def _a_label(label: str) -> str | None:
    if label.isascii():
        return label.lower() if label.replace("-", "").replace("_", "").isalnum() else None
    # RFC 5892: letters, marks, digits and the hyphen; U+3002 and its like would split the label.
    if any(c != "-" and unicodedata.category(c)[0] not in "LMN" for c in label):
        return None
    if unicodedata.normalize("NFKC", label) != label or label.lower() != label:
        return None
    return "xn--" + label.encode("punycode").decode("ascii")
