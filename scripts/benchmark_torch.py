"""Speed, memory and finiteness of `spacy_dice.torch`, on one thread of a CPU.

Each loss, forward and backward, against what one would write oneself (the formula in PyTorch
operations, differentiated by autograd) and, for self-adjusting Dice, against the formula as the
paper's authors published it (a loop over the classes, each a binary problem). The three take
turns, so that what else the machine does falls on all. Speeds compare the least CPU time of each,
which is what a step needs where nothing else is in the way; its median is recorded, too. Memory is
the peak of what PyTorch's allocator holds above what it held before.

    python scripts/benchmark_torch.py --record metrics/torch/benchmark.json
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from spacy_dice._files import write_json
from spacy_dice.torch import (
    CELoss,
    DiceLoss,
    DSCLoss,
    F1Loss,
    FocalLoss,
    Loss,
    MacroF1Loss,
    TverskyLoss,
    WCELoss,
)

SHAPES = [(512, 9), (4096, 20), (4096, 64)]
Formula = Callable[[Tensor, Tensor], Tensor]


def of_ratio(num: Tensor, den: Tensor, smooth: float = 1.0) -> Tensor:
    """The mean over rows of ``sum(1 - (num + smooth) / (den + smooth))``."""
    return (1 - (num + smooth) / (den + smooth)).sum(1)


def hard(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities and one-hot targets."""
    return logits.softmax(1), one_hot(ids, logits.shape[1]).to(logits.dtype)


def ce(logits: Tensor, ids: Tensor) -> Tensor:
    """PyTorch's own."""
    return cross_entropy(logits, ids)


def wce(logits: Tensor, ids: Tensor) -> Tensor:
    """Cross entropy with the paper's weights, counted over the batch."""
    counts = torch.bincount(ids, minlength=logits.shape[1]).clamp(min=1).to(logits.dtype)
    weights = torch.log10((len(ids) - counts) / counts + 10)
    return cross_entropy(logits, ids, weight=weights, reduction="sum") / len(ids)


def focal(logits: Tensor, ids: Tensor) -> Tensor:
    """Focal loss plus half of cross entropy."""
    log_p = logits.log_softmax(1).gather(1, ids[:, None])
    return (-(1 - log_p.exp()) * log_p).mean() + 0.5 * cross_entropy(logits, ids)


def dice(logits: Tensor, ids: Tensor) -> Tensor:
    """Dice loss plus cross entropy."""
    p, y = hard(logits, ids)
    return of_ratio(2 * p * y, p**2 + y**2).mean() + cross_entropy(logits, ids)


def tversky(logits: Tensor, ids: Tensor) -> Tensor:
    """Tversky loss plus cross entropy."""
    p, y = hard(logits, ids)
    tp, fp, fn = p * y, p * (1 - y), (1 - p) * y
    return of_ratio(tp, tp + 0.5 * fp + 0.5 * fn).mean() + cross_entropy(logits, ids)


def dsc_rows(logits: Tensor, ids: Tensor, ce_weight: float) -> Tensor:
    """Self-adjusting Dice plus cross entropy, of rows."""
    p, y = hard(logits, ids)
    u = (1 - p) ** 1.0 * p
    return of_ratio(2 * u * y, u + y) + ce_weight * cross_entropy(logits, ids, reduction="none")


def dsc(logits: Tensor, ids: Tensor) -> Tensor:
    """Self-adjusting Dice plus twice cross entropy."""
    return dsc_rows(logits, ids, 2.0).mean()


def dsc_half(logits: Tensor, ids: Tensor) -> Tensor:
    """The same with alpha = 0.5, which autograd may make NaN of."""
    p, y = hard(logits, ids)
    u = (1 - p) ** 0.5 * p
    return of_ratio(2 * u * y, u + y).mean() + 2 * cross_entropy(logits, ids)


def dsc_batch(logits: Tensor, ids: Tensor) -> Tensor:
    """One ratio per class over the batch, plus twice cross entropy."""
    p, y = hard(logits, ids)
    u = (1 - p) ** 1.0 * p
    ratio = (2 * (u * y).sum(0) + 1) / (u.sum(0) + y.sum(0) + 1)
    scale = 1 / y.sum(0).clamp(max=1).sum()
    return (1 - ratio).sum() * scale + 2 * cross_entropy(logits, ids)


def counts_of(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """tp, what is predicted, and what is gold, of each class."""
    with torch.no_grad():
        p, y = hard(logits, ids)
        return (p * y).sum(0), p.sum(0), y.sum(0)


def f1(logits: Tensor, ids: Tensor) -> Tensor:
    """DSC with negatives weighted by F / (2 - F) of the batch."""
    tp, guessed, gold = (x[1:].sum() for x in counts_of(logits, ids))
    reached = 2 * tp / (guessed + gold)
    weight = torch.where(ids == 0, (reached / (2 - reached)).clamp(min=0.05), 1.0)
    return (dsc_rows(logits, ids, 0.3) * weight).mean()


def macro_f1(logits: Tensor, ids: Tensor) -> Tensor:
    """DSC with rows weighted by their class's part in macro F1, tempered."""
    tp, guessed, gold = counts_of(logits, ids)
    support = (guessed + gold).clamp(min=1)
    weights = ((2 - 2 * tp / support) / support) ** 0.25
    weights = weights * gold.sum() / (gold * weights).sum()
    return (dsc_rows(logits, ids, 1.0) * weights[ids]).mean()


def published(logits: Tensor, ids: Tensor) -> Tensor:
    """Self-adjusting Dice as the paper's authors publish it, plus twice cross entropy.

    A loop over the classes; each is a binary problem of the probability of the class.
    """
    p, y = hard(logits, ids)
    total = logits.new_zeros(len(logits))
    for c in range(logits.shape[1]):
        of_class, gold = p[:, c].reshape(-1, 1), y[:, c].reshape(-1, 1)
        u = (1 - of_class) ** 1.0 * of_class
        overlap = (u * gold).sum(1)
        total = total + 1 - (2 * overlap + 1) / (u.sum(1) + gold.sum(1) + 1)
    return total.mean() + 2 * cross_entropy(logits, ids)


# Ours, what one would write, and what was published.
LOSSES: dict[str, tuple[Callable[[], Loss], Formula, Formula | None]] = {
    "CELoss": (CELoss, ce, None),
    "WCELoss": (WCELoss, wce, None),
    "FocalLoss": (FocalLoss, focal, None),
    "DiceLoss": (DiceLoss, dice, None),
    "TverskyLoss": (TverskyLoss, tversky, None),
    "DSCLoss": (DSCLoss, dsc, published),
    "DSCLoss(alpha=0.5)": (lambda: DSCLoss(alpha=0.5), dsc_half, None),
    "DSCLoss(over='batch')": (lambda: DSCLoss(over="batch"), dsc_batch, None),
    "F1Loss": (F1Loss, f1, None),
    "MacroF1Loss": (MacroF1Loss, macro_f1, None),
}


def gradient_of(leaf: Tensor) -> Tensor:
    """What backward left."""
    assert leaf.grad is not None
    return leaf.grad


def step(loss: Formula, logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Forward and backward."""
    z = logits.detach().requires_grad_()
    value = loss(z, ids)
    value.backward()
    return value.detach(), gradient_of(z)


def seconds(loss: Formula, logits: Tensor, ids: Tensor) -> float:
    """CPU time of one step."""
    started = time.thread_time()
    step(loss, logits, ids)
    return time.thread_time() - started


def peak_bytes(loss: Formula, logits: Tensor, ids: Tensor) -> int:
    """The most that PyTorch's allocator held in a step, above what it held before."""
    step(loss, logits, ids)
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        step(loss, logits, ids)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf8"))["traceEvents"]
    changes = sorted((e["ts"], e["args"]["Bytes"]) for e in events if e.get("name") == "[memory]")
    held = peak = 0
    for _, change in changes:
        held += change
        peak = max(peak, held)
    return peak


def compared(name: str, n: int, c: int, repeats: int) -> dict[str, Any]:
    """Times and memory of a loss, with what it is compared to."""
    make, naive, other = LOSSES[name]
    formulas: dict[str, Formula] = {"ours": make(), "autograd": naive}
    if other is not None:
        formulas["published"] = other
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(n, c, generator=generator)
    ids = torch.randint(c, (n,), generator=generator)
    fresh = make()
    value, gradient = step(fresh, logits, ids)
    for key in formulas:
        if key != "ours":
            expected, by_autograd = step(formulas[key], logits, ids)
            assert torch.allclose(value, expected, rtol=1e-4), (name, key, value, expected)
            assert torch.allclose(gradient, by_autograd, atol=1e-6), (name, key)
    times: dict[str, list[float]] = {key: [] for key in formulas}
    order = list(formulas)
    for i in range(repeats + 10):
        # To and fro, as who comes after a large one finds less in the caches.
        order.reverse()
        for key in order:
            elapsed = seconds(formulas[key], logits, ids)
            if i >= 10:
                times[key].append(elapsed)
    record: dict[str, Any] = {"shape": [n, c], "repeats": repeats}
    for key, formula in formulas.items():
        record[key] = {
            "microseconds": round(1e6 * min(times[key]), 1),
            "median_microseconds": round(1e6 * statistics.median(times[key]), 1),
            "kibibytes": round(peak_bytes(formula, logits, ids) / 1024, 1),
        }
        if key != "ours":
            record[key]["speed_of_ours"] = round(min(times[key]) / min(times["ours"]), 2)
    return record


def finite_cells(cells: int = 1_000_000) -> dict[str, Any]:
    """How many gradients of cells with p at 0 and at 1 are not finite, for alpha from 0 to 5.

    Logits are 20 to 10,000 apart, so that p is 0 or 1, or nearly so, in float32.
    """
    counted: dict[str, Any] = {"cells": 0, "cases": []}
    rows = cells // 10
    for activation in ("softmax", "sigmoid"):
        for alpha in (0.0, 0.01, 0.1, 0.3, 0.5, 0.9, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0):
            for smooth in (0.0, 1.0):
                for dtype in ("float32", "bfloat16 autocast"):
                    generator = torch.Generator().manual_seed(0)
                    spread = 20 * 500 ** torch.rand(rows, 10, generator=generator)
                    signs = torch.randn(rows, 10, generator=generator).sign()
                    ids = torch.randint(10, (rows,), generator=generator)
                    loss = DSCLoss(alpha=alpha, smooth=smooth, ce_weight=0.0, activation=activation)
                    z = (signs * spread).requires_grad_()
                    with torch.autocast("cpu", torch.bfloat16, enabled="auto" in dtype):
                        # Logits that come out of a layer are bfloat16 under autocast.
                        logits = torch.nn.functional.linear(z, torch.eye(10))
                        value = loss(logits, ids)
                    value.backward()
                    wrong = int((~gradient_of(z).isfinite()).sum()) + int(not value.isfinite())
                    counted["cells"] += z.numel()
                    counted["cases"].append([activation, alpha, smooth, dtype, wrong])
    counted["not_finite"] = sum(case[-1] for case in counted["cases"])
    naive = torch.tensor([[30.0, -30.0]]).repeat(10, 1).requires_grad_()
    dsc_half(naive, torch.zeros(10, dtype=torch.long)).backward()
    counted["not_finite_by_autograd_alpha_0.5"] = int((~gradient_of(naive).isfinite()).sum())
    return counted


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", type=Path, default=Path("metrics/torch/benchmark.json"))
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--losses", nargs="+", choices=list(LOSSES), default=list(LOSSES))
    parser.add_argument("--cells", type=int, default=1_000_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    record: dict[str, Any] = {
        "versions": {"torch": version("torch")},
        "threads": 1,
        "losses": {},
    }
    for name in args.losses:
        record["losses"][name] = []
        for n, c in SHAPES:
            row = compared(name, n, c, args.repeats)
            record["losses"][name].append(row)
            print(name, json.dumps(row), flush=True)
    if args.cells:
        record["finite"] = finite_cells(args.cells)
        print("not finite", record["finite"]["not_finite"], "of", record["finite"]["cells"])
    write_json(args.record, record)


if __name__ == "__main__":
    main()
