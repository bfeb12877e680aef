"""Small annotated examples, and a table of small pipelines with every trainable component."""

from typing import Any, NamedTuple

import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, Config, fix_random_seed

TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 16,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "*"}
LOGISTIC = {"@layers": "spacy.LinearLogistic.v1"}
BOW = {
    "@architectures": "spacy.TextCatBOW.v3",
    "ngram_size": 1,
    "no_output_layer": False,
    "length": 1000,
}
REDUCE = {
    "@architectures": "spacy.TextCatReduce.v1",
    "tok2vec": TOK2VEC,
    "use_reduce_first": False,
    "use_reduce_last": False,
    "use_reduce_max": False,
    "use_reduce_mean": True,
}


def tagger_model(tok2vec=TOK2VEC):
    return {"@architectures": "spacy.Tagger.v2", "tok2vec": tok2vec}


def transition_model(state_type, tok2vec=TOK2VEC):
    return {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": state_type,
        "hidden_width": 8,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": tok2vec,
    }


def ensemble(exclusive, tok2vec=TOK2VEC):
    return {
        "@architectures": "spacy.TextCatEnsemble.v2",
        "tok2vec": tok2vec,
        "linear_model": {**BOW, "exclusive_classes": exclusive},
    }


def spans_model(scorer=LOGISTIC, tok2vec=TOK2VEC):
    return {
        "@architectures": "spacy.SpanCategorizer.v1",
        "scorer": scorer,
        "reducer": {"@layers": "spacy.mean_max_reducer.v1", "hidden_size": 8},
        "tok2vec": tok2vec,
    }


def finder_model(tok2vec=TOK2VEC):
    scorer = {"@layers": "spacy.LinearLogistic.v1", "nO": 2}
    return {"@architectures": "spacy.SpanFinder.v1", "scorer": scorer, "tok2vec": tok2vec}


SOFTMAX = {"@layers": "Softmax.v2"}


class Case(NamedTuple):
    """A component: its stock factory, its settings, and the loss that equals the stock one."""

    factory: str
    config: dict[str, Any]
    stock_loss: str = "dice.CE.v1"


# The first case of each factory is also what the tests of everything but bit-identity use.
CASES = {
    "tagger": Case("tagger", {"model": tagger_model()}),
    "tagger-smoothing": Case("tagger", {"model": tagger_model(), "label_smoothing": 0.1}),
    "morphologizer": Case("morphologizer", {"model": tagger_model()}),
    "morphologizer-smoothing": Case(
        "morphologizer", {"model": tagger_model(), "label_smoothing": 0.05}
    ),
    "senter": Case("senter", {"model": tagger_model()}),
    "trainable_lemmatizer": Case(
        "trainable_lemmatizer", {"model": tagger_model(), "min_tree_freq": 1}
    ),
    "textcat": Case("textcat", {"model": ensemble(True)}),
    "textcat-bow": Case("textcat", {"model": {**BOW, "exclusive_classes": True}}, "dice.SE.v1"),
    "textcat-reduce": Case("textcat", {"model": {**REDUCE, "exclusive_classes": True}}),
    "textcat-logistic": Case("textcat", {"model": ensemble(False)}, "dice.SE.v1"),
    "textcat_multilabel": Case("textcat_multilabel", {"model": ensemble(False)}, "dice.SE.v1"),
    "textcat_multilabel-bow": Case(
        "textcat_multilabel", {"model": {**BOW, "exclusive_classes": False}}, "dice.SE.v1"
    ),
    "textcat_multilabel-reduce": Case(
        "textcat_multilabel", {"model": {**REDUCE, "exclusive_classes": False}}, "dice.SE.v1"
    ),
    "spancat": Case("spancat", {"model": spans_model(), "spans_key": "sc"}, "dice.SE.v1"),
    "spancat-softmax": Case("spancat", {"model": spans_model(SOFTMAX), "spans_key": "sc"}),
    "spancat_singlelabel": Case(
        "spancat_singlelabel", {"model": spans_model(SOFTMAX), "spans_key": "sc"}
    ),
    "spancat_singlelabel-weighted": Case(
        "spancat_singlelabel",
        {
            "model": spans_model(SOFTMAX),
            "spans_key": "sc",
            "negative_weight": 0.3,
            "allow_overlap": False,
        },
    ),
    "span_finder": Case("span_finder", {"model": finder_model(), "spans_key": "sc"}, "dice.SE.v1"),
    # Documents that are all context, as a span finder's are.
    "query_spans": Case(
        "query_spans",
        {"model": finder_model(), "spans_key": "sc", "query_key": None, "decode": "all"},
        "dice.SE.v1",
    ),
    "ner": Case("ner", {"model": transition_model("ner")}),
    "ner-incorrect": Case(
        "ner", {"model": transition_model("ner"), "incorrect_spans_key": "not_ents"}
    ),
    "parser": Case("parser", {"model": transition_model("parser"), "min_action_freq": 1}),
    "parser-learn_tokens": Case(
        "parser",
        {"model": transition_model("parser"), "min_action_freq": 1, "learn_tokens": True},
    ),
}
FACTORIES = sorted({case.factory for case in CASES.values()})

SENTENCES = [
    # text, tags, heads, dependencies, lemmas
    ("She likes green eggs .", "PRP VBZ JJ NNS .", (1, 1, 3, 1, 1), "nsubj ROOT amod dobj punct"),
    (
        "He saw the old ship .",
        "PRP VBD DT JJ NN .",
        (1, 1, 4, 4, 1, 1),
        "nsubj ROOT det amod dobj punct",
    ),
    ("Blue cats sleep", "JJ NNS VBP", (1, 2, 2), "amod nsubj ROOT"),
    ("Rome and New York are big cities", "NNP CC NNP NNP VBP JJ NNS", None, None),
]
LEMMAS = {"likes": "like", "eggs": "egg", "saw": "see", "cats": "cat", "are": "be"}
LEMMAS["cities"] = "city"
FEATURES = {"NNS": "Number=Plur", "NN": "Number=Sing", "VBD": "Tense=Past", "VBZ": "Tense=Pres"}
POS = {"PRP": "PRON", "JJ": "ADJ", "DT": "DET", "CC": "CCONJ", "NNP": "PROPN", ".": "PUNCT"}
DEPS = ["nsubj", "det", "amod", "dobj", "conj"]


def document(vocab, index):
    """A document with every annotation."""
    text, tags, heads, deps = SENTENCES[index]
    words, tags = text.split(), tags.split()
    n = len(words)
    deps = (
        deps.split() if deps else [*(DEPS[(i + index) % len(DEPS)] for i in range(n - 1)), "ROOT"]
    )
    doc = Doc(
        vocab,
        words=words,
        tags=tags,
        pos=[POS.get(tag, "NOUN" if tag.startswith("NN") else "VERB") for tag in tags],
        morphs=[FEATURES.get(tag, "") for tag in tags],
        lemmas=[LEMMAS.get(word, word) for word in words],
        heads=list(heads) if heads else [min(i + 1, n - 1) for i in range(n)],
        deps=deps,
        ents=[
            ["O"] * n,
            ["O", "O", "O", "O", "B-SHIP", "O"],
            ["B-CAT", "I-CAT", "O"],
            ["B-CITY", "O", "B-CITY", "I-CITY", "O", "O", "O"],
        ][index],
    )
    doc.cats = {
        "ship": float(index == 1),
        "animal": float(index == 2),
        "other": float(index % 3 == 0),
    }
    doc.spans["sc"] = [
        Span(doc, 0, 1, label=("PERSON", "PERSON", "COLOUR", "CITY")[index]),
        Span(doc, n - 2, n, label="END"),
    ]
    doc.spans["not_ents"] = [Span(doc, n - 1, n, label="CITY")]
    return doc


def examples(vocab, negations=False):
    """A few documents: complete, long, without annotation, without tokens, split differently."""
    gold = [document(vocab, i) for i in range(len(SENTENCES))]
    long = Doc.from_docs([gold[i % 4].copy() for i in (0, 1, 2, 3) * 6])
    long.cats = dict(gold[0].cats)
    pairs = [(Doc(vocab, words=[t.text for t in doc]), doc) for doc in [*gold, long]]
    # Two tokens where the gold standard has one.
    split = Doc(vocab, words=["B", "lue", "cats", "sleep"], spaces=[False, True, True, True])
    pairs.append((split, gold[2].copy()))
    partial = document(vocab, 3)
    partial[2].tag_ = partial[3].lemma_ = ""
    partial[1].set_morph(None)
    partial[1].pos_ = ""
    partial[4].dep_ = ""
    del partial.cats["ship"]
    pairs.append((Doc(vocab, words=[t.text for t in partial]), partial))
    bare = [t.text for t in gold[1]]
    pairs.append((Doc(vocab, words=bare), Doc(vocab, words=bare)))
    pairs.append((Doc(vocab), Doc(vocab)))
    if negations:
        gold[0][1].tag_, gold[3][0].tag_ = "!NNS", "!VBP"
    return [Example(predicted, reference) for predicted, reference in pairs]


def pipeline(case, loss=None, *, stock=False, name=None):
    """A pipeline of one component; `loss` is a block or a registered name."""
    case = CASES[case] if isinstance(case, str) else case
    nlp = spacy.blank("en")
    config = dict(case.config)
    if not stock and loss is not None:
        config["loss"] = {"@losses": loss} if isinstance(loss, str) else loss
    factory = case.factory if stock else f"dice_{case.factory}"
    nlp.add_pipe(factory, name=name or case.factory, config=Config(config).copy())
    return nlp


def train(nlp, *, updates=3, drop=0.2, data=examples, initialize=True, **settings):
    """Some updates in which everything random depends on nothing but the number of updates."""
    fix_random_seed(0)
    batch = data(nlp.vocab, **settings)
    if initialize:
        nlp.initialize(lambda: batch)
    optimizer = Adam(0.01)
    losses = {}
    for i in range(updates):
        fix_random_seed(i)
        nlp.update(data(nlp.vocab, **settings)[i % 2 :], drop=drop, sgd=optimizer, losses=losses)
    return losses


def weights(nlp):
    """The parameters of all models of a pipeline, to the last bit."""
    return {
        name: [
            (i, node.name, param, node.get_param(param).tobytes())
            for i, node in enumerate(pipe.model.walk())
            for param in node.param_names
            if node.has_param(param)
        ]
        for name, pipe in nlp.components
    }


def complete(vocab):
    """Documents that can be learned by heart."""
    gold = [document(vocab, i) for i in range(len(SENTENCES))]
    return [Example(Doc(vocab, words=[t.text for t in doc]), doc) for doc in gold]


def annotations(doc):
    """Everything that a component may have set."""
    return {
        "tokens": [
            (t.text, t.tag_, t.pos_, str(t.morph), t.lemma_, t.dep_, t.head.i, t.is_sent_start)
            for t in doc
        ],
        "entities": [(e.start, e.end, e.label_) for e in doc.ents],
        "cats": dict(doc.cats),
        "spans": {k: [(s.start, s.end, s.label_) for s in group] for k, group in doc.spans.items()},
    }
