"""Parses e-mail addresses strictly, so that two texts are equal only if they mean one mailbox."""

import re
import unicodedata
from functools import lru_cache

# RFC 5321, section 4.1.2: Dot-string of `atext` (RFC 5322, section 3.2.3).
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
# RFC 5321, section 4.5.3.1: a path of 256 octets includes "<" and ">".
_MAX_CHARS = 254
_MAX_LOCAL_CHARS = 64
# RFC 1035, section 2.3.4: 255 octets, less the length byte of the first label and the root.
_MAX_DOMAIN_CHARS = 253
_MAX_LABEL_CHARS = 63
# Invisible characters (Unicode: Default_Ignorable_Code_Point); RFC 5892 allows none.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


@lru_cache(maxsize=4096)
def read_mailbox(address: str) -> tuple[str, str] | None:
    """The local part and domain of an e-mail address, in comparable form; None if it is not one.

    Accepts a Mailbox of RFC 5321, section 4.1.2, without quoted strings and address literals: no
    provider's account has one, and servers read ``"me@evil.example"@example.com`` differently.
    The domain may have labels above ASCII (RFC 5890).

    The local part is compared without regard to case, as almost all servers do.
    """
    local, _, domain = address.partition("@")
    if len(address) > _MAX_CHARS or len(local) > _MAX_LOCAL_CHARS:
        return None
    if _LOCAL.fullmatch(local) is None:
        return None
    labels = a_labels(domain)
    return None if labels is None else (local.lower(), labels)


def a_labels(domain: str) -> str | None:
    """`domain` as A-labels (RFC 5890, section 2.3.2.1) in lower case; None if malformed.

    A label above ASCII must already be in canonical form: mapping it (as IDNA 2003 maps "ß" to
    "ss") would make two different domains equal.
    """
    labels = [_a_label(label) for label in domain.split(".")]
    known = [label for label in labels if label is not None]
    found = ".".join(known)
    return found if len(known) == len(labels) and len(found) <= _MAX_DOMAIN_CHARS else None


def _a_label(label: str) -> str | None:
    if not label.isascii():
        return _from_u_label(label)
    is_label = len(label) <= _MAX_LABEL_CHARS and _LABEL.fullmatch(label) is not None
    return label.lower() if is_label else None


def _from_u_label(label: str) -> str | None:
    # RFC 5892 allows letters, marks, digits and the hyphen; U+3002 and others would split a label.
    if any(c != "-" and unicodedata.category(c)[0] not in "LMN" for c in label):
        return None
    # RFC 5891, section 4.2.3.
    if label[0] == "-" or label[-1] == "-" or unicodedata.category(label[0])[0] == "M":
        return None
    if unicodedata.normalize("NFKC", label) != label or label.lower() != label:
        return None
    if _UNSEEN.search(label):
        return None
    found = "xn--" + label.encode("punycode").decode("ascii")
    return found if len(found) <= _MAX_LABEL_CHARS else None
