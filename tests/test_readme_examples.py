"""Every Python example of the README runs, in order, as a reader would run them."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
FENCE = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples(path):
    """`(line number, source)` of each block."""
    text = path.read_text(encoding="utf8")
    for match in FENCE.finditer(text):
        yield text.count("\n", 0, match.start(1)), match.group(1)


def run(path):
    """Run the blocks one after the other; each sees the names of those before. Return how many."""
    names = {"__name__": "readme"}
    count = 0
    for line, source in examples(path):
        # Empty lines first, so that a traceback names the line of the README.
        exec(compile("\n" * line + source, str(path), "exec"), names)
        count += 1
    return count


def test_the_python_examples_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(README) > 0


def test_an_example_that_fails_is_found(tmp_path):
    broken = tmp_path / "README.md"
    broken.write_text("text\n\n```python\nx = 1\n```\n```bash\nnot Python\n```\n", encoding="utf8")
    assert run(broken) == 1
    broken.write_text(broken.read_text() + "```python\nassert x == 2\n```\n", encoding="utf8")
    with pytest.raises(AssertionError) as raised:
        run(broken)
    assert raised.traceback[-1].lineno + 1 == 10
