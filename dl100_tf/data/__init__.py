"""Datasets in, `Splits` out: one dataset per module, each with one `load()`; nothing heavy loads at import."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["cifar10", "drawn", "folders", "images", "imdb", "iris", "mnist", "passages", "samples", "sources",
                "squad", "text", "windows"],
    submod_attrs={"splits": ["Source", "Split", "Splits"]},
)
