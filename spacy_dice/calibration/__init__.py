"""Decisions that maximise a score on a dev set, put into the bias of trained pipelines."""

from .pipeline import Calibration, calibrate, calibrate_pipeline

__all__ = ["Calibration", "calibrate", "calibrate_pipeline"]
