"""The recipes of sequences and language, and what each is measured against, over several seeds.

    DL100_DATA=... python benchmarks/text.py --seeds 3 [--only rnn_weather ...] [--home FOLDER] [--write]

Real data only. Seeds are taken in turn (recipe, peer, recipe, ...). With --home, what was measured there is not
measured again, and an interrupted benchmark goes on; without it everything is measured, in a temporary folder.

`--write` records the results of the recipes measured, and gives each lesson its results.json and plots.
"""

import measuring
from measuring import Recipe

RECIPES: dict[str, Recipe] = {
    "rnn_shakespeare": Recipe(
        ("history",), ("nano_gpt",), figure="nats_per_character",
        shown="{:.3f} ± {:.3f} nats/character on the last tenth", peers_file="peers_rnn_shakespeare.py"),
    "rnn_weather": Recipe(  # its table `errors` has the baselines, by hours ahead
        figures=("errors", "forecasts", "history"), figure="mae",
        shown="{:.3f} ± {:.3f} °C mean absolute error"),
    "word2vec_text8": Recipe(
        ("map", "history"), ("gensim",), ("--corpus", "imdb"), "analogies",
        "{:.1f} ± {:.1f} % of 10 608 analogies after 5.8 million words of IMDb", "peers_word2vec_text8.py"),
    "lstm_agnews": Recipe(("history", "confusion"), ("linear",), peers_file="peers_lstm_agnews.py"),
    "transformer_agnews": Recipe(("history", "confusion", "attention")),
    "bert_squad": Recipe(
        ("history",), ("overlap", "untrained"), figure="f1", shown="F1 {:.1f} ± {:.1f} on all test questions",
        peers_file="peers_bert_squad.py", once=("overlap", "untrained")),
}

if __name__ == "__main__":
    measuring.main(__doc__, RECIPES)
