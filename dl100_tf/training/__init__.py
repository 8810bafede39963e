"""Training: the one `model.fit`, and what makes it survive whatever happens to the process."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["augment"], {
    "distribution": ["shared"], "fit": ["fit"], "interrupts": ["InterruptFlag"], "judge": ["teach_judge"],
    "loop": ["Loop"], "muon": ["Muon"], "seeds": ["set_seeds"], "snapshots": ["Snapshots"], "state": ["remembered"],
    "tensorboard": ["LookInside"]})
