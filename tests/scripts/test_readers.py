"""The readers of the data sets, on small files with the traps of the real ones."""

import json
from itertools import pairwise

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from corpora.categories import read_labelled, read_multilabel
from corpora.columns import read_conll2012, read_entities, read_tags
from corpora.conllu import read_treebank
from corpora.jsonl import read_layers, read_prodigy
from corpora.pairs import read_pairs

NLP = spacy.blank("en")


@pytest.fixture
def put(tmp_path):
    """Write a file (text as UTF-8, or bytes) and return its path."""

    def write(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A file that the examples of a property overwrite."""
    return tmp_path_factory.mktemp("scratch") / "file"


def words(doc):
    return [token.text for token in doc]


def bio(doc):
    return [t.ent_iob_ + (f"-{t.ent_type_}" if t.ent_type_ else "") for t in doc]


def offsets(spans):
    return [(span.start_char, span.end_char, span.label_) for span in spans]


# Two columns


def test_entities_of_two_column_file(put):
    path = put("@paul\tO\nNew\tB-creative-work\nMoon\tI-creative-work\n \t\nEU\tB-GPE.NAM\n\n\n")
    first, second = read_entities(path, NLP)
    assert words(first) == ["@paul", "New", "Moon"]
    assert [(e.text, e.label_) for e in first.ents] == [("New Moon", "creative-work")]
    assert [(e.text, e.label_) for e in second.ents] == [("EU", "GPE.NAM")]


def test_entities_as_spans(put):
    path = put("New\tB-X\nMoon\tI-X\nEU\tI-Y\nrose\tO\n\nno\tO\n")
    first, second = read_entities(path, NLP, spans_key="sc")
    assert [(s.text, s.label_) for s in first.spans["sc"]] == [("New Moon", "X"), ("EU", "Y")]
    assert list(second.spans["sc"]) == []
    assert not first.has_annotation("ENT_IOB")


def test_tokens_outside_entities_are_annotated_not_missing(put):
    (doc,) = read_entities(put("a\tO\nb\tO\n"), NLP)
    assert [token.ent_iob_ for token in doc] == ["O", "O"]


CONLL_2003 = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O

-DOCSTART- -X- -X- O

New NNP B-NP B-LOC
York NNP I-NP I-LOC
"""


def test_conll_2003(put):
    first, second = read_entities(put(CONLL_2003), NLP, columns=4)
    assert [(words(doc), bio(doc)) for doc in (first, second)] == [
        (["EU", "rejects"], ["B-ORG", "O"]),
        (["New", "York"], ["B-LOC", "I-LOC"]),
    ]
    with pytest.raises(ValueError, match="line 1: expected 4 columns, from token to tag, got 'a O"):
        list(read_entities(put("a O\n"), NLP, columns=4))


def conll_2012(*rows):
    """Lines of CoNLL 2012 with these tokens and entities; a frame of verbs comes after them."""
    lines = [
        f"bc/x/00/x_0001   0   {i}   {word}   NN   (S*   -   -   -   Speaker   {entity}   (V*)   -"
        for i, (word, entity) in enumerate(rows)
    ]
    return "\n".join(lines) + "\n\n"


def test_conll_2012(tmp_path):
    begin, end = "#begin document (bc/x/00/x_0001); part 000\n", "#end document\n"
    for name, rows in {
        "b": [("Ms.", "*"), ("Ann", "(PERSON)"), ("left", "*")],
        "a": [("The", "(ORG*"), ("Red", "*"), ("Cross", "*)"), ("in", "*"), ("Rome", "(GPE)")],
    }.items():
        (tmp_path / name).mkdir()
        text = begin + conll_2012(*rows) + end
        (tmp_path / name / "x_0001.v4_gold_conll").write_text(text, encoding="utf8")
    docs = list(read_conll2012(tmp_path, NLP))
    assert [bio(doc) for doc in docs] == [
        ["B-ORG", "I-ORG", "I-ORG", "O", "B-GPE"],
        ["O", "B-PERSON", "O"],
    ]
    assert words(docs[0]) == ["The", "Red", "Cross", "in", "Rome"]


@pytest.mark.parametrize("entities", [["*)"], ["(A*", "(B)"], ["A"], ["(A"]])
def test_malformed_conll_2012(put, tmp_path, entities):
    put(conll_2012(*(("x", entity) for entity in entities)), "x_gold_conll")
    with pytest.raises(ValueError, match=f"line {len(entities)}: expected a token in column 4"):
        list(read_conll2012(tmp_path, NLP))


def test_folder_without_conll_2012(tmp_path):
    with pytest.raises(ValueError, match=r"there are no \*gold_conll files below it"):
        list(read_conll2012(tmp_path, NLP))


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n \n\t\n"])
def test_blocks_end_anywhere(put, end):
    assert [words(doc) for doc in read_tags(put("\n\na X\nb Y\n\t \nc Z" + end), NLP)] == [
        ["a", "b"],
        ["c"],
    ]


def test_bom_windows_line_ends_and_inner_separators_survive(put):
    # U+2028 and U+0085 end a line for str.splitlines, a no-break space is white space for strip.
    path = put("\ufeffa\tX\r\nb\u2028c\tY\r\n\xa0\tZ\r\n\r\nd\x85\tX\r\n")
    assert [words(doc) for doc in read_tags(path, NLP)] == [["a", "b\u2028c", "\xa0"], ["d\x85"]]


def test_token_with_blank_in_tab_separated_file(put):
    (doc,) = read_tags(put("a b\tX\n"), NLP)
    assert words(doc) == ["a b"]
    assert [token.tag_ for token in doc] == ["X"]


def test_tags_are_renamed(put):
    (doc,) = read_tags(put("lol\t!\nno\t!\nI\tO\n"), NLP, renamed={"!": "INTJ"})
    assert [token.tag_ for token in doc] == ["INTJ", "INTJ", "O"]


def test_position_digit_is_stripped(put):
    path = put("科0\tB-ORG.NAM\n技1\tI-ORG.NAM\n30\tO\n\ufffd\ufffd2\tO\n")
    (doc,) = read_entities(path, NLP, strip_position=True)
    assert words(doc) == ["科", "技", "3", "\ufffd\ufffd"]
    assert len(doc.ents) == 1


def test_empty_file_has_no_docs(put):
    assert list(read_entities(put(" \n\n"), NLP)) == []


@pytest.mark.parametrize(
    ("reader", "content", "message"),
    [
        (read_entities, "a\tO\nb\n", "line 2: expected a token and a tag, got 'b'"),
        (read_entities, "a\tO\nb\t\n", "line 2: expected a token and a tag"),
        (read_entities, "a\tO\tx\n", "line 1: expected a token and a tag"),
        (read_entities, "a\tO\n\nb\tE-LOC\n", "line 3: expected a tag O, B-LABEL or I-LABEL"),
        (read_entities, "a\tB-\n", "line 1: expected a tag O, B-LABEL or I-LABEL, got 'a\\tB-'"),
        (read_tags, "a b c\n", "line 1: expected a token and a tag, got 'a b c'"),
        (read_tags, b"a X\n\xf0 Y\n", "line 2: expected utf-8 text, got 'ð Y'"),
    ],
)
def test_malformed_column_lines(put, reader, content, message):
    path = put(content)
    with pytest.raises(ValueError, match="expected") as error:
        list(reader(path, NLP))
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize("line", ["甲\tO", "0\tO"])
def test_position_digit_must_be_there(put, line):
    with pytest.raises(ValueError, match="line 1: expected a token that ends in its position"):
        list(read_entities(put(line), NLP, strip_position=True))


def chunks(tags):
    """The entities of a tag sequence, token by token: conlleval's definition."""
    found = []
    for i, tag in enumerate(tags):
        if tag == "O":
            continue
        continues = tag[0] == "I" and i > 0 and tags[i - 1] != "O" and tags[i - 1][2:] == tag[2:]
        if continues:
            found[-1][1] = i + 1
        else:
            found.append([i, i + 1, tag[2:]])
    return [tuple(chunk) for chunk in found]


TAGS = st.lists(st.sampled_from(["O", "B-x", "I-x", "B-y-z", "I-y-z"]), min_size=1, max_size=12)


@given(sentences=st.lists(TAGS, max_size=4))
def test_bio_round_trip(scratch, sentences):
    def through_file(tags):
        lines = ["".join(f"w{i}\t{tag}\n" for i, tag in enumerate(sent)) for sent in tags]
        scratch.write_text("\n".join(lines), encoding="utf-8")
        return list(read_entities(scratch, NLP))

    docs = through_file(sentences)
    assert [[(e.start, e.end, e.label_) for e in doc.ents] for doc in docs] == [
        chunks(tags) for tags in sentences
    ]
    repaired = [bio(doc) for doc in docs]
    assert [bio(doc) for doc in through_file(repaired)] == repaired
    for tags, after in zip(sentences, repaired, strict=True):
        changed = [(a, b) for a, b in zip(tags, after, strict=True) if a != b]
        assert all(a[0] == "I" and b == f"B{a[1:]}" for a, b in changed)


# CoNLL-U


def conllu(*rows):
    return "".join("\t".join(row.split(" ")) + "\n" for row in rows) + "\n"


SENTENCE = conllu(
    "1 I I PRON PRP Case=Nom|Person=1 2 nsubj _ _",
    "2-3 don't _ _ _ _ _ _ _ SpaceAfter=No",
    "2 do do AUX VBP _ 0 root _ _",
    "3 n't not PART _ Polarity=Neg 2 advmod _ _",
    "3.1 gone go VERB VB _ _ _ 0:root _",
    "4 ! ! PUNCT . _ 2 punct _ Start=3|SpaceAfter=No",
)


def test_treebank_words_annotation_and_spaces(put):
    comments = "# sent_id = 1\n# text = I don't!\n"
    (doc,) = read_treebank(put(comments + SENTENCE + "# newdoc\n\n"), NLP)
    assert words(doc) == ["I", "do", "n't", "!"]
    assert doc.text == "I don't!"
    assert not doc.has_unknown_spaces
    assert [t.tag_ for t in doc] == ["PRP", "VBP", "", "."]
    assert [t.pos_ for t in doc] == ["PRON", "AUX", "PART", "PUNCT"]
    assert [str(t.morph) for t in doc] == ["Case=Nom|Person=1", "", "Polarity=Neg", ""]
    # No features is an annotation; to the morphologizer an unset morph is a missing value.
    assert all(t.has_morph() for t in doc)
    assert [t.lemma_ for t in doc] == ["I", "do", "not", "!"]


def test_treebank_multiword_token_that_its_words_do_not_spell(put):
    rows = (
        "1-2 des _ _ _ _ _ _ _ SpaceAfter=No",
        "1 de de ADP _ _ 0 _ _ _",
        "2 les le DET _ _ 0 _ _ _",
        "3 # # SYM _ _ 0 _ _ _",
    )
    (doc,) = read_treebank(put(conllu(*rows)), NLP)
    assert doc.text == "de les# "


def test_treebank_without_lemmas_and_spaces(put):
    path = put(conllu("1 看似 _ VERB VV _ 2 cop _ _", "2 _ _ SYM _ _ 0 root _ _"))
    (doc,) = read_treebank(path, NLP, has_spaces=False)
    assert doc.has_unknown_spaces
    assert [token.lemma_ for token in doc] == ["", "_"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 a a NOUN N _ 0 root _", "line 1: expected 10 columns"),
        ("2 a a NOUN N _ 0 root _ _", "line 1: expected word number 1"),
        ("x a a NOUN N _ 0 root _ _", "line 1: expected a word number, a range"),
        ("1 a a NN N _ 0 root _ _", "line 1: expected a universal part of speech"),
        ("1 a a NOUN N Sing 0 root _ _", "line 1: expected features NAME=VALUE"),
        ("2-3 ab _ _ _ _ _ _ _ _", "line 1: expected a range that starts at word 1"),
    ],
)
def test_malformed_treebank_lines(put, content, message):
    with pytest.raises(ValueError, match="file: line") as error:
        list(read_treebank(put(conllu(content)), NLP))
    assert message in str(error.value)


def test_treebank_multiword_token_without_its_words(put):
    path = put(conllu("1-2 ab _ _ _ _ _ _ _ _", "1 a a NOUN N _ 0 root _ _"))
    with pytest.raises(ValueError, match="line 2: expected all words of the multiword token 1-2"):
        list(read_treebank(path, NLP))


# Records with offsets


def prodigy(text, *spans, tokens=None, **more):
    record = {"text": text, "spans": [{"start": s, "end": e, "label": x} for s, e, x in spans]}
    if tokens is not None:
        record["tokens"] = [{"start": s, "end": e} for s, e in tokens]
    return json.dumps(record | more) + "\n"


def test_prodigy_keeps_accepted_records_and_their_tokens(put):
    path = put(
        prodigy("my iPhone-X", (3, 9, "BRAND"), tokens=[(0, 2), (3, 9), (9, 11)], answer="accept")
        + prodigy("no", (0, 2, "BRAND"), answer="reject")
        + prodigy("eh", answer="ignore")
        + prodigy("  ", answer="accept")
        + "\n"
        + json.dumps({"text": "nothing here"})
        + "\n"
    )
    first, second = read_prodigy(path, NLP)
    assert words(first) == ["my", "iPhone", "-X"]
    assert first.text == "my iPhone-X"
    assert bio(first) == ["O", "B-BRAND", "O"]
    assert bio(second) == ["O", "O"]


def test_prodigy_spans_may_overlap_under_a_key(put):
    path = put(prodigy("New York Yankees", (0, 8, "CITY"), (0, 16, "TEAM")) + prodigy("none"))
    first, second = read_prodigy(path, NLP, spans_key="sc")
    assert offsets(first.spans["sc"]) == [(0, 8, "CITY"), (0, 16, "TEAM")]
    assert list(second.spans["sc"]) == []


def test_misaligned_span_cuts_the_token(put):
    (doc,) = read_prodigy(put(prodigy("an iPhoneX case", (3, 9, "BRAND"))), NLP)
    assert words(doc) == ["an", "iPhone", "X", "case"]
    assert offsets(doc.ents) == [(3, 9, "BRAND")]
    assert doc.text == "an iPhoneX case"


@given(
    text=st.text(alphabet="ab é\n'.-", max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=6, unique=True),
)
def test_annotations_are_kept_to_the_character(scratch, text, cuts):
    edges = sorted(cut for cut in cuts if cut <= len(text))
    spans = [
        (start, end, "X")
        for start, end in list(pairwise(edges))[::2]
        if text[start:end] == text[start:end].strip()
    ]
    scratch.write_text(prodigy(text, *spans), encoding="utf-8")
    docs = list(read_prodigy(scratch, NLP))
    assert len(docs) == bool(text.strip())
    for doc in docs:
        assert doc.text == text
        assert offsets(doc.ents) == spans


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: expected JSON"),
        ("[1]", "line 1: expected a JSON object, got"),
        ('{"txt": "a"}', "line 1: expected a JSON object with a text"),
        (prodigy("a b", (0, 9, "X")), "offsets 0:9 must begin and end at non-blank characters"),
        (prodigy("a b", (-2, 1, "X")), "offsets -2:1 must"),
        (prodigy("a b", (1, 1, "X")), "offsets 1:1 must"),
        (prodigy("a b", (1, 3, "X")), "offsets 1:3 must begin and end at non-blank"),
        (prodigy("a b", (0, 3, "X"), (2, 3, "Y")), "E1010"),
        (prodigy("a b", tokens=[(0, 1), (1, 3)]) + "x", "line 2: expected JSON"),
        (prodigy("a  b", tokens=[(0, 1), (3, 4)]), "do not spell the text"),
        (prodigy("a b", tokens=[(2, 3)]), "do not spell the text"),
        (prodigy("a b", tokens=[(0, 1)]), "do not spell the text"),
        (json.dumps({"text": "a", "spans": [{"start": 0, "label": "X"}]}), "KeyError('end')"),
    ],
)
def test_malformed_prodigy_records(put, line, message):
    with pytest.raises(ValueError, match=r"file: line \d+: expected") as error:
        list(read_prodigy(put(line), NLP))
    assert message in str(error.value)


def test_error_shows_only_the_beginning_of_a_long_line(put):
    with pytest.raises(ValueError, match="expected") as error:
        list(read_prodigy(put("x" * 5000), NLP))
    assert len(str(error.value)) < 600


LAYERS = {"layers": {"skill": "SKILL", "tool": "TOOL"}, "spans_key": "sc"}


def test_layers_may_overlap(put):
    rows = [
        {
            "tokens": ["write", "Java", "code", "or", "C"],
            "skill": ["B", "I", "I", "O", "B"],
            "tool": ["O", "B", "O", "O", "I"],
            "more": 1,
        },
        {"tokens": ["<ORG>"], "skill": ["O"], "tool": ["O"]},
    ]
    first, second = read_layers(put("\n\n".join(map(json.dumps, rows))), NLP, **LAYERS)
    assert words(first) == rows[0]["tokens"]
    assert first.has_unknown_spaces
    assert [(span.start, span.end, span.label_) for span in first.spans["sc"]] == [
        (0, 3, "SKILL"),
        (4, 5, "SKILL"),
        (1, 2, "TOOL"),
        (4, 5, "TOOL"),
    ]
    assert list(second.spans["sc"]) == []


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([1], "line 1: expected a JSON object, got"),
        ({"text": "a"}, "line 1: expected a JSON object with tokens"),
        ({"tokens": []}, "line 1: expected a JSON object with tokens"),
        ({"tokens": ["a", ""]}, "line 1: expected a JSON object with tokens"),
        ({"tokens": ["a"], "skill": ["O"]}, "as many tags B, I or O in tool as tokens"),
        ({"tokens": ["a", "b"], "skill": ["O"]}, "as many tags B, I or O in skill as tokens"),
        ({"tokens": ["a"], "skill": ["B-X"]}, "as many tags B, I or O in skill as tokens"),
    ],
)
def test_malformed_layers(put, record, message):
    with pytest.raises(ValueError, match="line 1") as error:
        list(read_layers(put(json.dumps(record)), NLP, **LAYERS))
    assert message in str(error.value)


# Classified texts


def test_labelled_texts_name_every_category(put):
    path = put('ham\tI said "no\t\nspam\tWIN: 3 < 4\u2028now \n\n')
    first, second = read_labelled(path, NLP, labels={"ham": "ham", "spam": "sp"}, separator="\t")
    assert first.cats == {"ham": 1.0, "sp": 0.0}
    assert second.cats == {"ham": 0.0, "sp": 1.0}
    assert (first.text, second.text) == ('I said "no\t', "WIN: 3 < 4\u2028now ")


def test_labelled_texts_in_latin_1(put):
    path = put(b"4 a sister\xf0city ?\n")
    (doc,) = read_labelled(path, NLP, labels={"4": "LOC"}, encoding="latin-1")
    assert doc.text == "a sisterðcity ?"
    with pytest.raises(ValueError, match="line 1: expected utf-8 text"):
        list(read_labelled(path, NLP, labels={"4": "LOC"}))


@pytest.mark.parametrize("line", ["2 text", "1", "1 ", "1  ", " 1 text", "1\ttext"])
def test_malformed_labelled_lines(put, line):
    with pytest.raises(ValueError, match="line 2: expected one of 0, 1, ' ' and a text"):
        list(read_labelled(put("0 fine\n" + line), NLP, labels={"0": "a", "1": "b"}))


def test_several_categories_a_text(put):
    path = put('so "glad"\t0,2\ted1\nhm\t1\ted2\n\n')
    first, second = read_multilabel(path, NLP, labels=["joy", "neutral", "love"])
    assert first.text == 'so "glad"'
    assert first.cats == {"joy": 1.0, "neutral": 0.0, "love": 1.0}
    assert second.cats == {"joy": 0.0, "neutral": 1.0, "love": 0.0}
    assert [doc.user_data["id"] for doc in (first, second)] == ["ed1", "ed2"]


@pytest.mark.parametrize("line", ["a\t0", "a\t\ted1", "a\t2\ted1", "a\t0,\ted1", " \t0\ted1"])
def test_malformed_texts_of_several_categories(put, line):
    with pytest.raises(ValueError, match="line 2: expected a text, numbers from 0 to 1 and an"):
        list(read_multilabel(put("fine\t1,0\tx\n" + line), NLP, labels=["a", "b"]))


PAIRS = {"labels": {"0": "no", "1": "yes"}, "left": "x", "right": "y", "label": "same"}


def test_pairs_are_joined(put):
    path = put('\ufeffsame\tx\tid\ty\n1\t12" tv\t7\ttv, 12"\n0\ta\t8\tb\n\n')
    first, second = read_pairs(path, NLP, **PAIRS)
    assert first.text == '12" tv ||| tv, 12"'
    assert words(second) == ["a", "|||", "b"]
    assert (first.cats, second.cats) == ({"no": 0.0, "yes": 1.0}, {"no": 1.0, "yes": 0.0})


def test_a_separator_that_the_tokenizer_cuts_is_one_word(put):
    path = put("same\tx\ty\n1\tIt's  red.\tIs it red?\n")
    (doc,) = read_pairs(path, NLP, **PAIRS, separator="[SEP]")
    assert words(doc) == ["It", "'s", "red", ".", "[SEP]", "Is", "it", "red", "?"]
    assert doc.has_unknown_spaces
    assert doc.cats == {"no": 0.0, "yes": 1.0}


def test_pairs_in_quotes_with_identifiers(put):
    path = put('same,id,x,y\r\n1,7,"a, ""b""\nc",d\r\n0,8,e,f\r\n')
    first, second = read_pairs(path, NLP, **PAIRS, quoted=True, identifiers=("id", "same"))
    assert first.text == 'a, "b"\nc ||| d'
    assert [doc.user_data["id"] for doc in (first, second)] == ["7\t1", "8\t0"]
    with pytest.raises(ValueError, match="line 4: expected 3 columns"):
        list(read_pairs(put('same,x,y\n1,"a\nb",c\n1,d\n'), NLP, **PAIRS, quoted=True))


def test_pairs_that_share_a_text_are_a_group(put):
    rows = [("a", "b"), ("c", "d"), ("e", "f"), ("D ", "g"), ("b", "h"), ("h", "c")]
    lines = "".join(f"1\t{left}\t{right}\n" for left, right in rows)
    docs = read_pairs(put("same\tx\ty\n" + lines), NLP, **PAIRS)
    groups = [doc.user_data["group"] for doc in docs]
    assert groups == ["a", "a", "e", "a", "a", "a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x\ty\tlabel\na\tb\t0\n", "line 1: expected a header with x, y and same"),
        ("x\ty\tsame\na\tb\n", "line 2: expected 3 columns"),
        ("x\ty\tsame\na\tb\t2\n", "line 2: expected two texts and one of 0, 1"),
        ("x\ty\tsame\na\t \t1\n", "line 2: expected two texts and one of 0, 1"),
    ],
)
def test_malformed_pairs(put, content, message):
    with pytest.raises(ValueError, match=message):
        list(read_pairs(put(content), NLP, **PAIRS))
