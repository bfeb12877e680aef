"""F1-oriented losses for spaCy pipelines and scikit-learn.

Nothing heavy is imported here: spaCy and Thinc find the losses and components through entry points.
"""

__version__ = "0.1.0"
