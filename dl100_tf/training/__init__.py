"""Training: the one `model.fit`, and what makes it survive whatever happens to the process."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, ["augment"], {"fit": ["fit"], "loop": ["Loop"], "seeds": ["set_seeds"], "interrupts": ["InterruptFlag"],
                            "judge": ["teach_judge"], "muon": ["Muon"], "snapshots": ["Snapshots"],
                            "state": ["remembered"], "tensorboard": ["LookInside"]})
