"""`Trainer` with the losses: gradients under accumulation, three tasks, refusals."""

import pickle

import pytest
from tiny_transformer import save_bert

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("accelerate", reason="accelerate, which Trainer needs, is not installed")

from transformers import Trainer, TrainingArguments  # noqa: E402

from spacy_dice.torch import (  # noqa: E402
    CELoss,
    DSCLoss,
    F1Loss,
    QuestionAnsweringCollator,
    as_compute_loss_func,
)

# What torch and transformers do among themselves.
pytestmark = pytest.mark.filterwarnings("ignore")
LENGTH = 12


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("bert"))


def features(task, n=32):
    """Word pieces at random, of several lengths, with labels."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 20, (n, LENGTH), generator=generator)
    lengths = torch.randint(4, LENGTH + 1, (n,), generator=generator)
    mask = (torch.arange(LENGTH) < lengths[:, None]).long()
    labels = {
        "tokens": {
            "labels": torch.where(
                mask == 1, torch.randint(3, (n, LENGTH), generator=generator), -100
            )
        },
        "sequence": {"labels": torch.randint(3, (n,), generator=generator)},
        "labels": {"labels": (torch.rand(n, 3, generator=generator) < 0.4).float()},
        "soft": {"labels": torch.randn(n, 3, generator=generator).softmax(1)},
        "question": {
            # Beyond the window where it was cut off.
            "start_positions": torch.randint(LENGTH + 3, (n,), generator=generator),
            "end_positions": torch.randint(LENGTH + 3, (n,), generator=generator),
        },
    }[task]
    columns = {"input_ids": ids, "attention_mask": mask, **labels}
    return [{name: column[i] for name, column in columns.items()} for i in range(n)]


def model_of(task, bert):
    torch.manual_seed(0)
    kind = {"tokens": "TokenClassification", "question": "QuestionAnswering"}
    name = f"BertFor{kind.get(task, 'SequenceClassification')}"
    n_labels = 2 if task == "question" else 3
    return getattr(transformers, name).from_pretrained(bert, num_labels=n_labels)


class Recorder(torch.optim.SGD):
    """Keeps the gradients of the first step."""

    def step(self, closure=None):
        if not hasattr(self, "gradients"):
            self.gradients = [p.grad.clone() for g in self.param_groups for p in g["params"]]
        return super().step(closure)


def first_gradients(task, bert, folder, loss, size, accumulate):
    """The gradients of the first update, and the loss of an evaluation after it."""
    model = model_of(task, bert).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    optimizer = Recorder([p for p in model.parameters() if p.requires_grad], lr=0.0)
    data = features(task)
    trainer = Trainer(
        model,
        TrainingArguments(
            str(folder),
            per_device_train_batch_size=size,
            per_device_eval_batch_size=len(data),
            gradient_accumulation_steps=accumulate,
            max_steps=1,
            max_grad_norm=0,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            label_names=["labels"],
        ),
        train_dataset=data,
        eval_dataset=data,
        data_collator=QuestionAnsweringCollator() if task == "question" else None,
        compute_loss_func=as_compute_loss_func(loss),
        optimizers=(optimizer, None),
    )
    trainer.train()
    return optimizer.gradients, trainer.evaluate()["eval_loss"]


@pytest.mark.parametrize("task", ["tokens", "sequence", "labels", "soft", "question"])
def test_four_batches_of_eight_are_one_of_32(task, bert, tmp_path):
    loss = DSCLoss(activation="sigmoid" if task == "labels" else "softmax")
    expected, value = first_gradients(task, bert, tmp_path, loss, 32, 1)
    gradients, same = first_gradients(task, bert, tmp_path, loss, 8, 4)
    assert same == pytest.approx(value)
    assert any(g.abs().max() > 1e-4 for g in expected)
    for ours, theirs in zip(gradients, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("task", ["tokens", "sequence", "labels", "question"])
def test_cross_entropy_is_the_loss_of_the_model(task, bert):
    model = model_of(task, bert).eval()
    collate = QuestionAnsweringCollator()
    data = features(task)
    if task == "question":
        # The model has a mean of starts and one of ends, which is the same if none is missing.
        data = [x for x in data if max(x["start_positions"], x["end_positions"]) < LENGTH]
    batch = collate(data)
    labels = batch.pop("labels")
    with torch.no_grad():
        inputs = transformers.default_data_collator(data)
        if task == "labels":
            model.config.problem_type = "multi_label_classification"
        expected = model(**inputs).loss
        loss = CELoss(activation="sigmoid" if task == "labels" else "softmax")
        ours = as_compute_loss_func(loss)(model(**batch), labels)
    assert torch.allclose(ours, expected)


@pytest.mark.parametrize("task", ["tokens", "sequence", "labels", "soft"])
def test_what_the_trainer_counts_is_what_a_mean_divides_by(task, bert):
    model = model_of(task, bert).eval()
    batch = transformers.default_data_collator(features(task))
    labels = batch.pop("labels")
    loss = DSCLoss(activation="sigmoid" if task == "labels" else "softmax")
    func, outputs = as_compute_loss_func(loss), model(**batch)
    counted = (labels != -100).sum()  # as the Trainer does
    assert torch.allclose(func(outputs, labels, num_items_in_batch=counted), func(outputs, labels))


def test_positions_outside_the_window_are_ignored():
    data = features("question")
    labels = QuestionAnsweringCollator()(data)["labels"]
    starts = torch.stack([x["start_positions"] for x in data])
    assert torch.equal(labels[:, 0], torch.where(starts < LENGTH, starts, -100))
    assert (labels == -100).any()


def test_evaluation_does_not_count(bert, tmp_path):
    loss = F1Loss()
    first_gradients("tokens", bert, tmp_path, loss, 32, 1)
    fresh = F1Loss()
    data = QuestionAnsweringCollator()(features("tokens"))
    labels = data.pop("labels")
    model = model_of("tokens", bert).eval()
    fresh(model(**data).logits, labels)
    assert torch.allclose(loss.counts, fresh.counts, rtol=1e-4)


def test_the_function_can_be_pickled():
    func = pickle.loads(pickle.dumps(as_compute_loss_func(DSCLoss(alpha=0.5))))
    assert func.loss.alpha == 0.5


def test_refusals():
    with pytest.raises(ValueError, match=r"must be one of spacy_dice.torch"):
        as_compute_loss_func(torch.nn.CrossEntropyLoss())
    func = as_compute_loss_func(DSCLoss())
    with pytest.raises(ValueError, match=r"outputs must have logits.*got 'hidden'"):
        func({"hidden": torch.zeros(2, 3)}, torch.zeros(2))
    logits = torch.zeros(2, LENGTH)
    with pytest.raises(ValueError, match=r"shape \(2, 2\).*QuestionAnsweringCollator"):
        func({"start_logits": logits, "end_logits": logits}, torch.zeros(2).long())
    with pytest.raises(ValueError, match=r"has 'start_positions' but not 'end_positions'"):
        QuestionAnsweringCollator(lambda batch: batch)({"start_positions": torch.zeros(2)})
