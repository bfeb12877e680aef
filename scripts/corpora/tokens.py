"""Data sets whose labels are of tokens, entities and spans: one row each (see `table`)."""

from dataclasses import replace
from functools import partial

from .columns import read_conll2012, read_entities, read_tags
from .conllu import read_treebank
from .jsonl import read_layers, read_prodigy
from .source import GITHUB, File, Source
from .splits import DEV_FROM_TRAIN, Missing, Sample, Shares

BIOMEDICAL = (
    GITHUB + "cambridgeltl/MTL-Bioinformatics-2016/df0df02fae6dbb87d88ffcf323b9096528f06f84/data/"
)
CROSSNER = GITHUB + "zliucr/CrossNER/2e7ba2a7798c961e3f29fbc51252c5a8d40224bf/ner_data/"
PRODIGY = GITHUB + "explosion/projects/504e1e428238a08fb038c04af04ea4b3b34756af/tutorials/"

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

TOKENS = (
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
    # Characters; `scripts/convert.py --scale full` keeps all 45,000 sentences of train.
    Source(
        name="msra_ner",
        title="MSRA NER, SIGHAN bakeoff 2006",
        lang="zh",
        task="ner",
        licence="not stated; research use",
        url=GITHUB + "zhooufeng/Data/5336c7962aa05bb4ee356707a8f44cb087baaa01/",
        files={
            "train": File(
                "MSRA.zip",
                "40f4961d2b38352689103b8aa8f30b97",
                "msra_train_bio.txt",
                member="msra_train_bio",
            ),
            "test": File(
                "MSRA.zip",
                "3aaf7ffe7e6f9efdc08b128dfa11003b",
                "msra_test_bio.txt",
                member="msra_test_bio",
            ),
        },
        reader=read_entities,
        cuts={"train": Shares(train=95, dev=5)},
        samples={"train": Sample(4000), "dev": Sample(800)},
    ),
    # Two that only their licensees have.
    Source(
        name="conll2003",
        title="CoNLL 2003 NER, English",
        lang="en",
        task="ner",
        licence="licensed by NIST (the Reuters corpus)",
        url="",
        files={
            "train": File("eng.train", ""),
            "dev": File("eng.testa", ""),
            "test": File("eng.testb", ""),
        },
        reader=partial(read_entities, columns=4),
    ),
    Source(
        name="ontonotes5",
        title="OntoNotes 5.0, English, as CoNLL 2012 splits it",
        lang="en",
        task="ner",
        licence="licensed by the LDC (LDC2013T19)",
        url="",
        files={
            "train": File("train", ""),
            "dev": File("development", ""),
            "test": File("test", ""),
        },
        reader=read_conll2012,
    ),
    # The same files with so many percent of the entities in train not annotated.
    *(
        replace(
            row,
            name=f"{row.name}_missing_{percent}",
            samples={"train": Missing(percent)},
            folder=row.folder or row.name,
        )
        for row in ENTITIES
        if row.name in ("wnut17", "ncbi_disease")
        for percent in (30, 50, 70)
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
)
