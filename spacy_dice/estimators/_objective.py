"""What a linear classifier minimises, as a value and a gradient on its parameters."""

import warnings
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning

from .. import functional
from .._types import Floats

# (probs, targets, weights, exclusive) -> value and gradient, as in `functional`.
Loss = Callable[..., tuple[float, Floats]]
# Features `(n, d)`, as they are after scikit-learn's checks.
Features: TypeAlias = Floats | sparse.csr_array | sparse.csr_matrix


class Term(NamedTuple):
    """A loss with its factor in a sum, and its settings."""

    loss: Loss
    factor: float
    settings: dict[str, float | str]


# The functions of the losses, and which settings each takes.
LOSSES: dict[str, tuple[Loss, tuple[str, ...]]] = {
    "ce": (functional.cross_entropy, ()),
    "focal": (functional.focal, ("focus",)),
    "dice": (functional.dice, ("smooth", "reduction")),
    "tversky": (functional.tversky, ("alpha", "beta", "smooth", "reduction")),
    # Not `detach_weight`, which makes a gradient that is not that of the value.
    "dsc": (functional.self_adjusting_dice, ("alpha", "smooth", "reduction")),
}


def probabilities(logits: Floats, exclusive: bool) -> Floats:
    """Softmax over columns that exclude each other, else the logistic function of each cell."""
    return softmax(logits, axis=1) if exclusive else expit(logits)


class LinearObjective:
    r"""The loss of linear logits plus a quadratic penalty, divided by the sum of the weights.

        ( sum_i L_i(X W^T + b) + 1/2 sum_kj precision_kj (W_kj - center_kj)^2 ) / sum of weights

    X: `(n, d)` floats, dense or CSR. targets: `(n, c)`. weights: `(n,)` or `(n, c)`.
    terms: the losses of the sum.
    center, precision: `(c, d)`, or `(c, d + 1)` with the intercepts last.

    The parameters are of the same shape as `center`, flat. See `functional` for `L`.
    """

    def __init__(
        self,
        X: Features,
        targets: Floats,
        weights: Floats,
        *,
        exclusive: bool,
        terms: list[Term],
        center: Floats,
        precision: Floats,
    ) -> None:
        self.X, self.targets, self.weights = X, targets, weights
        self.exclusive, self.terms = exclusive, terms
        self.center, self.precision = center, precision
        self.scale = 1 / functional.as_cells(weights).max(axis=1).sum()

    def probabilities(self, flat: Floats) -> Floats:
        """Probabilities `(n, c)` for flat parameters."""
        params = flat.reshape(self.center.shape)
        return probabilities(linear(self.X, params), self.exclusive)

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        """Value and gradient, flat."""
        probs = self.probabilities(flat)
        value, gradient = 0.0, numpy.zeros_like(probs)
        for loss, factor, settings in self.terms:
            part, part_gradient = loss(
                probs, self.targets, weights=self.weights, exclusive=self.exclusive, **settings
            )
            value += factor * part
            gradient += factor * part_gradient
        shift = flat.reshape(self.center.shape) - self.center
        pull = self.precision * shift
        total = self.scale * (value + 0.5 * float((pull * shift).sum()))
        return total, (self.scale * (pull + self._backprop(gradient))).ravel()

    def curvature(self, flat: Floats) -> Floats:
        """The diagonal of the Hessian of cross entropy, like `center`: sum_i w p (1-p) x^2."""
        probs = self.probabilities(flat)
        return self._backprop(functional.as_cells(self.weights) * probs * (1 - probs), squared=True)

    def _backprop(self, gradient: Floats, squared: bool = False) -> Floats:
        n_features, X = self.X.shape[1], self.X
        if squared:
            X = X * X if isinstance(X, numpy.ndarray) else X.multiply(X).tocsr()
        result: Floats = numpy.empty(self.center.shape)
        # For one column a product with a vector, which is faster.
        product = X.T @ (gradient[:, 0] if gradient.shape[1] == 1 else gradient)
        result[:, :n_features] = product.T
        if result.shape[1] > n_features:
            result[:, -1] = gradient.sum(axis=0)
        return result


def linear(X: Features, params: Floats) -> Floats:
    """``X W^T + b``, `(n, c)`."""
    n_features = X.shape[1]
    coef = params[:, :n_features]
    logits = (X @ coef[0])[:, None] if len(coef) == 1 else X @ coef.T
    return logits + params[:, -1] if params.shape[1] > n_features else logits


def descend(
    objective: LinearObjective, start: Floats, *, max_iter: int, tol: float, owner: str
) -> tuple[Floats, int]:
    """Minimise with L-BFGS.

    tol: it ends where the largest entry of the gradient is below.
    RETURNS: the parameters, like `start`, and the number of iterations.
    WARNS: ConvergenceWarning if it ends earlier.
    """
    found = minimize(
        objective,
        start.ravel(),
        method="L-BFGS-B",
        jac=True,
        options={
            "maxiter": max_iter,
            "maxls": 50,
            "gtol": tol,
            "ftol": 64 * numpy.finfo(float).eps,
        },
    )
    if found.status != 0:
        warnings.warn(
            f"{owner}: L-BFGS failed to converge after {found.nit} iterations "
            f"(status={found.status}): {found.message}. Increase max_iter (now {max_iter}), "
            f"scale the data, or raise ce_weight.",
            ConvergenceWarning,
            stacklevel=4,
        )
    return found.x.reshape(start.shape), int(found.nit)
