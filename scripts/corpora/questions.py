"""Data sets of questions about paragraphs: one row each (see `table`).

The first three have splits of their own, of dev sets and a part of a train set, so that scores
compare with each other only; the official ones are what `--scale full` takes in their place.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from .source import GITHUB, File, Source
from .splits import Negatives, Sample, Shares
from .squad import SEPARATOR, ByTitle, read_queries, read_squad
from .tokens import TOKENS

# The articles of one half of SQuAD's dev set, with 5,401 of its 10,570 questions.
TRAIN_HALF = [
    "Super_Bowl_50",
    "Warsaw",
    "Normans",
    "Nikola_Tesla",
    "Computational_complexity_theory",
    "Teacher",
    "Martin_Luther",
    "Southern_California",
    "Sky_(United_Kingdom)",
    "Victoria_(Australia)",
    "Huguenot",
    "Steam_engine",
    "Oxygen",
    "1973_oil_crisis",
    "Apollo_program",
    "European_Union_law",
    "Amazon_rainforest",
    "Ctenophora",
    "Fresno,_California",
    "Packet_switching",
    "Black_Death",
    "Geology",
    "Newcastle_upon_Tyne",
]
OFFICIAL = Shares(train=95, dev=5)
QUOREF = "quoref-train-dev-v0.1.zip"
# Those of the other file that are in the dev set, too.
IN_BOTH = ("Genghis_Khan", "Huguenot", "Immune_system")

ROWS = {row.name: row for row in TOKENS}
# What is asked for by NER with queries, after the annotation guidelines.
WNUT17_QUERIES = {
    "person": "Which names of persons, real or fictional, are there?",
    "location": "Which names of places are there, of countries, cities, streets or buildings?",
    "corporation": "Which names of companies are there?",
    "product": "Which names of products are there, of things that can be bought?",
    "creative-work": "Which titles of works are there, of songs, films, books or games?",
    "group": "Which names of groups are there, of bands, teams or organisations?",
}
MSRA_QUERIES = {
    "PER": "文中提到了哪些人的名字？",
    "LOC": "文中提到了哪些地方的名字，如国家、省份、城市、山川？",
    "ORG": "文中提到了哪些机构的名字，如公司、政府部门、学校、团体？",
}


def by_queries(row: Source, queries: Mapping[str, str], **changes: Any) -> Source:
    """A data set of entities with a query for each text and type.

    Of the queries that a text has no answer to, train has two for each that it has one to; dev and
    test have all.
    """
    return replace(
        row,
        name=f"{row.name}_queries",
        title=f"{row.title}, a query for each type",
        task="query_spans",
        reader=partial(read_queries, reader=row.reader, queries=queries, separator=SEPARATOR),
        folder=row.folder or row.name,
        **{"samples": {"train": Negatives("answer", 2.0)}, **changes},
    )


QUESTIONS = (
    # The articles of SQuAD 2 below are among these: never train on one and test on the other.
    Source(
        name="squad_v1.1",
        title="SQuAD 1.1, dev set and 17 articles of train",
        lang="en",
        task="query_spans",
        licence="CC BY-SA 4.0",
        url="https://",
        files={
            "dev": File(
                "rajpurkar.github.io/SQuAD-explorer/dataset/dev-v1.1.json",
                "3e85deb501d4e538b6bc56f786231552",
            ),
            "train": File(
                "raw.githubusercontent.com/jucho2725/mrc_odqa_tutorial/"
                "d0f1056eb75f3131b23df0979a495d028912fae2/data/squad/dev.json",
                "c6b9ed87317672c083fa4061fc87d397",
                "mixed_20-articles.json",
            ),
        },
        reader=partial(read_squad, separator=SEPARATOR),
        cuts={
            "dev": ByTitle(TRAIN_HALF, split="train", rest=Shares(train=0, dev=50, test=50)),
            "train": ByTitle(IN_BOTH, split="", rest="train"),
        },
        full="squad_v1.1_official",
    ),
    Source(
        name="squad_v2",
        title="SQuAD 2.0, 16 articles of the dev set",
        lang="en",
        task="query_spans",
        licence="CC BY-SA 4.0 (the data), MIT (the repository)",
        url=GITHUB + "chrischute/squad/4f2fd9fcd60b21e1f5fb32ac70dc50f867705de0/data/",
        files={
            "all": File("dev-v2.0.json", "6c1c41105e351a9444f6f14e639dd75b", "dev-v2.0-part.json")
        },
        reader=partial(read_squad, separator=SEPARATOR),
        cuts={"all": Shares(train=60, dev=20, test=20)},
        full="squad_v2_official",
    ),
    # 50 of the answers are not where the file says.
    Source(
        name="quoref",
        title="QuoRef 0.1, dev set",
        lang="en",
        task="query_spans",
        licence="CC BY 4.0 (the card of the data set)",
        url=GITHUB
        + "eladsegal/tag-based-multi-span-extraction/24e7f55290bdf7d7db2e776f950bad29a317a4da/"
        + "quoref_data/",
        files={"all": File("quoref-dev-v0.1.json", "867acdddc541259dc911ab5de4fa510f")},
        reader=partial(read_squad, all_parts=True, separator=SEPARATOR),
        cuts={"all": Shares(train=60, dev=20, test=20)},
        full="quoref_official",
    ),
    # The whole sets. Their test sets are not public: test is the official dev set, as in papers,
    # and dev a twentieth of the articles of train.
    *(
        Source(
            name=f"squad_v{version}_official",
            title=f"SQuAD {version}, official train and dev sets",
            lang="en",
            task="query_spans",
            licence="CC BY-SA 4.0",
            url="https://rajpurkar.github.io/SQuAD-explorer/dataset/",
            files={
                "train": File(f"train-v{release}.json", md5_of_train),
                "test": File(f"dev-v{release}.json", md5_of_dev),
            },
            reader=partial(read_squad, separator=SEPARATOR),
            cuts={"train": OFFICIAL},
            folder=f"squad_v{version}",
        )
        for version, release, md5_of_train, md5_of_dev in (
            ("1.1", "1.1", "981b29407e0affa3b1b156f72073b945", "3e85deb501d4e538b6bc56f786231552"),
            ("2", "2.0", "62108c273c268d70893182d5cf8df740", "246adae8b7002f8679c027697b0b7cf8"),
        )
    ),
    Source(
        name="quoref_official",
        title="QuoRef 0.1, official train and dev sets",
        lang="en",
        task="query_spans",
        licence="CC BY 4.0 (the card of the data set)",
        url="https://quoref-dataset.s3-us-west-2.amazonaws.com/train_and_dev/",
        files={
            "train": File(QUOREF, "", "quoref-train-v0.1.json", member="quoref-train-v0.1.json"),
            "test": File(
                QUOREF,
                "867acdddc541259dc911ab5de4fa510f",
                "quoref-dev-v0.1.json",
                member="quoref-dev-v0.1.json",
            ),
        },
        reader=partial(read_squad, all_parts=True, separator=SEPARATOR),
        cuts={"train": OFFICIAL},
        folder="quoref",
    ),
    by_queries(ROWS["wnut17"], WNUT17_QUERIES),
    by_queries(
        ROWS["msra_ner"],
        MSRA_QUERIES,
        # A third of so many texts, each with three queries.
        samples={
            "train": [Sample(12000), Negatives("answer", 2.0)],
            "dev": Sample(1200),
        },
    ),
)
