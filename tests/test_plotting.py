"""One look for each name, and files that are the same each time."""

from spacy_dice import _plotting
from spacy_dice._plotting import BASELINE, COLOURS, MARKERS, looks


def test_looks_go_by_the_name_and_differ():
    names = [f"loss {i}" for i in range(len(COLOURS) * len(MARKERS))]
    found = looks(["CE", *names], baseline="CE")
    assert found["CE"].colour == BASELINE
    assert len(set(found.values())) == len(found)
    assert list(found) == ["CE", *names]
    # Without the baseline the others look the same.
    assert looks(names) == {name: found[name] for name in names}


def test_same_figure_same_file(tmp_path):
    for suffix in ("svg", "png"):
        for name in "ab":
            with _plotting.style():
                figure = _plotting.new_figure(2, 2)
                figure.add_subplot().plot([0, 1], [0, 1], label="x")
                _plotting.save(figure, tmp_path / f"{name}.{suffix}")
        first, second = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert first == second
