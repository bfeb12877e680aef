"""The data sets as they are: the counts of the real files, each counted by another program."""

from collections import Counter
from pathlib import Path

import pytest
import spacy

from corpora import DATASETS, read
from corpora.categories import read_multilabel
from corpora.texts import EMOTIONS

ASSETS = Path(__file__).parents[2] / "assets"

# File, the splits it feeds, docs, tokens (None where spaCy tokenises), entities or spans, labels.
# Labels are entity types, fine-grained tags or categories; those listed must occur so often.
COUNTS = {
    "wnut17": [
        (
            "wnut17train.conll",
            "train",
            3394,
            62730,
            1975,
            "person 660, location 548, group 264, corporation 221, product 142, creative-work 140",
        ),
        (
            "emerging.dev.conll",
            "dev",
            1009,
            15733,
            836,
            "person 470, product 114, creative-work 105, location 74, group 39, corporation 34",
        ),
        (
            "emerging.test.annotated",
            "test",
            1287,
            23394,
            1079,
            "person 429, group 165, location 150, creative-work 142, product 127, corporation 66",
        ),
    ],
    "weibo_ner": [
        (
            "weiboNER_2nd_conll.train",
            "train",
            1350,
            73778,
            1895,
            "PER.NOM 772, PER.NAM 578, GPE.NAM 205, ORG.NAM 183, LOC.NAM 56, LOC.NOM 51, "
            "ORG.NOM 42, GPE.NOM 8",
        ),
        (
            "weiboNER_2nd_conll.dev",
            "dev",
            270,
            14509,
            389,
            "PER.NOM 208, PER.NAM 90, ORG.NAM 47, GPE.NAM 26, LOC.NOM 6, LOC.NAM 6, ORG.NOM 5, "
            "GPE.NOM 1",
        ),
        (
            "weiboNER_2nd_conll.test",
            "test",
            270,
            14842,
            418,
            "PER.NOM 172, PER.NAM 113, GPE.NAM 47, ORG.NAM 39, LOC.NAM 19, ORG.NOM 17, LOC.NOM 9, "
            "GPE.NOM 2",
        ),
    ],
    "linnaeus": [
        ("train.tsv", "train", 11935, 280960, 2119, "Species 2119"),
        ("devel.tsv", "dev", 4078, 93815, 711, "Species 711"),
        ("test.tsv", "test", 7142, 164653, 1433, "Species 1433"),
    ],
    "ncbi_disease": [
        ("train.tsv", "train", 5424, 135701, 5134, "Disease 5134"),
        ("devel.tsv", "dev", 923, 23969, 787, "Disease 787"),
        ("test.tsv", "test", 940, 24497, 960, "Disease 960"),
    ],
    "crossner_ai": [
        ("ai-train.txt", "train", 100, 3782, 532, "algorithm 80, task 60, person 6"),
        ("ai-dev.txt", "dev", 350, 10919, 1549, "misc 180, algorithm 178, programlang 35"),
        ("ai-test.txt", "test", 431, 12991, 1809, "task 219, field 207, university 28"),
    ],
    "crossner_politics": [
        ("politics-train.txt", "train", 200, 8384, 1304, "politician 359, location 297, person 14"),
        ("politics-dev.txt", "dev", 541, 24624, 3482, "politicalparty 1053, country 183"),
        ("politics-test.txt", "test", 651, 27585, 4209, "politicalparty 953, event 195"),
    ],
    "drugs": [
        ("drugs_training.jsonl", "train dev", 1477, 65659, 1105, "DRUG 1105"),
        ("drugs_eval.jsonl", "test", 500, 22452, 362, "DRUG 362"),
    ],
    "fashion_brands": [
        ("fashion_brands_training.jsonl", "train dev", 1235, 57337, 527, "FASHION_BRAND 527"),
        ("fashion_brands_eval.jsonl", "test", 500, 23114, 238, "FASHION_BRAND 238"),
    ],
    "fashion_brands_spans": [
        ("fashion_brands_training.jsonl", "train dev", 1235, 57337, 527, "FASHION_BRAND 527"),
        ("fashion_brands_eval.jsonl", "test", 500, 23114, 238, "FASHION_BRAND 238"),
    ],
    "msra_ner": [
        (
            "msra_train_bio.txt",
            "train dev",
            45000,
            2171573,
            75059,
            "LOC 36860, ORG 20584, PER 17615",
        ),
        ("msra_test_bio.txt", "test", 3442, 172601, 6190, "LOC 2886, PER 1973, ORG 1331"),
    ],
    "skillspan": [
        ("train.json", "train", 4800, 93453, 5190, "SKILL 2221, KNOWLEDGE 2969"),
        ("dev.json", "dev", 3174, 40057, 2163, "SKILL 1070, KNOWLEDGE 1093"),
        ("test.json", "test", 3569, 42786, 2265, "SKILL 1091, KNOWLEDGE 1174"),
    ],
    "ritter_pos": [
        (
            "pos_fixed.txt",
            "train dev test",
            787,
            15185,
            0,
            "NN 1930, NNP 1158, PRP 1106, IN 1090, VPP 0, NONE 0, TD 0, UH 502, PDT 1, LS 1",
        ),
    ],
    "ark_twpos": [
        ("oct27.train", "train", 1000, 14619, 0, "V 2219, N 2003, G 137, Y 2, INTJ 406"),
        ("oct27.dev", "dev", 327, 4823, 0, "V 751, N 660, G 65, Y 0, INTJ 99"),
        ("oct27.test", "test", 500, 7152, 0, "V 1053, N 981, G 70, S 6, INTJ 186"),
        ("daily547.conll", "daily547", 547, 7707, 0, "V 1230, N 1021, G 56, M 2, INTJ 192"),
    ],
    "ud_english_partut": [
        (
            "en_partut-ud-train.conllu",
            "train",
            1781,
            43504,
            0,
            "S 9249, E 5200, P 1, NOUN 9249, INTJ 6, SYM 42",
        ),
        ("en_partut-ud-dev.conllu", "dev", 156, 2722, 0, "S 568, V 335, NOUN 568, SYM 2"),
        ("en_partut-ud-test.conllu", "test", 153, 3408, 0, "S 754, PP 1, NOUN 754, X 2"),
    ],
    "ud_chinese_1.4": [
        ("zh-ud-train.conllu", "train", 3997, 98608, 0, "NN 22925, VV 13869, NOUN 27096"),
        ("zh-ud-dev.conllu", "dev", 500, 12663, 0, "NN 3133, NOUN 3637, SFA 1"),
        ("zh-ud-test.conllu", "test", 500, 12012, 0, "NN 2758, NOUN 3310, SFA 1"),
    ],
    "sms_spam": [
        ("SMSSpamCollection", "train dev test", 5574, None, 0, "ham 4827, spam 747"),
    ],
    "em_walmart_amazon": [
        ("train.tsv", "train", 6144, None, 0, "no_match 5568, match 576"),
        ("dev.tsv", "dev", 2049, None, 0, "no_match 1856, match 193"),
        ("test.tsv", "test", 2049, None, 0, "no_match 1856, match 193"),
    ],
    "mrpc": [
        (
            "msr_paraphrase_train.txt",
            "train dev",
            4076,
            None,
            0,
            "paraphrase 2753, different 1323",
        ),
        ("mrpc_dev_ids.tsv", "dev", 408, None, 0, "paraphrase 279, different 129"),
        ("msr_paraphrase_test.txt", "test", 1725, None, 0, "paraphrase 1147, different 578"),
    ],
    "qqp": [("train_10k.csv", "train dev test", 10000, None, 0, "different 6000, paraphrase 4000")],
    # 3 of the 20 articles of the second file are in the first one.
    "squad_v1.1": [
        ("dev-v1.1.json", "train dev test", 10570 + 3939, None, 0, "answer 14509, none 0"),
        ("mixed_20-articles.json", "train", 5401 + 3939, None, 0, "answer 9340"),
    ],
    "squad_v2": [
        ("dev-v2.0-part.json", "train dev test", 6078, None, 0, "answer 2910, none 3168"),
    ],
    # A document for each of six types; the samples of train are below.
    "wnut17_queries": [
        ("wnut17train.conll", "train", 4617, 153114, 0, "answer 1539, none 3078"),
        ("emerging.dev.conll", "dev", 6 * 1009, 180163, 0, "answer 696"),
        ("emerging.test.annotated", "test", 6 * 1287, 249759, 0, "answer 859"),
    ],
    # 49 questions have an answer whose offset does not match.
    "quoref": [
        ("quoref-dev-v0.1.json", "train dev test", 2418 - 49, None, 0, "answer 2369, none 0"),
    ],
    "trec_questions": [
        (
            "TREC.train.all",
            "train dev",
            5452,
            None,
            0,
            "ENTY 1250, HUM 1223, DESC 1162, NUM 896, LOC 835, ABBR 86",
        ),
        (
            "TREC.test.all",
            "test",
            500,
            None,
            0,
            "DESC 138, NUM 113, ENTY 94, LOC 81, HUM 65, ABBR 9",
        ),
    ],
    "trec_questions_fine": [
        (
            "TREC.train",
            "train dev",
            5452,
            None,
            0,
            "HUM:ind 962, LOC:other 464, NUM:ord 6, ENTY:religion 4, ENTY:currency 4",
        ),
        (
            "TREC.test",
            "test",
            500,
            None,
            0,
            "DESC:def 123, HUM:ind 55, ENTY:techmeth 1, ENTY:religion 0",
        ),
    ],
    "sst2": [
        ("stsa.binary.train", "train", 6920, None, 0, "positive 3610, negative 3310"),
        ("stsa.binary.dev", "dev", 872, None, 0, "positive 444, negative 428"),
        ("stsa.binary.test", "test", 1821, None, 0, "negative 912, positive 909"),
    ],
    "sst5": [
        (
            "stsa.fine.train",
            "train",
            8544,
            None,
            0,
            "positive 2322, negative 2218, neutral 1624, very_positive 1288, very_negative 1092",
        ),
        (
            "stsa.fine.dev",
            "dev",
            1101,
            None,
            0,
            "negative 289, positive 279, neutral 229, very_positive 165, very_negative 139",
        ),
        (
            "stsa.fine.test",
            "test",
            2210,
            None,
            0,
            "negative 633, positive 510, very_positive 399, neutral 389, very_negative 279",
        ),
    ],
    "go_emotions": [
        ("train.tsv", "train", 43410, None, 0, "neutral 14219, admiration 4130, grief 77"),
        ("dev.tsv", "dev", 5426, None, 0, "neutral 1766, admiration 488, pride 15, grief 13"),
        ("test.tsv", "test", 5427, None, 0, "neutral 1787, admiration 504, pride 16, grief 6"),
    ],
}
# The same files and counts, as spans.
COUNTS |= {f"{name}_spans": COUNTS[name] for name in ("wnut17", "weibo_ner", "ncbi_disease")}


def labels_of(doc, task):
    if task == "ner":
        return [span.label_ for span in doc.ents]
    if task == "query_spans":
        return ["answer" if len(doc.spans["answer"]) else "none"]
    if task == "spancat":
        return [span.label_ for span in doc.spans["sc"]]
    if task.startswith("textcat"):
        return [category for category, value in doc.cats.items() if value]
    return [label for token in doc for label in (token.tag_, token.pos_) if label]


# Docs of the samples, and of the trains whose docs are kept or repeated; a label, and how many of
# the docs have it.
SAMPLES = {
    "wnut17_queries": (4617, "answer", 1539),
    "wnut17_missing_30": (3394, "person", 375),
    "wnut17_missing_50": (3394, "person", 276),
    "wnut17_missing_70": (3394, "person", 178),
    "ncbi_disease_missing_30": (5424, "Disease", 2348),
    "ncbi_disease_missing_50": (5424, "Disease", 1870),
    "ncbi_disease_missing_70": (5424, "Disease", 1244),
    "go_emotions": (8000, "pride", 22),
    "msra_ner": (4000, "LOC", 1531),
    "qqp_original": (6730, "paraphrase", 2490),
    "qqp_more_positive": (8480, "paraphrase", 4240),
    "qqp_more_negative": (11857, "paraphrase", 2490),
    "qqp_less_negative": (4980, "paraphrase", 2490),
    "qqp_more_of_both": (14070, "paraphrase", 7035),
    "qqp_40": (4000, "paraphrase", 1600),
    "qqp_20": (4000, "paraphrase", 800),
    "qqp_10": (4000, "paraphrase", 400),
    "qqp_05": (4000, "paraphrase", 200),
    "qqp_02": (4000, "paraphrase", 80),
    "qqp_01": (4000, "paraphrase", 40),
    "sms_spam_40": (1280, "spam", 512),
    "sms_spam_20": (1280, "spam", 256),
    "sms_spam_10": (1280, "spam", 128),
    "sms_spam_05": (1280, "spam", 64),
    "sms_spam_02": (1280, "spam", 26),
    "sms_spam_01": (1280, "spam", 13),
    "fashion_brands_spans_40": (600, "FASHION_BRAND", 240),
    "fashion_brands_spans_20": (600, "FASHION_BRAND", 120),
    "fashion_brands_spans_10": (600, "FASHION_BRAND", 60),
    "fashion_brands_spans_05": (600, "FASHION_BRAND", 30),
    "fashion_brands_spans_02": (600, "FASHION_BRAND", 12),
    "fashion_brands_spans_01": (600, "FASHION_BRAND", 6),
}


def test_every_data_set_is_counted():
    # Too large for a test.
    large = {dataset.full for dataset in DATASETS.values()} - {""} | {"msra_ner_queries"}
    sampled = {name for name, dataset in DATASETS.items() if dataset.samples} - large
    assert set(SAMPLES) == sampled
    licensed = {name for name, dataset in DATASETS.items() if not dataset.url}
    variants = sampled - set(COUNTS)
    assert set(COUNTS) == set(DATASETS) - licensed - variants - large
    for name, files in COUNTS.items():
        dataset = DATASETS[name]
        assert {file for file, *_ in files} == {dataset.asset(part).name for part in dataset.files}


def need(asset):
    if not (ASSETS / asset).is_file():
        pytest.skip(f"assets/{asset} is absent: spacy project assets --extra")


def check_that_questions_are_on_one_side(splits):
    counts = {split: len(docs) for split, docs in splits.items()}
    assert counts == {"train": 7065, "dev": 1440, "test": 1495}
    sides = {}
    for split, docs in splits.items():
        for doc in docs:
            for question in doc.text.split("[SEP]"):
                assert sides.setdefault(question.strip().casefold(), split) == split


@pytest.mark.assets
@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_the_real_files(name):
    dataset = DATASETS[name]
    for part in dataset.files:
        need(dataset.asset(part))
    splits = read(name, ASSETS, full=not DATASETS[name].full, skipped=[])
    for file, fed, n_docs, n_tokens, n_spans, labels in COUNTS[name]:
        docs = [doc for split in fed.split() for doc in splits[split]]
        assert len(docs) == n_docs, file
        if n_tokens is not None:
            assert sum(map(len, docs)) == n_tokens, file
        found = Counter(label for doc in docs for label in labels_of(doc, dataset.task))
        if n_spans:
            assert found.total() == n_spans, file
        # spaCy's tagger takes `!X` for "not X".
        assert dataset.task != "tagger" or not any(label.startswith("!") for label in found)
        expected = dict(label.split() for label in labels.split(", "))
        assert {label: str(found[label]) for label in expected} == expected, file
    if dataset.task.startswith("textcat"):
        docs = [doc for docs in splits.values() for doc in docs]
        assert len({tuple(doc.cats) for doc in docs}) == 1
    for variant, (n_docs, label, n_with_label) in SAMPLES.items():
        row = DATASETS[variant]
        if (row.files, row.reader) == (dataset.files, dataset.reader):
            docs = row.samples["train"](splits["train"])
            assert len(docs) == n_docs, variant
            found = sum(label in labels_of(doc, dataset.task) for doc in docs)
            assert found == n_with_label, variant
    if name == "qqp":
        check_that_questions_are_on_one_side(splits)
    if dataset.cuts:
        texts = {split: {doc.text for doc in splits[split]} for split in ("train", "dev")}
        assert not texts["train"] & texts["dev"]


@pytest.mark.assets
def test_go_emotions_before_the_sample_is_drawn():
    need("go_emotions/train.tsv")
    path = ASSETS / "go_emotions" / "train.tsv"
    docs = list(read_multilabel(path, spacy.blank("en"), labels=EMOTIONS.split()))
    assert len(docs) == 43410
    found = Counter(label for doc in docs for label in labels_of(doc, "textcat_multilabel"))
    assert found.most_common(2) == [("neutral", 14219), ("admiration", 4130)]
    assert found.most_common()[-3:] == [("relief", 153), ("pride", 111), ("grief", 77)]
    assert Counter(sum(doc.cats.values()) for doc in docs) == {
        1: 36308,
        2: 6541,
        3: 532,
        4: 28,
        5: 1,
    }


@pytest.mark.assets
def test_emotions_are_those_of_the_authors():
    need("go_emotions/labels.txt")
    labels = (ASSETS / "go_emotions" / "labels.txt").read_text(encoding="utf-8")
    assert labels.split() == EMOTIONS.split()


@pytest.mark.assets
def test_skills_and_knowledge_overlap():
    need("skillspan/train.json")
    docs = read("skillspan", ASSETS)["train"]
    overlaps = [
        (a, b)
        for doc in docs
        for a in doc.spans["sc"]
        for b in doc.spans["sc"]
        if a.start < b.start < a.end or (a.start == b.start and a.end > b.end)
    ]
    assert len(overlaps) == 164
    assert all(a.label_ != b.label_ for a, b in overlaps)
