"""The table of data sets: one row each.

A row says where the files come from, how they are read and how they are split; everything else
is shared. A new data set is a new row of `tokens`, `texts` or `questions`, and a reader only if its
format is new; afterwards `python scripts/project.py` brings project.yml up to date.
"""

from collections.abc import Mapping
from dataclasses import replace

from .questions import QUESTIONS
from .source import Source
from .splits import Imbalance
from .texts import QQP, TEXTS
from .tokens import TOKENS

# The trains of table 7 of Li et al. 2020, made from 2,490 positive and 4,240 other pairs. The paper
# adds pairs whose entities are replaced by others; here pairs are repeated.
QQP_TRAINS = {
    "original": (2490, 4240),
    "more_positive": (4240, 4240),
    "more_negative": (2490, 9367),
    "less_negative": (2490, 2490),
    "more_of_both": (7035, 7035),
}
# Percent of the docs of train that are positive, which have a span where there are spans, while
# the size of train is the same. Dev and test sets stay what they are.
PERCENT = (40, 20, 10, 5, 2, 1)
BY_NAME = {row.name: row for row in (*TOKENS, *TEXTS, *QUESTIONS)}
IMBALANCED = (
    *(
        replace(
            QQP,
            name=f"qqp_{name}",
            title=f"{QQP.title}; train with {positives / (positives + others):.0%} positives",
            samples={"train": Imbalance("paraphrase", positives, others, repeat=True)},
            folder="qqp",
        )
        for name, (positives, others) in QQP_TRAINS.items()
    ),
    *(
        replace(
            row,
            name=f"{row.name}_{percent:02d}",
            title=f"{row.title}; {percent} % of train positive",
            samples={"train": Imbalance.of_share(positive, percent, size)},
            folder=row.folder or row.name,
        )
        for row, positive, size in (
            (QQP, "paraphrase", 4000),
            (BY_NAME["sms_spam"], "spam", 1280),
            (BY_NAME["fashion_brands_spans"], "sc", 600),
        )
        for percent in PERCENT
    ),
)

DATASETS: Mapping[str, Source] = BY_NAME | {row.name: row for row in IMBALANCED}
