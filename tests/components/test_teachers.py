"""Components with teachers: what they ask them, what they learn, and what they keep of them."""

import pickle

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from pipelines import (
    CASES,
    FACTORIES,
    LISTENER,
    SENTENCES,
    TOK2VEC,
    annotations,
    complete,
    examples,
    pipeline,
    tagger_model,
    train,
    transition_model,
    weights,
)
from spacy.tokens import Doc, Span
from thinc.api import fix_random_seed

from spacy_dice.callbacks import use_losses
from spacy_dice.losses import CE, DSC, F1, SE, Compound, Distill

few = pytest.mark.parametrize("factory", ["tagger", "ner", "textcat", "spancat"])
factories = pytest.mark.parametrize("factory", FACTORIES)
TEXTS = [text for text, *_ in SENTENCES]


def taught(nlp, folder, **settings):
    """`nlp` saved to `folder`, and the loss of one that learns from it."""
    nlp.to_disk(folder)
    return Distill(teachers=[str(folder)], **settings)


def gradients(nlp, name, batch=examples):
    """The gradient of each parameter of a component after an update without dropout."""
    fix_random_seed(0)
    pipe = nlp.get_pipe(name)
    data = batch(nlp.vocab)
    for before, component in nlp.components[: nlp.component_names.index(name)]:
        del before
        component.update(data, sgd=None)
    losses = pipe.update(data, drop=0.0, sgd=None)
    found = {
        (i, param): node.get_grad(param).copy()
        for i, node in enumerate(pipe.model.walk())
        for param in node.param_names
        if node.has_grad(param)
    }
    for node in pipe.model.walk():
        for param in node.param_names:
            if node.has_grad(param):
                node.set_grad(param, node.get_grad(param) * 0)
    return losses[name], found


def without_dropout(case):
    """A case whose model has none: with an upper layer, states lose a tenth whatever is said."""
    case = CASES[case]
    if case.factory in ("ner", "parser"):
        model = {**case.config["model"], "use_upper": False}
        return case._replace(config={**case.config, "model": model})
    return case


def size(found):
    return max(float(abs(gradient).max()) for gradient in found.values())


@pytest.mark.parametrize("case", CASES)
def test_who_is_like_the_teacher_has_nothing_to_learn(case, tmp_path):
    """The rows of a teacher are those of the student, to the last one, in NER its own states."""
    nlp = pipeline(without_dropout(case), "dice.CE.v1")
    train(nlp, updates=2)
    name = CASES[case].factory
    pipe = nlp.get_pipe(name)
    plain = size(gradients(nlp, name)[1])
    pipe.set_loss(taught(nlp, tmp_path / "teacher", mix=1.0))
    assert size(gradients(nlp, name)[1]) < 1e-5 * plain
    pipe.set_loss(Distill(teachers=[str(tmp_path / "teacher")], mix=0.5))
    assert size(gradients(nlp, name)[1]) == pytest.approx(plain / 2, rel=0.1)


@few
def test_hardly_any_teacher_is_none(factory, tmp_path):
    teacher = pipeline(factory, "dice.CE.v1")
    train(teacher, updates=1)
    nlp = pipeline(factory, "dice.CE.v1")
    train(nlp, updates=2)
    for loss in (CE(), SE(), DSC()):
        nlp.get_pipe(factory).set_loss(loss)
        value, plain = gradients(nlp, factory, complete)
        nlp.get_pipe(factory).set_loss(taught(teacher, tmp_path, mix=1e-7, loss=loss))
        almost, found = gradients(nlp, factory, complete)
        assert almost == pytest.approx(value, rel=1e-4)
        assert size({key: found[key] - plain[key] for key in plain}) < 1e-3 * size(plain)


OTHER_ENTITIES = {"SHIP": "CAT", "CAT": "CITY", "CITY": "SHIP"}
OTHER_SPANS = {"PERSON": "END", "END": "PERSON"}


def contrary(vocab):
    """The same documents with other labels."""
    data = complete(vocab)
    for eg in data:
        doc = eg.reference
        for token, tag in zip(doc, [token.tag_ for token in doc][::-1], strict=True):
            token.tag_ = tag
        doc.set_ents([Span(doc, e.start, e.end, OTHER_ENTITIES[e.label_]) for e in doc.ents])
        doc.spans["sc"] = [
            Span(doc, span.start, span.end, OTHER_SPANS.get(span.label_, span.label_))
            for span in doc.spans["sc"]
        ]
        first, *rest = doc.cats.items()
        doc.cats = {
            label: value
            for (label, _), (_, value) in zip(doc.cats.items(), [*rest, first], strict=True)
        }
    return data


@few
def test_learns_what_its_teacher_says_and_not_the_gold_standard(factory, tmp_path):
    teacher = pipeline(factory, "dice.CE.v1")
    train(teacher, updates=60, drop=0.0, data=contrary)
    student = pipeline(factory, "dice.CE.v1")
    student.initialize(lambda: complete(student.vocab))
    student.get_pipe(factory).set_loss(taught(teacher, tmp_path, mix=1.0))
    train(student, updates=60, drop=0.0, data=complete, initialize=False)
    kind = {"tagger": "tokens", "ner": "entities", "textcat": "cats", "spancat": "spans"}[factory]
    expected, found = (
        [annotations(nlp(Doc(nlp.vocab, words=text.split())))[kind] for text in TEXTS]
        for nlp in (teacher, student)
    )
    if factory == "textcat":
        expected, found = ([max(cats, key=cats.get) for cats in all_] for all_ in (expected, found))
    assert found == expected
    plain = pipeline(factory, "dice.CE.v1")
    train(plain, updates=60, drop=0.0, data=complete)
    of_gold = [annotations(plain(Doc(plain.vocab, words=text.split())))[kind] for text in TEXTS]
    if factory == "textcat":
        of_gold = [max(cats, key=cats.get) for cats in of_gold]
    assert of_gold != expected


def listening():
    """Components that listen to one tok2vec, which the third has a part in, too."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe("tagger", config={"model": tagger_model(LISTENER)})
    nlp.add_pipe("ner", config={"model": {**transition_model("ner", LISTENER), "use_upper": False}})
    return nlp


@pytest.mark.parametrize("name", ["tagger", "ner"])
def test_a_teacher_that_listens(name, tmp_path):
    """A student of its own tok2vec learns from a teacher whose tok2vec is shared, and back."""
    nlp = listening()
    train(nlp, updates=3)
    plain = use_losses(nlp, {name: CE()})
    before = size(gradients(plain, name)[1])
    use_losses(nlp, {name: taught(nlp, tmp_path, mix=1.0)})
    assert size(gradients(nlp, name)[1]) < 1e-5 * before
    student = pipeline(name, {"@losses": "dice.Distill.v1", "teachers": [str(tmp_path)]})
    assert train(student)[name] > 0


def test_the_mean_of_several_teachers(tmp_path):
    nlp = pipeline("tagger", "dice.CE.v1")
    folders = []
    for i in range(1, 4):
        train(nlp, updates=i)
        folders.append(str(tmp_path / str(i)))
        nlp.to_disk(folders[-1])
    pipe = nlp.get_pipe("tagger")
    found = []
    for teachers in (folders, *([folder] for folder in folders)):
        pipe.set_loss(Distill(teachers=teachers, mix=1.0))
        found.append(gradients(nlp, "tagger")[1])
    for key, gradient in found[0].items():
        mean = sum(one[key] for one in found[1:]) / 3
        assert_allclose(gradient, mean, atol=1e-5)


@factories
def test_nothing_of_the_teacher_is_kept(factory, tmp_path):
    teacher = pipeline(factory, "dice.CE.v1")
    train(teacher)
    teacher.to_disk(tmp_path / "teacher")
    block = {"@losses": "dice.Distill.v1", "teachers": [str(tmp_path / "teacher")]}
    nlp = pipeline(factory, block)
    train(nlp)
    (tmp_path / "teacher").rename(tmp_path / "gone")
    nlp.to_disk(tmp_path / "student")
    again = [spacy.load(tmp_path / "student"), pipeline(factory, block).from_bytes(nlp.to_bytes())]
    if factory not in ("span_finder", "query_spans"):  # spaCy's own span finder cannot be pickled
        again.append(pickle.loads(pickle.dumps(nlp)))
    for copy in again:
        assert weights(copy) == weights(nlp)
        assert not getattr(copy.get_pipe(factory), "_teachers", None)
        doc, expected = (p(Doc(p.vocab, words=TEXTS[1].split())) for p in (copy, nlp))
        assert annotations(doc) == annotations(expected)
    with pytest.raises(ValueError, match=rf"{factory}\.loss\.teachers\]: there is no trained"):
        spacy.load(tmp_path / "student").initialize(lambda: complete(nlp.vocab))


@factories
def test_while_a_stock_component_is_trained(factory, tmp_path):
    teacher = pipeline(factory, stock=True)
    train(teacher)
    teacher.to_disk(tmp_path / "teacher")
    block = {"@losses": "dice.Distill.v1", "teachers": [str(tmp_path / "teacher")]}
    explicit, stock = pipeline(factory, block), pipeline(factory, stock=True)
    stock.config["initialize"]["before_init"] = {
        "@callbacks": "dice.use_losses.v1",
        "losses": {factory: block},
    }
    for nlp in (explicit, stock):
        train(nlp)
    assert weights(stock) == weights(explicit)
    plain = pipeline(factory, "dice.CE.v1")
    train(plain)
    assert weights(stock) != weights(plain)


def test_columns_are_found_by_their_labels(tmp_path):
    labels = ["VBZ", "NNS", "PRP", "JJ", ".", "VBD", "DT", "NN", "VBP", "NNP", "CC", "XX"]
    teacher = pipeline("tagger", "dice.CE.v1")
    for label in labels:
        teacher.get_pipe("tagger").add_label(label)
    train(teacher, updates=20)
    student = pipeline("tagger", "dice.CE.v1")
    train(student)
    pipe = student.get_pipe("tagger")
    pipe.set_loss(taught(teacher, tmp_path))
    data = complete(student.vocab)
    scores = pipe.model.predict([eg.predicted for eg in data])
    found = pipe.ask_teacher([eg.predicted for eg in data], scores, str(tmp_path))
    assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    best = [pipe.labels[i] for i in found.argmax(axis=1)]
    docs = [teacher(Doc(teacher.vocab, words=text.split())) for text in TEXTS]
    assert best == [token.tag_ for doc in docs for token in doc]


def test_documents_reach_a_teacher_as_they_are(tmp_path):
    """Norms and groups of spans included, but in its own vocabulary."""
    nlp = pipeline("tagger", "dice.CE.v1")
    train(nlp)
    pipe = nlp.get_pipe("tagger")
    pipe.set_loss(taught(nlp, tmp_path))
    doc = nlp.make_doc("She can't see.")
    doc[0].norm_ = "abc"
    doc.spans["query"] = [doc[0:2]]
    (copy,) = pipe.teacher(str(tmp_path)).read([doc])
    assert copy.vocab is not doc.vocab
    assert [(t.text, t.norm_, t.whitespace_) for t in copy] == [
        (t.text, t.norm_, t.whitespace_) for t in doc
    ]
    assert copy.spans["query"][0].text == "She ca"


def test_in_states_of_long_documents(tmp_path):
    """Documents are cut at random places, and some have no gold entities at all."""
    nlp = pipeline(without_dropout("ner"), "dice.CE.v1")
    train(nlp, updates=2)
    pipe = nlp.get_pipe("ner")
    pipe.cfg["update_with_oracle_cut_size"] = 3
    pipe.set_loss(taught(nlp, tmp_path, mix=1.0))
    assert size(gradients(nlp, "ner")[1]) < 1e-5


@pytest.mark.parametrize(
    "make",
    [
        lambda d: Compound(losses={"taught": d, "ce": CE()}),
        lambda d: F1(loss=d),
        lambda d: Distill(teachers=d.teachers, loss=F1()),
    ],
)
@pytest.mark.parametrize("factory", ["ner", "tagger", "spancat"])
def test_within_other_losses_and_around_them(make, factory, tmp_path):
    nlp = pipeline(factory, "dice.CE.v1")
    train(nlp)
    loss = taught(nlp, tmp_path)
    nlp.get_pipe(factory).set_loss(make(loss))
    assert numpy.isfinite(train(nlp)[factory])
    assert str(tmp_path) in nlp.get_pipe(factory)._teachers


def student_of(folder, factory="tagger", name=None, **settings):
    block = {"@losses": "dice.Distill.v1", "teachers": [str(folder)], **settings}
    nlp = pipeline(factory, block, name=name)
    nlp.initialize(lambda: complete(nlp.vocab))
    return nlp


def test_a_missing_teacher(tmp_path):
    with pytest.raises(ValueError, match=r"tagger\.loss\.teachers\]: there is no trained pipeline"):
        student_of(tmp_path / "none")


def test_a_teacher_without_such_a_component(tmp_path):
    train(nlp := pipeline("senter"))
    nlp.to_disk(tmp_path)
    message = r"has no tagger 'tagger', and no other of that kind; its components are 'senter'"
    with pytest.raises(ValueError, match=message):
        student_of(tmp_path)


def test_a_teacher_of_another_name(tmp_path):
    train(nlp := pipeline("tagger", stock=True, name="first"))
    nlp.to_disk(tmp_path)
    assert train(student_of(tmp_path), initialize=False)["tagger"] > 0
    nlp.add_pipe("first", name="second", source=spacy.load(tmp_path))
    nlp.to_disk(tmp_path / "two")
    message = r"has no tagger 'tagger', and 'first', 'second' of that kind"
    with pytest.raises(ValueError, match=message):
        student_of(tmp_path / "two")


@pytest.mark.parametrize("factory", ["tagger", "ner", "spancat", "trainable_lemmatizer"])
def test_a_teacher_that_does_not_know_all_labels(factory, tmp_path):
    train(nlp := pipeline(factory), data=lambda vocab: complete(vocab)[:2])
    nlp.to_disk(tmp_path)
    with pytest.raises(ValueError, match="does not know the labels"):
        student_of(tmp_path, factory)


def test_a_teacher_with_other_moves(tmp_path):
    nlp = pipeline("ner")
    nlp.get_pipe("ner").add_label("XX")
    train(nlp)
    nlp.to_disk(tmp_path)
    with pytest.raises(ValueError, match=r"has other moves, too, 'B-XX'"):
        student_of(tmp_path, "ner")


def test_choices_among_the_tokens_of_a_document_have_no_labels(tmp_path):
    from pipelines import finder_model

    scorer = {"@layers": "Linear.v1", "nO": 2}
    nlp = spacy.blank("en")
    config = {
        "model": {**finder_model(), "scorer": scorer},
        "normalize": "document",
        "loss": {"@losses": "dice.Distill.v1", "teachers": ["x"]},
    }
    with pytest.raises(ValueError, match=r"query_spans\.loss\]: with normalize = \"document\" a"):
        nlp.add_pipe("dice_query_spans", name="query_spans", config=config)
