"""Nothing in a name becomes markup, in CommonMark with tables and in Python-Markdown."""

import re

import pytest

from spacy_dice.experiments.markdown import escape, table

NASTY = [
    "a\nb | c",
    "<script>alert(1)</script>",
    "<img src=x onerror=y>",
    "<http://example.org>",
    "<!-- comment",
    "# heading",
    "heading #",
    "![x](http://example.org/x.png)",
    "[x]: http://example.org",
    "*a* **b** _c_ __d__ ~~e~~",
    "`code` and ``more``",
    r"\| \* \\",
    "&amp; &#35; & &x",
    "{: onclick=x } {#id}",
    "a_b_c",
    "p < .05 > 3",
    "| --- |",
    "\u2028line\x85end\x00\x1b[31m",
    "",
]


def plain(text):
    """What a reader sees of it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@pytest.mark.parametrize("text", NASTY)
def test_a_table_shows_what_was_put_in(text):
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = parser.parse(table(["loss", text], [[text, "1"]]))
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    for cell in cells[1:3]:
        kinds = {child.type for child in cell.children}
        assert kinds <= {"text", "text_special"}, kinds
        assert "".join(child.content for child in cell.children) == plain(text)


@pytest.mark.parametrize("text", NASTY)
def test_so_does_a_heading(text):
    markdown_it = pytest.importorskip("markdown_it")
    tokens = markdown_it.MarkdownIt("commonmark", {"html": True}).parse(f"## {escape(text)}\n")
    inline = [token for token in tokens if token.type == "inline"]
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h2"]
    assert "".join(child.content for token in inline for child in token.children) == plain(text)


@pytest.mark.parametrize("text", NASTY)
def test_so_does_python_markdown(text):
    markdown = pytest.importorskip("markdown")
    html = markdown.markdown(
        table(["loss", text], [[text, "1"]]), extensions=["tables", "attr_list"]
    )
    tags = set(re.findall(r"</?(\w+)", html))
    assert tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert html.count("<tr>") == 2
    assert "onclick=x" not in re.sub(r">[^<]*<", "><", html)
    cell = re.search(r"<td[^>]*>(.*?)</td>", html, re.DOTALL)[1]
    import html as entities

    assert entities.unescape(cell) == plain(text)
