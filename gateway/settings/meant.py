"""Detects syntax from other proxies, and suggests what was meant.

Each function takes one text from the file, which is valid as it stands, and returns a warning for
a glob, an anchor, a wildcard or a list that Gatepost compares literally; None otherwise.
"""

import re

from gateway.settings.scalars import quote
from gateway.settings.templates import PLACEHOLDERS

# Rare in real paths: a glob, a class, an alternative, an anchor, a placeholder.
_PATTERN = re.compile(
    r"[*|^]|\.\+|\$$|\[[^\]]*-[^\]]*\]|\(\?|/:[A-Za-z_]\w*(?=/|$)|/<[^/>]+>(?=/|$)|\{[^/}]*\}"
)
_REGEX = re.compile(r"\.[*+]|[|^(]|\$$|\[")
_ENDS_OPEN = re.compile(r"(.*?)(?:/\*{1,2}|/\.[*+])\$?")
_PLACEHOLDER = re.compile(r"\*\*|\*|(?<=/):\w+|<[^/>]+>|\{[^/}]*\}")

# The start of a regex whose first character is not a slash.
_NO_SLASH = re.compile(r"(?:[A-Za-z0-9_~!@%&=:,;'\"<> -]|\\[^A-Za-z0-9/])(?![*?{])")
_OPEN_END = re.compile(r"(?:\.|\\S|\[\^[^\]/]*\])[*+]\??[)?$]*$")
_PLAIN = re.compile(r"(?:/(?:[A-Za-z0-9_~-]|\\?\.|\\-)+)+")
_OR_BELOW = re.compile(r"\(\??:?/\|\$\)$")

_NAMED_FACT = re.compile(r"(group|role|user|scope|email|provider):(.+)")
_METHODS_OF_ALL = frozenset({"*", "ANY", "ALL"})
_FOREIGN_VALUE = re.compile(r"(?<!\S)\$[a-z][a-z0-9_]+(?!\S)|%\{[^}]*\}|\{\{.*\}\}")
_PLACEHOLDER_OF_OURS = re.compile(r"\{(?:" + "|".join(PLACEHOLDERS) + r"|claim:[^{}]*)\}")


def path_meant(text: str) -> str | None:
    """For a complete path."""
    return _path(text, "path")


def prefix_meant(text: str) -> str | None:
    """For a prefix, which also covers everything below it."""
    return _path(text, "prefix")


def paths_only_meant(text: str) -> str | None:
    """For a path in a setting that accepts neither a prefix nor a regular expression."""
    if _path(text, "path") is None:
        return None
    return f"{quote(text)} is compared literally: list each path"


def _path(text: str, kind: str) -> str | None:
    several = re.split(r"[,\s]+(?=/)", text)
    if len(several) > 1:
        meant = f"{kind}: [{', '.join(several)}]"
    elif _PATTERN.search(text):
        meant = _pattern_meant(text, kind)
    else:
        return None
    return f"{quote(text)} is compared literally and matches nothing else: write {meant}"


def _pattern_meant(text: str, kind: str) -> str:
    open_end = _ENDS_OPEN.fullmatch(text)
    if open_end is not None and not _PATTERN.search(open_end[1]):
        return f"prefix: {open_end[1] or '/'}"
    if not _PATTERN.search(text.removesuffix("$")):
        return f"path: {text.removesuffix('$')}"
    if _REGEX.search(text):
        tail = "" if kind == "path" or _OPEN_END.search(text) or text.endswith("$") else "(/.*)?"
        return f"regex: {text.removesuffix('$')}{tail}"
    ends_wild = text.endswith("*")
    regex = _glob_as_regex(text.rstrip("*")) + (".*" if ends_wild else "")
    last = text.rpartition("/")[2]
    is_whole = kind == "path" or ends_wild or "*" in last
    return f"regex: {regex}" + ("" if is_whole else "(/.*)?")


def _glob_as_regex(glob: str) -> str:
    """`glob` as a regular expression; ``*`` and ``{id}`` match one segment."""
    regex, end = "", 0
    for found in _PLACEHOLDER.finditer(glob):
        regex += re.escape(glob[end : found.start()])
        regex += ".*" if found[0] == "**" else "[^/]*" if found[0] == "*" else "[^/]+"
        end = found.end()
    return (regex + re.escape(glob[end:])).replace(r"\-", "-")


def regex_meant(text: str) -> str | None:
    """For a regular expression, which must match the whole decoded path."""
    flags, inner = re.fullmatch(r"((?:~\*?\s*|\(\?[a-zA-Z]+\))*)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    starts = inner.startswith(("^", r"\A"))
    inner = inner.removeprefix("^").removeprefix(r"\A")
    ends = re.search(r"(?<!\\)\$$|\\Z$", inner) is not None
    shown = re.sub(r"(?<!\\)\$$|\\Z$", "", inner)
    if r"\?" in inner:
        meant = _regex_or_prefix(inner.partition(r"\?")[0].removesuffix("("))
        return f"only the path is matched, not the query: write {meant}"
    if re.match(r"https?\??:", inner):  # noqa: TID251 - a beginning is asked for
        return "only the path is matched: write the host as host:, and what follows it as regex:"
    if re.search(r"%[0-9A-Fa-f]{2}", inner):
        return "the path is matched decoded: write the characters themselves, without %"
    if re.search(r"(?<!\\)/\*", re.sub(r"\[[^\]]*\]", "[]", inner)):
        meant = _pattern_meant(re.sub(r"\\(.)", r"\1", shown), "path")
        return f"/* matches any number of slashes: write {meant}"
    no_slash = _NO_SLASH.match(inner) is not None
    if "~" in flags or no_slash:
        begin = "" if not no_slash else "/" if inner[0].isalnum() else ".*"
        return f"never matches, because a path begins with /: write regex: {begin}{shown}"
    means_below = starts or _OR_BELOW.search(inner) is not None
    if means_below and not ends and _OPEN_END.search(inner) is None:
        return f"does not match paths below it: write {_regex_or_prefix(inner, flags)}"
    if _PLAIN.fullmatch(inner) is not None:
        plain = inner.replace("\\", "")
        return f"matches only this path: write path: {plain}, or prefix: {plain}"
    return None


def _regex_or_prefix(regex: str, flags: str = "") -> str:
    """The shortest way to write `regex` and all paths below it."""
    stem = re.sub(r"/\??$", "", _OR_BELOW.sub("", regex))
    if not flags and (stem == "" or _PLAIN.fullmatch(stem)):
        return f"prefix: {stem.replace(chr(92), '') or '/'}"
    one = re.sub(r"\([^()]*\)|\[[^\]]*\]", "", stem)
    return f"regex: {flags}" + (f"(?:{stem})(/.*)?" if "|" in one else f"{stem}(/.*)?")


def method_meant(text: str) -> str | None:
    """For a method."""
    if text in _METHODS_OF_ALL:
        return f"{quote(text)} is not a method: omit methods to match all"
    if "|" in text:
        return f"{quote(text)} is read as one method: write [{', '.join(text.split('|'))}]"
    return None


def field_name_meant(text: str) -> str | None:
    """For the name of a field in a header setting or a condition."""
    if "*" in text:
        return (
            f"{quote(text)} is read as one field name: wildcards are not supported, list the fields"
        )
    return None


def claim_name_meant(text: str) -> str | None:
    """For the name of a claim, or the JSON pointer to it."""
    steps = re.fullmatch(r"(?:\$\.)?([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)(\[\*?\])?", text)
    if steps is None or (steps[1] == text and "." not in text):
        return None
    pointer = "/" + steps[1].replace(".", "/") if "." in steps[1] else steps[1]
    return f"{quote(text)} is read as one claim name: for a member of an object write {pointer}"


def value_meant(text: str) -> str | None:
    """For a name or value that is compared with a fact of the credential."""
    if "*" in text:
        return f"{quote(text)} is compared literally: wildcards are not supported"
    if text.startswith("^") or text.endswith("$"):
        return f"{quote(text)} is compared literally: regular expressions are not supported"
    return None


def name_meant(text: str) -> str | None:
    """For a user, a group or a role."""
    if (found := value_meant(text)) is not None:
        domain = re.fullmatch(r"\*@([^@*]+)", text)
        return found if domain is None else f"{found}, write email_domain: {domain[1]}"
    if (fact := _NAMED_FACT.fullmatch(text)) is not None:
        return (
            f"{quote(text)} is read as one name: is {fact[1]}: a prefix? write {fact[1]}: {fact[2]}"
        )
    # Names of directory groups have commas: cn=admins,ou=groups.
    if "," in text and "=" not in text:
        return f"{quote(text)} is read as one name: write [{', '.join(re.split(r', *', text))}]"
    return None


def scope_meant(text: str) -> str | None:
    """For a scope, which contains neither spaces nor commas (RFC 6749, section 3.3)."""
    several = re.split(r"[\s,]+", text)
    if len(several) > 1:
        return f"{quote(text)} is read as one scope: write [{', '.join(several)}]"
    return value_meant(text)


def email_meant(text: str) -> str | None:
    """For an e-mail address."""
    local, _, domain = text.rpartition("@")
    if "*" not in local and not local.startswith("^"):
        return None
    wild = re.fullmatch(r"\^?\.?\*", local) is not None
    meant = f"write email_domain: {domain}" if wild else "list the addresses"
    return f"{quote(text)} is read as one address: wildcards are not supported, {meant}"


def issuer_meant(text: str) -> str | None:
    """For an issuer, where users may paste its metadata URL."""
    found = re.fullmatch(
        r"(.+?)/\.well-known/(?:openid-configuration|oauth-authorization-server)/?", text
    )
    return None if found is None else f"is the metadata URL: write {found[1]}"


def template_meant(text: str) -> str | None:
    """For the value of a request field, which may have placeholders such as {user}."""
    found = _FOREIGN_VALUE.search(text)
    if found is None:
        return None
    return f"{quote(found[0])} is sent literally: write {{user}}, {{email}} or {{claim:/NAME}}"


def literal_meant(text: str) -> str | None:
    """For the value of a response field."""
    found = _FOREIGN_VALUE.search(text) or _PLACEHOLDER_OF_OURS.search(text)
    return (
        None
        if found is None
        else f"{quote(found[0])} is sent literally: placeholders are not supported here"
    )


def file_meant(text: str) -> str | None:
    """For the path of a file or directory that is created if missing."""
    if text == "-":
        return "is a file named -: write stdout or stderr"
    if text.startswith("~"):
        return "is a directory named ~: write the full path"
    if text.startswith("file:"):
        return "is a path, not a URL: omit file:"
    return None
