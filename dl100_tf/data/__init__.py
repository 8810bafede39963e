"""Datasets in, `Splits` out: one dataset per module, each with one `load()`; nothing heavy loads at import."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["characters", "cifar10", "drawn", "folders", "images", "imdb", "iris", "mnist", "samples", "scenes",
                "shakespeare", "sources", "text"],
    submod_attrs={"splits": ["Source", "Split", "Splits"]},
)
