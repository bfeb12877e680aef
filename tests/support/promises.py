"""The table of promises in the documentation: how many cases the tests tried, and how many held.

    python -m pytest tests --promises

writes them for the promises whose tests ran; those of other promises stay as they are.
"""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
HEADER = ["promise", "test", "cases", "tried", "held"]
# A link to a test, or to a file that is itself the test.
_LINK = re.compile(r"\[(?P<name>[\w.]+)\]\(\.\./(?P<path>tests/[\w/.]+)\)")
_EXAMPLES = re.compile(r"(\d+) passing\D+(\d+) failing")


def rows_of(page: str) -> list[list[str]]:
    """The cells of each promise."""
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    assert rows[0] == HEADER
    return rows[2:]


def name_of_test(row: list[str]) -> str:
    """The test of a promise, as pytest names it; the path alone of a file that is the test."""
    match = _LINK.fullmatch(row[1])
    assert match, row
    is_file = match["path"].endswith("/" + match["name"])
    return match["path"] if is_file else f"{match['path']}::{match['name']}"


def with_counts(page: str, counts: dict[str, tuple[int, int]]) -> str:
    """The page with other numbers of cases that were tried and held, by tests."""
    for row in rows_of(page):
        if name_of_test(row) in counts:
            numbers = [f"{number:,}" for number in counts[name_of_test(row)]]
            old, new = (" | ".join([*row[:3], *cells]) for cells in (row[3:], numbers))
            page = page.replace(f"| {old} |\n", f"| {new} |\n")
    return page


class Tally:
    """A plugin of pytest that counts cases: parameters, examples of Hypothesis, `cases(…)`."""

    def __init__(self) -> None:
        self.counts: dict[str, tuple[int, int]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        """Take what Hypothesis tells of a test along with its report."""
        report = yield
        if call.when == "call" and hasattr(item, "hypothesis_statistics"):
            found = _EXAMPLES.findall(item.hypothesis_statistics)
            held, failed = (sum(int(pair[i]) for pair in found) for i in (0, 1))
            report.user_properties.append(("cases", [held + failed, held]))
        return report

    def pytest_runtest_logreport(self, report):
        """Add up the cases of a test, whatever its parameters."""
        if report.when != "call" or report.skipped:
            return
        tried, held = dict(report.user_properties).get("cases", (1, int(report.passed)))
        name = report.nodeid.partition("[")[0]
        before = self.counts.get(name, (0, 0))
        # A test may fail after all its cases held.
        held = held if report.passed else min(held, tried - 1)
        self.counts[name] = (before[0] + tried, before[1] + held)

    def pytest_sessionfinish(self, session):
        """Write them; by the process that the workers of pytest-xdist report to."""
        if not hasattr(session.config, "workerinput"):
            page = PAGE.read_text(encoding="utf8")
            PAGE.write_text(with_counts(page, self.counts), encoding="utf8")
