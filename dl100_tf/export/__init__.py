"""A trained run as files for servers and phones, and the proof that they are the same model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["saved_model"], submod_attrs={
    "console": ["chosen", "summary"], "contract": ["exportable"], "publishing": ["load", "publish"]})
