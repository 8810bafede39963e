"""Datasets in, `Splits` out: one dataset per module, each with one `load()`; nothing heavy loads at import."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["agnews", "analogies", "characters", "cifar10", "corpus", "dispatches", "drawn", "folders", "images",
                "imdb", "iris", "mnist", "passages", "pretrained", "samples", "scenes", "shakespeare", "sources",
                "squad", "tales", "text", "vectors", "windows"],
    submod_attrs={"splits": ["Source", "Split", "Splits"]},
)
