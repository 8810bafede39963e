"""The recipes of sequences and language, and what each is measured against, over several seeds.

    DL100_DATA=... python benchmarks/text.py --seeds 3 [--only rnn_weather ...] [--home FOLDER] [--write]

Real data only. Seeds are taken in turn (recipe, peer, recipe, ...). With --home, what was measured there is not
measured again, and an interrupted benchmark goes on; without it everything is measured, in a temporary folder.

`--write` records the results of the recipes measured, and gives each lesson its results.json and plots.
"""

import measuring
from measuring import Recipe

RECIPES: dict[str, Recipe] = {}

if __name__ == "__main__":
    measuring.main(__doc__, RECIPES)
