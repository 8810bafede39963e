"""A classifier that learns for a minute, to judge what a generator makes where no trained one is there."""

from dataclasses import replace

from dl100_tf.training.fit import fit
from dl100_tf.training.seeds import set_seeds

EPOCHS = 3


def teach_judge(net, data, run, config):
    """Build and train a classifier. It begins with the same weights whatever the recipe's seed.

    Args:
        net: builds it, of a picture's shape and the number of labels: `models.judges.net`.
        data: `Splits` of pictures, uint8 (n, h, w, c).
        run: the part of a run it is trained in: it can be killed and goes on there.
        config: the recipe's settings; how long and how fast it learns is replaced, and its last weights are taken.
    """
    set_seeds(0, config.deterministic)
    judge = net(data.train.x.shape[1:], len(data.labels))
    fit(judge, data, run, replace(
        config, seed=0, keep="last", patience=0, epochs=EPOCHS, batch_size=96, learning_rate=4e-3,
        schedule="one_cycle"))
    return judge
