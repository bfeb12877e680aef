"""A hook of MkDocs: pages link as they do in the repository, and the site follows.

`README.md` is the home page and `CHANGELOG.md` the page of changes. A link that leaves `docs/`
leads to the repository, but for pictures, which become part of the site.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# What is no file in docs/ but a page of the site.
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changes.md"}
LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from outside docs/, and the pictures that pages show."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    shown = {
        path
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
        for path in pictures(page)
        if not path.startswith("docs/")
    }
    for path in sorted(shown):
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn the links of a page into those of the site."""
    source = Path(page.file.abs_src_path).relative_to(ROOT).as_posix()
    return LINK.sub(lambda match: _rewritten(match, source, page.file.src_uri, config), markdown)


def pictures(page: Path) -> list[str]:
    """The pictures of a page, as paths in the repository."""
    folder = page.parent.relative_to(ROOT).as_posix()
    return [
        posixpath.normpath(posixpath.join(folder, match["target"]))
        for match in LINK.finditer(page.read_text(encoding="utf8"))
        if match["picture"] and "://" not in match["target"]
    ]


def _rewritten(match: re.Match[str], source: str, page: str, config: Any) -> str:
    target, _, anchor = match["target"].partition("#")
    if not target or "://" in target or target.startswith("mailto:"):
        return match[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    anchor = f"#{anchor}" if anchor else ""
    if path in PAGES:
        inside = PAGES[path]
    elif path.startswith("docs/"):
        inside = path.removeprefix("docs/")
    elif match["picture"]:
        inside = path
    else:
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        address = f"{config['repo_url'].rstrip('/')}/{kind}/main/{path}"
        return f"[{match['text']}]({address}{anchor})"
    relative = posixpath.relpath(inside, posixpath.dirname(page) or ".")
    return f"{match['picture']}[{match['text']}]({relative}{anchor})"
