"""The generative and unsupervised recipes, and what each is measured against, over several seeds.

    DL100_DATA=... python benchmarks/generative.py --seeds 3 [--only gan_mnist ...] [--home FOLDER] [--write]

Real data only. With --home, what was measured there is not measured again, and an interrupted benchmark goes on;
without it everything is measured, in a temporary folder. Where a run of cnn_mnist on the same data is in HOME, it
judges what all seeds of a GAN make; else each run trains its own.

`--write` records the results of the recipes measured, and gives each lesson its results.json and plots.
"""

import measuring
import peers
from measuring import Recipe

SHOWN = "{:.2f} ± {:.2f} FID in cnn_mnist features"
DISTANCE = {"figure": "fid_in_cnn_mnist_features", "shown": SHOWN}

RECIPES: dict[str, Recipe] = {
    # its `metrics` tell how sure the classifier is, and of how many of each class
    "gan_mnist": Recipe(("made", "film", "film.gif", "walk", "learning"), ("dcgan",),
                        peers_file="peers_gan_mnist.py", once=("dcgan",), **DISTANCE),
    "gan_fashion": Recipe(("made", "film", "film.gif", "walk", "learning"), flags=("--conditional",),
                          **DISTANCE | {"shown": SHOWN + " with --conditional"}),
    "autoencoder_mnist": Recipe(  # its tables `bottlenecks` and `denoising` have PCA and the median filter
        ("restored", "codes-2", "codes-32"), figure="pca_ratio",
        shown="{:.3f} ± {:.3f} of PCA's test error with 32 numbers"),
    "anomaly_cifar10": Recipe(  # its table `classes` has the ways to tell, class by class
        ("curves", "extremes"), (), ("--weights", f"$DL100_DATA/{peers.WEIGHTS}"), "auroc_mean",
        "{:.4f} ± {:.4f} mean AUROC over ten normal classes"),
}

if __name__ == "__main__":
    measuring.main(__doc__, RECIPES)
