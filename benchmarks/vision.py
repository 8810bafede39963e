"""The seven recipes of foundations and vision, and what each is measured against, over several seeds.

    DL100_DATA=... python benchmarks/vision.py --seeds 3 [--only cnn_mnist ...] [--home FOLDER] [--write]

Real data only: MNIST, CIFAR-10 (JPEG q75 where the files' checksums aren't the published ones), dogs10. Seeds are taken
in turn (recipe, peer, recipe, ...). With --home, what was measured there is not measured again, and an interrupted
benchmark goes on; without it everything is measured, in a temporary folder.

`--write` records the results of the recipes measured, and gives each lesson its results.json and plots.
"""

import measuring
import peers
from measuring import Recipe

RECIPES = {
    "perceptron_points": Recipe(("boundary", "xor_perceptron", "xor_network", "activations")),
    "numpy_mnist": Recipe(("history", "confusion"), ("keras_twin", "gradients")),
    "mlp_mnist": Recipe(("history", "confusion", "first_layer")),
    "cnn_mnist": Recipe(("history", "confusion", "filters", "feature_maps"), ("keras_example",)),
    "cnn_cifar10": Recipe(("history", "confusion"), ("textbook_cnn",)),
    "augmented_cifar10": Recipe(("gap", "history")),
    "transfer_dogs": Recipe(("history", "confusion"), ("without_cache",),
                            ("--weights", f"$DL100_DATA/{peers.WEIGHTS}", "--scratch")),
}

if __name__ == "__main__":
    measuring.main(__doc__, RECIPES)
