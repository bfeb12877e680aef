"""The page of a report: in the text, and as a browser shows it."""

import json
import re

import pytest
from browser import axe, evaluate
from small_results import write_results, write_run

from spacy_dice.experiments.report import write_report

CAUTION = '<p class="caution">Caution: with fewer than 5 seeds'


def page_of(folder, **options):
    write_report(folder, **options)
    return (folder / "report" / "index.html").read_text(encoding="utf8")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_results(folder)
    return page_of(folder)


def test_page(page):
    assert page.count("<svg") == page.count('<svg role="img" aria-label="') == 10
    assert "&lt;no&gt;" in page
    assert page.count("<main>") == 1
    assert "24 runs, 2 data sets;\nbaseline A" in page
    assert CAUTION in page
    # What scrolls can be reached with the keyboard, and has a name.
    assert page.count('class="wide"') == page.count('class="wide" tabindex="0" role="region" aria-')
    # Self-contained: nothing is loaded, and ids are unique.
    assert not re.search(r'(src|href)="(?!#)(?!http://www\.w3\.org)', page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_title(tmp_path):
    write_results(tmp_path)
    index = tmp_path / "matrix.json"
    assert "<title>m</title>" in page_of(tmp_path, plots=False)
    content = {**json.loads(index.read_text(encoding="utf8")), "title": "Losses & <more>"}
    index.write_text(json.dumps(content), encoding="utf8")
    page = page_of(tmp_path, plots=False)
    assert "<title>Losses &amp; &lt;more&gt;</title>" in page
    assert "<h1>Losses &amp; &lt;more&gt;</h1>" in page
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf8")
    assert text.startswith("# Losses & &lt;more>\n")
    index.write_text(json.dumps({**content, "title": 3}), encoding="utf8")
    with pytest.raises(ValueError, match="title must be a string, got 3"):
        write_report(tmp_path, plots=False)


def test_one_data_set_with_enough_seeds(tmp_path):
    write_results(tmp_path, ["d"], n_seeds=5)
    page = page_of(tmp_path, plots=False)
    assert "15 runs, 1 data set;" in page
    assert "aution" not in re.sub("<style>.*</style>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)])
def test_axe_finds_nothing(page, tmp_path, width, dark):
    assert axe(page, tmp_path, width=width, dark=dark) == {}


def test_axe_finds_what_is_wrong(page, tmp_path):
    # The buttons that the script adds can be reached with the keyboard, too.
    damaged = page[: page.index("<script>")]
    damaged = damaged.replace(' tabindex="0"', "").replace("--text: #222", "--text: #ccc")
    found = axe(damaged, tmp_path, width=390)
    assert {"scrollable-region-focusable", "color-contrast"} <= found.keys()


LAYOUT = """(() => {
  document.querySelectorAll("details").forEach(details => details.open = true);
  return {
    window: document.documentElement.clientWidth,
    page: document.documentElement.scrollWidth,
    wide: [...document.querySelectorAll(".wide")].filter(e => e.scrollWidth > e.clientWidth).length,
    figures: getComputedStyle(document.querySelector(".figures")).gridTemplateColumns
      .split(" ").length,
    background: getComputedStyle(document.body).backgroundColor,
  };
})()"""


def test_layout(page, tmp_path):
    phone = evaluate(page, tmp_path, LAYOUT, width=390)
    assert phone["page"] == phone["window"]
    assert phone["wide"] > 0
    assert phone["figures"] == 1
    desk = evaluate(page, tmp_path, LAYOUT, width=1280, dark=True)
    assert desk["page"] == desk["window"]
    assert desk["figures"] > 1
    assert (phone["background"], desk["background"]) == ("rgb(255, 255, 255)", "rgb(24, 24, 24)")


SORTED = """(() => {
  const table = document.querySelector("table"), found = [];
  const [name, score] = table.querySelectorAll("thead button");
  for (const button of [score, score, name, name]) {
    button.click();
    found.push([[...table.tBodies[0].rows].map(row => row.cells[0].textContent).join(" "),
      [...table.querySelectorAll("thead th")].map(th => th.ariaSort)]);
  }
  return found;
})()"""


def test_tables_are_sorted(tmp_path):
    write_results(tmp_path, ["d"])
    for seed in range(4):
        # Its score has fewer digits, and sorts as a number. D has none.
        write_run(tmp_path, "d", "C", seed, missed=30, test={"ents_f": 0.07})
        write_run(tmp_path, "d", "D", seed, missed=30, test={})
    assert evaluate(page_of(tmp_path, plots=False), tmp_path, SORTED) == [
        ["B A C D", [None, "descending"]],
        ["C A B D", [None, "ascending"]],
        ["A B C D", ["ascending", None]],
        ["D C B A", ["descending", None]],
    ]


def test_a_link_unfolds_what_it_leads_to(tmp_path):
    write_results(tmp_path, ["d", "e", "f", "g"])
    page = page_of(tmp_path, plots=False)
    assert page.count("<details") == 5
    assert page.count(" open>") == 1
    script = """(async () => {
      const arrived = new Promise(done => addEventListener("hashchange", () => setTimeout(done)));
      document.querySelector("nav a:last-child").click();
      await arrived;
      return [...document.querySelectorAll("details")].map(details => details.open);
    })()"""
    assert evaluate(page, tmp_path, script) == [True, False, False, False, True]
