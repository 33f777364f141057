"""Write a ``.md`` twin of each page, and ``llms.txt``, which lists them (llmstxt.org), into a site.

Example: python scripts/site_twins.py build/site

The twins lie where their sources lie in docs/, so that the links between them hold.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def listing(navigation: list[Any], docs: Path) -> Iterator[str]:
    """The lines of llms.txt for the pages of `navigation`: a heading for each part, and links."""
    for entry in navigation:
        ((title, inside),) = entry.items()
        yield f"\n## {title}\n\n"
        yield from [link(inside, docs)] if isinstance(inside, str) else pages(inside, docs)


def pages(inside: list[Any], docs: Path) -> Iterator[str]:
    """The links of one part; those of parts in it follow without a heading of their own."""
    for entry in inside:
        if isinstance(entry, str):
            yield link(entry, docs)
        else:
            for deeper in entry.values():
                yield from pages(deeper, docs)


def link(name: str, docs: Path) -> str:
    """The line of one page: its title, its twin, and its first sentence."""
    title, *blocks = (docs / name).read_text(encoding="utf-8").strip().split("\n\n")
    return f"- [{title.removeprefix('# ')}]({name}){first_sentence(blocks[0])}\n"


def first_sentence(block: str) -> str:
    """The first sentence of a paragraph, without its links; nothing for a table or code."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", block.replace("\n", " "))
    sentence = re.search(r"^(?!```)[`*A-Z].*?\.(?= |$)", text.removeprefix("**Decided.** "))
    return f": {sentence[0]}" if sentence else ""


def main() -> int:
    """Write the twins and the list."""
    project = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    site = Path(sys.argv[1])
    for page in DOCS.rglob("*.md"):
        twin = site / page.relative_to(DOCS)
        twin.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, twin)
    head = f"# {project['site_name']}\n\n> {project['site_description']}\n"
    text = head + "".join(listing(project["nav"], DOCS))
    (site / "llms.txt").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
