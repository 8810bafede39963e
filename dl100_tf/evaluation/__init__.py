"""What a trained model is worth, measured once and shown: `score`, `plot`, an explanation or two, `report`.

They are called in this order at the end of a recipe (one that is no classifier measures itself, and calls `record` in
place of `score`); each reads what the one before left in the run directory, so any
of them can be called again later. Between `score` and `report` a recipe can add tables (`table`, `compare`) and figures
(`figure`, and all that begin with `draw_`) of its own. Nothing heavy loads before the first is used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "activations": ["draw_activations"],
    "anomalies": ["auroc", "compare_ways", "draw_extremes"],
    "answers": ["score_answers", "score_spans"],
    "attention": ["draw_attention", "readable"],
    "boundaries": ["draw_boundary"],
    "charts": ["chart"],
    "comparisons": ["compare", "draw_gap"],
    "curves": ["draw_curves"],
    "figures": ["figure"],
    "films": ["compare_games", "draw_film", "explain_generator"],
    "findings": ["explain_text"],
    "forecasts": ["forecast"],
    "generated": ["judge_epochs", "pixels", "score_pictures"],
    "judging": ["Judge", "known_judge"],
    "latent": ["draw_latent"],
    "layers": ["draw_layers"],
    "pictures": ["draw_pictures", "explain_images", "overlay"],
    "plots": ["plot"],
    "reports": ["report"],
    "restoration": ["error", "restore"],
    "saliency": ["grad_cam"],
    "scores": ["record", "score"],
    "searches": ["explain_search"],
    "tables": ["table"],
    "words": ["explain_words", "measure_words", "score_words"],
})
