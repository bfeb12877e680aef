"""Fine-tune MiniLM for the named entities of WNUT 2017 with Hugging Face's Trainer.

The same as `configs/transformers.yml` does through `spacy train`: data, batches (spaCy's own
batcher over shuffled documents), steps, learning rate with its warm-up, weight decay, clipping and
the scorer. What is different is the model's head: a class for each token, B-, I- and O, in place of
a transition system. Runs that are in the record already are not repeated.

    python scripts/hf_token_classification.py --record metrics/torch/wnut17.json
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypedDict

import numpy
import spacy
import torch
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.training.batchers import minibatch_by_padded_size
from torch.utils.data import DataLoader, Dataset
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    set_seed,
)
from transformers.trainer import Trainer
from transformers.training_args import TrainingArguments

from spacy_dice._files import write_json
from spacy_dice.scorers import make_ner_scorer
from spacy_dice.torch import CELoss, DSCLoss, as_compute_loss_func

LOSSES = {"CE": CELoss, "DSC": DSCLoss}


class Settings(TypedDict):
    """What all runs have in common; the record names it so."""

    steps: int
    batch_words_padded: int
    buffer: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float


SETTINGS: Settings = {
    "steps": 200,
    "batch_words_padded": 320,
    "buffer": 256,
    "learning_rate": 1e-4,
    "warmup_steps": 20,
    "weight_decay": 0.01,
    "max_grad_norm": 1.0,
}


class Batches:
    """The batches of an epoch after the other, as lists of positions."""

    def __init__(self, docs: list[Doc], seed: int) -> None:
        self.docs = docs
        self.random = random.Random(seed)

    def __len__(self) -> int:
        return SETTINGS["steps"]

    def __iter__(self) -> Iterator[list[int]]:
        positions = {id(doc): i for i, doc in enumerate(self.docs)}
        docs = list(self.docs)
        while True:
            self.random.shuffle(docs)
            for batch in minibatch_by_padded_size(
                docs,
                SETTINGS["batch_words_padded"],
                buffer=SETTINGS["buffer"],
                discard_oversize=True,
            ):
                yield [positions[id(doc)] for doc in batch]


class Features(Dataset[dict[str, Any]]):
    """What a tokenizer makes of each document, as PyTorch wants data."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]


class WordTrainer(Trainer):
    """A Trainer whose batches are spaCy's."""

    batches: Batches

    def get_train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Return a loader of the batches."""
        assert isinstance(self.train_dataset, Features)
        return DataLoader(
            self.train_dataset, batch_sampler=self.batches, collate_fn=self.data_collator
        )


def tags_of(doc: Doc) -> list[str]:
    """The B-, I- and O of the tokens."""
    return [f"{t.ent_iob_}-{t.ent_type_}" if t.ent_iob_ in ("B", "I") else "O" for t in doc]


def with_entities(doc: Doc, tags: list[str]) -> Doc:
    """A document's words with the entities of tags; an I- that continues nothing begins one."""
    predicted = Doc(
        doc.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc]
    )
    spans, start = [], 0
    for i in range(1, len(tags) + 1):
        label = tags[start][2:]
        if i < len(tags) and label and tags[i] == f"I-{label}":
            continue
        if label:
            spans.append(Span(predicted, start, i, label))
        start = i
    predicted.set_ents(spans)
    return predicted


def encoded(docs: list[Doc], tokenizer: Any, ids: dict[str, int]) -> Features:
    """Word pieces; the first piece of a word has its label, the others -100."""
    features: list[dict[str, Any]] = []
    for doc in docs:
        pieces = tokenizer([t.text for t in doc], is_split_into_words=True, truncation=True)
        words, tags, labels = pieces.word_ids(), tags_of(doc), []
        for before, word in zip([None, *words], words, strict=False):
            labels.append(ids[tags[word]] if word is not None and word != before else -100)
        features.append({**pieces, "labels": labels})
    return Features(features)


def scores_of(
    trainer: Trainer, docs: list[Doc], features: Features, names: list[str]
) -> dict[str, Any]:
    """What spaCy's side records, from the same scorer."""
    guesses = numpy.asarray(trainer.predict(features).predictions).argmax(-1)
    examples = []
    for doc, feature, row in zip(docs, features.rows, guesses, strict=True):
        of_words = [i for i, label in enumerate(feature["labels"]) if label != -100]
        tags = [names[row[i]] for i in of_words]
        # Words without a piece of their own, or cut off, have no entity.
        tags += ["O"] * (len(doc) - len(tags))
        examples.append(Example(with_entities(doc, tags), doc))
    scores = make_ner_scorer()(examples)
    return {k: round(v, 5) for k, v in scores.items() if isinstance(v, float)}


def run(loss: str, seed: int, model: str, data: Path) -> dict[str, Any]:
    """Train and evaluate once."""
    vocab = spacy.blank("en").vocab
    docs = {
        part: [
            doc for doc in DocBin().from_disk(data / f"{part}.spacy").get_docs(vocab) if len(doc)
        ]
        for part in ("train", "dev", "test")
    }
    names = sorted({tag for part in docs.values() for doc in part for tag in tags_of(doc)} - {"O"})
    names = ["O", *names]
    ids = {name: i for i, name in enumerate(names)}
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model)
    features = {part: encoded(docs[part], tokenizer, ids) for part in docs}
    with tempfile.TemporaryDirectory() as folder:
        trainer = WordTrainer(
            model=AutoModelForTokenClassification.from_pretrained(model, num_labels=len(names)),
            args=TrainingArguments(
                folder,
                max_steps=SETTINGS["steps"],
                learning_rate=SETTINGS["learning_rate"],
                warmup_steps=SETTINGS["warmup_steps"],
                weight_decay=SETTINGS["weight_decay"],
                max_grad_norm=SETTINGS["max_grad_norm"],
                per_device_eval_batch_size=64,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                logging_steps=50,
                seed=seed,
                use_cpu=True,
            ),
            train_dataset=features["train"],
            data_collator=DataCollatorForTokenClassification(tokenizer),
            compute_loss_func=as_compute_loss_func(LOSSES[loss]()),
        )
        trainer.batches = Batches(docs["train"], seed)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
        return {
            "seconds": round(seconds, 1),
            "losses": [round(x["loss"], 4) for x in trainer.state.log_history if "loss" in x],
            "dev": scores_of(trainer, docs["dev"], features["dev"], names),
            "test": scores_of(trainer, docs["test"], features["test"], names),
        }


def of_spacy(folder: Path, loss: str, seed: int) -> dict[str, Any]:
    """The same scores of the recorded run of `spacy train`."""
    record = json.loads((folder / loss / f"{seed}.json").read_text(encoding="utf8"))
    return {
        part: {k: v for k, v in record[part].items() if isinstance(v, float)}
        for part in ("dev", "test")
    }


def main() -> None:
    """Train what is not in the record yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", type=Path, default=Path("metrics/torch/wnut17.json"))
    parser.add_argument("--data", type=Path, default=Path("corpus/wnut17"))
    parser.add_argument("--model", default="assets/minilm")
    parser.add_argument("--spacy", type=Path, default=Path("metrics/transformers/wnut17"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    torch.set_num_threads(1)
    record: dict[str, Any] = {"settings": SETTINGS, "versions": {}, "trainer": {}, "spacy": {}}
    if args.record.is_file():
        record = json.loads(args.record.read_text(encoding="utf8"))
    record["versions"] = {
        name: version(name) for name in ("spacy", "torch", "transformers", "accelerate")
    }
    for seed in args.seeds:
        for loss in LOSSES:
            runs = record["trainer"].setdefault(loss, {})
            if str(seed) not in runs:
                runs[str(seed)] = run(loss, seed, args.model, args.data)
            record["spacy"].setdefault(loss, {})[str(seed)] = of_spacy(args.spacy, loss, seed)
            write_json(args.record, record)
            for side in ("trainer", "spacy"):
                scores = record[side][loss][str(seed)]
                print(
                    side, loss, seed, scores["dev"]["ents_f"], scores["test"]["ents_f"], flush=True
                )
    for side in ("trainer", "spacy"):
        for loss in LOSSES:
            values = [record[side][loss][str(s)]["test"]["ents_f"] for s in args.seeds]
            print(
                side,
                loss,
                f"test F1 {100 * numpy.mean(values):.1f} ± {100 * numpy.std(values, ddof=1):.1f}",
            )


if __name__ == "__main__":
    main()
