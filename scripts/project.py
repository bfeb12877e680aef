"""Bring up to date what is generated about this project: assets in project.yml, docs/project.md.

python scripts/project.py
"""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from weasel.cli.document import project_document

from corpora import DATASETS

ROOT = Path(__file__).parent.parent
START, END = (f"<!-- WEASEL: AUTO-GENERATED DOCS {x} (do not remove) -->" for x in ("START", "END"))
# The section `assets`, up to the next one.
ASSETS = re.compile(r"^assets:\n.*?(?=^\w)", flags=re.MULTILINE | re.DOTALL)


def with_assets(project: str) -> str:
    """Return the text of a project.yml with the assets of all data sets, each file once."""
    entries: dict[str, str] = {}
    for dataset in DATASETS.values():
        if not dataset.url:
            continue
        for part, file in dataset.files.items():
            fields = {
                "dest": f"assets/{dataset.asset(part)}",
                "url": dataset.address(part),
                "checksum": file.md5,
                "description": f"{dataset.title}: {part}. Licence: {dataset.licence}",
            }
            if file.member:
                # Without an address it is looked for, and not downloaded.
                del fields["url"]
                fields["description"] += f". By hand: {dataset.origin(part)}"
            lines = [f"{key}: {json.dumps(value)}" for key, value in fields.items() if value]
            if dataset.extra:
                lines.append("extra: true")
            entries.setdefault(fields["dest"], "  - " + "\n    ".join(lines))
    head = "assets:\n  # Written by scripts/project.py from the table of data sets.\n"
    section = head + "\n".join(entries.values()) + "\n\n"
    return ASSETS.sub(lambda _: section, project, count=1)


def with_project(page: str, root: Path) -> str:
    """Return the text of docs/project.md with what the project.yml in `root` says."""
    with TemporaryDirectory() as folder:
        project_document(root, Path(folder, "section.md"))
        section = Path(folder, "section.md").read_text(encoding="utf8").strip()
    # Links are written for a page beside project.yml.
    section = section.replace("](", "](../").replace("](../http", "](http")
    return page[: page.index(START)] + section + page[page.index(END) + len(END) :]


def main() -> None:
    """Rewrite both files."""
    project, page = ROOT / "project.yml", ROOT / "docs" / "project.md"
    project.write_text(with_assets(project.read_text(encoding="utf8")), encoding="utf8")
    page.write_text(with_project(page.read_text(encoding="utf8"), ROOT), encoding="utf8")


if __name__ == "__main__":
    main()
