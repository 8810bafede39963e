"""What a trained model is worth, measured once and shown: `score`, `plot`, `explain_text`, `report`.

The four are called in this order at the end of a recipe; each reads what the one before left in the run directory,
so any of them can be called again later. Nothing heavy loads before the first is used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "findings": ["explain_text"],
    "plots": ["plot"],
    "reports": ["report"],
    "scores": ["score"],
})
