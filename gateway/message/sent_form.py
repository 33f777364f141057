"""Parses the body of a form, so that it can be sent again after sign-in.

Only a form that would be sent again unchanged is parsed; anything else counts as no form.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
# More than any real form has, and few enough for one page.
_MAX_FIELDS = 1000
# RFC 2046, section 5.1.1.
_BOUNDARY = re.compile(r'boundary="?([0-9A-Za-z\'()+_,./:=?-]{1,70})"?')
# As browsers write it (HTML, "multipart form data"; RFC 7578, section 4.2).
_DISPOSITION = re.compile(
    r'content-disposition: form-data; name="([^"]*)"(?:; filename="([^"]*)")?', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SentForm:
    """The fields of a form in the order sent.

    Attributes:
        media_type: The encoding of the form.
        fields: Names and values; a name may repeat.
        files: Names of file fields, and the names of those files.
    """

    media_type: str
    fields: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...] = ()


# Stands for a body that is too large, or of a kind that is not parsed.
LOST = SentForm("", ())


def read_sent_form(content_type: str, body: bytes) -> SentForm | None:
    """The form in `body`; None if there is none, or it could not be sent again unchanged."""
    said, _, parameters = content_type.partition(";")
    media_type = said.strip().lower()
    if media_type not in (URLENCODED, MULTIPART):
        return None
    try:
        form = _urlencoded(body) if media_type == URLENCODED else _multipart(parameters, body)
    except ValueError:
        return None
    # A page cannot contain NUL (HTML, section 13.2.5), and browsers send no field without a name.
    whole = all(name and "\0" not in name + value for name, value in form.fields)
    return form if whole and len(form.fields) + len(form.files) <= _MAX_FIELDS else None


def _urlencoded(body: bytes) -> SentForm:
    pairs = parse_qsl(
        body.decode("ascii"),
        keep_blank_values=True,
        encoding="utf-8",
        errors="strict",
        max_num_fields=_MAX_FIELDS,
    )
    return SentForm(URLENCODED, tuple(pairs))


def _multipart(parameters: str, body: bytes) -> SentForm:
    found = _BOUNDARY.fullmatch(parameters.strip())
    if found is None:
        raise ValueError("no boundary")
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + found[1].encode())
    if first or not parts or not parts.pop().startswith(b"--"):
        raise ValueError("not delimited as in RFC 2046")
    fields, files = [], []
    for part in parts:
        name, file_name, value = _part(part)
        if file_name is None:
            fields.append((name, value))
        else:
            files.append((name, file_name))
    return SentForm(MULTIPART, tuple(fields), tuple(files))


def _part(part: bytes) -> tuple[str, str | None, str]:
    head, separator, content = part.partition(b"\r\n\r\n")
    # What precedes the first line end belongs to the delimiter line, which must be empty there.
    rest, *lines = head.decode().split("\r\n")
    for line in lines if separator and not rest else ():
        found = _DISPOSITION.fullmatch(line)
        if found is not None:
            file_name = found[2]
            value = content.decode() if file_name is None else ""
            return _unescaped(found[1]), file_name and _unescaped(file_name), value
    raise ValueError("a part without a name")


def _unescaped(text: str) -> str:
    for escape, character in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        text = text.replace(escape, character)
    return text
