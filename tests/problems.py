"""Data as `training.fit` takes them, made by a test."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Part:
    x: np.ndarray
    y: np.ndarray


@dataclasses.dataclass(frozen=True)
class Origin:
    rung: str = "sample"
    where: str = "made by the test"
    digest: str = "0"
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Problem:
    train: Part
    validation: Part
    source: Origin = Origin()
