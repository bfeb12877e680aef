"""The formulas once more: as naive loops, and as torch expressions for autograd."""

import math

import numpy
import pytest

WITHOUT_REDUCTION = (
    "cross_entropy",
    "focal",
    "asymmetric_focal",
    "generalized_cross_entropy",
    "squared_error",
)


def cell_loss(
    name, p, y, *, alpha=1.0, beta=0.5, smooth=1.0, focus=2.0, focus_positive=0.0, q=0.3, **_
):
    """Loss of one cell of a softmax as the paper writes it, for a hard or soft target."""
    if name == "cross_entropy":
        return -y * math.log(p) if y else 0.0
    if name == "focal":
        return -y * (1 - p) ** focus * math.log(p) if y else 0.0
    if name == "asymmetric_focal":
        return cell_loss("focal", p, y, focus=focus_positive)
    if name == "generalized_cross_entropy":
        return y * (1 - p**q) / q
    if name == "squared_error":
        return (p - y) ** 2 / 2
    num, den = ratio_terms(name, p, y, alpha, beta)
    return 1 - (num + smooth) / (den + smooth)


def ratio_terms(name, p, y, alpha, beta):
    if name == "dice":
        return 2 * p * y, p**2 + y**2
    u = (1 - p) ** alpha * p if name == "self_adjusting_dice" else p
    tp = (abs(u) + abs(y) - abs(u - y)) / 2
    if name == "tversky":
        return tp, tp + alpha * (p - tp) + beta * (y - tp)
    return 2 * tp, u + y


def naive_value(
    name, probs, targets, *, reduction="example", weights=None, class_weights=None, **k
):
    """The loss of softmax probabilities, cell by cell and class by class."""
    n, c = probs.shape
    weights = numpy.ones((n, c)) if weights is None else numpy.broadcast_to(weights, (n, c))
    class_weights = [1.0] * c if class_weights is None else class_weights
    if name in WITHOUT_REDUCTION or reduction == "example":
        return sum(
            weights[i, j]
            * class_weights[j]
            * cell_loss(name, float(probs[i, j]), float(targets[i, j]), **k)
            for i in range(n)
            for j in range(c)
        )
    smooth = k.get("smooth", 1.0)
    total = gold_total = present = 0.0
    for j in range(c):
        num = den = gold = 0.0
        for i in range(n):
            a, b = ratio_terms(
                name,
                float(probs[i, j]),
                float(targets[i, j]),
                k.get("alpha", 1),
                k.get("beta", 0.5),
            )
            num += weights[i, j] * a
            den += weights[i, j] * b
            gold += weights[i, j] * targets[i, j]
        total += class_weights[j] * (1 - (num + smooth) / (den + smooth))
        if class_weights[j] > 0:
            gold_total += gold
            present += min(gold, 1)
    rows = sum(max(weights[i]) for i in range(n))
    return total * max(rows, gold_total) / max(present, 1)


def logarithms(logits, exclusive):
    """``log p`` and ``log (1 - p)``, without the digits that 1 - p loses."""
    torch = pytest.importorskip("torch")
    if not exclusive:
        sigmoid = torch.nn.functional.logsigmoid
        return sigmoid(logits), sigmoid(-logits)
    log_p = torch.log_softmax(logits, 1)
    n = logits.shape[1]
    others = log_p[:, None, :].expand(-1, n, -1).masked_fill(torch.eye(n).bool(), -torch.inf)
    return log_p, torch.logsumexp(others, 2)


def torch_loss(
    name, logits, targets, *, exclusive, reduction="example", weights, class_weights, **k
):
    """The loss as a differentiable function of the logits, in float64."""
    torch = pytest.importorskip("torch")
    log_p, log_rest = logarithms(logits, exclusive)
    p, y = log_p.exp(), targets
    if name == "asymmetric_focal":
        cells = -class_weights * y * (k["focus_positive"] * log_rest).exp() * log_p
        if not exclusive:
            q = (p - k["margin"]).clamp(min=0)
            cells = cells - (1 - y) * q ** k["focus_negative"] * torch.log1p(-q)
        return (cells * weights).sum()
    if name in ("cross_entropy", "focal"):
        focus = k.get("focus", 0.0)
        cells = -class_weights * y * (focus * log_rest).exp() * log_p
        if not exclusive:
            cells = cells - (1 - y) * (focus * log_p).exp() * log_rest
        return (cells * weights).sum()
    if name == "generalized_cross_entropy":
        cells = class_weights * y * (1 - (k["q"] * log_p).exp())
        if not exclusive:
            cells = cells + (1 - y) * (1 - (k["q"] * log_rest).exp())
        return (cells / k["q"] * weights).sum()
    if name == "negative_entropy":
        cells = p * log_p if exclusive else p * log_p + (1 - p) * log_rest
        return (cells * weights).sum()
    if name == "squared_error":
        return (weights * class_weights * (p - y) ** 2 / 2).sum()
    smooth = k["smooth"]
    if name == "dice":
        num, den = 2 * p * y, p**2 + y**2
    elif name == "tversky":
        tp = torch.minimum(p, y)
        num, den = tp, tp + k["alpha"] * (p - tp) + k["beta"] * (y - tp)
    else:
        factor = (k["alpha"] * log_rest).exp()
        u = (factor.detach() if k.get("detach_weight") else factor) * p
        num, den = 2 * torch.minimum(u, y), u + y
    if reduction == "example":
        return (weights * class_weights * (1 - (num + smooth) / (den + smooth))).sum()
    num, den, gold = ((weights * x).sum(0) for x in (num, den, y))
    gold = gold * (class_weights > 0)
    rows = weights.max(1).values.sum()
    scale = torch.maximum(rows, gold.sum()) / gold.clamp(max=1).sum().clamp(min=1)
    return (scale * class_weights * (1 - (num + smooth) / (den + smooth))).sum()


def autograd(name, logits, targets, **k):
    """Value and gradient with respect to the logits, and the probabilities."""
    torch = pytest.importorskip("torch")
    k = {key: torch.tensor(v) if isinstance(v, numpy.ndarray) else v for key, v in k.items()}
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    loss = torch_loss(name, z, torch.tensor(targets), **k)
    loss.backward()
    p = torch.softmax(z, 1) if k["exclusive"] else torch.sigmoid(z)
    return loss.item(), z.grad.numpy(), p.detach().numpy()
