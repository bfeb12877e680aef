"""Data sets of questions about paragraphs: one row each (see `table`).

None has its official splits: the train sets are not part of what is downloaded here, so that scores
compare with each other only.
"""

from dataclasses import replace
from functools import partial

from .columns import read_entities
from .source import GITHUB, File, Source
from .splits import Negatives, Shares
from .squad import SEPARATOR, ByTitle, read_queries, read_squad
from .tokens import ENTITIES

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
# Those of the other file that are in the dev set, too.
IN_BOTH = ("Genghis_Khan", "Huguenot", "Immune_system")

WNUT17 = next(row for row in ENTITIES if row.name == "wnut17")
# What is asked for by NER with queries, after the annotation guidelines.
WNUT17_QUERIES = {
    "person": "Which names of persons, real or fictional, are there?",
    "location": "Which names of places are there, of countries, cities, streets or buildings?",
    "corporation": "Which names of companies are there?",
    "product": "Which names of products are there, of things that can be bought?",
    "creative-work": "Which titles of works are there, of songs, films, books or games?",
    "group": "Which names of groups are there, of bands, teams or organisations?",
}

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
    ),
    # Entities as answers. Of the queries that a text has no answer to, train has two for each that
    # it has one to; dev and test have all.
    replace(
        WNUT17,
        name="wnut17_queries",
        title=f"{WNUT17.title}, a query for each type",
        task="query_spans",
        reader=partial(
            read_queries, reader=read_entities, queries=WNUT17_QUERIES, separator=SEPARATOR
        ),
        samples={"train": Negatives("answer", 2.0)},
        folder="wnut17",
    ),
)
