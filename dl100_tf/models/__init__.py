"""Nets and blocks that two or more recipes use, and every registered Keras class."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["adversarial", "attention", "autoencoders", "games", "latents", "recurrent", "scratch",
                          "skipgram", "wordspace"],
    submod_attrs={"standards": ["letters"], "text": ["reads_characters", "reads_text"],
                  "vision": ["judges_views", "pass_on", "whiten"]})
