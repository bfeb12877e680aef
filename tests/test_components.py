"""Every component, against the stock one and by itself."""

import pytest
from pipelines import CASES, pipeline, train, weights

cases = pytest.mark.parametrize("case", CASES)


@cases
def test_bit_identical_to_the_stock_component(case):
    stock, ours = pipeline(case, stock=True), pipeline(case, CASES[case].stock_loss)
    train(stock), train(ours)
    assert weights(ours) == weights(stock)
    other = pipeline(case, "dice.DSC.v1")
    train(other)
    assert weights(other) != weights(stock)
