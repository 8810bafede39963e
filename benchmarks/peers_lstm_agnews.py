"""What `lstm_agnews` is measured against: a linear model over words and word pairs, on the same stories.

`benchmarks/text.py` runs it in a process of its own: `python benchmarks/peers_lstm_agnews.py linear <seed>` prints its
result as JSON.
"""

import time

import measuring
import numpy as np


def linear(seed: int) -> dict:
    """TF-IDF of words and word pairs, logistic regression with balanced classes, its C chosen on the validation part.

    It reads the texts made alike as the recipe makes them, and with the C chosen it learns from all training stories,
    the validation part back among them, which the recipe does not.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from dl100_tf.data import agnews
    from dl100_tf.models import letters

    stories = agnews.load("local", validation=0.05, seed=seed)
    texts = {name: [text.decode() for text in letters(list(part.x)).numpy()] for name, part in stories.parts().items()}

    def fitted(c, names):
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\S+")
        x = words.fit_transform([text for name in names for text in texts[name]])
        y = np.concatenate([stories.parts()[name].y for name in names])
        model = LogisticRegression(C=c, class_weight="balanced", max_iter=500).fit(x, y)
        return lambda name: model.score(words.transform(texts[name]), stories.parts()[name].y), model.coef_.size + 4

    best = max((3, 10, 30), key=lambda c: fitted(c, ["train"])[0]("validation"))
    start = time.monotonic()
    score, parameters = fitted(best, ["train", "validation"])
    seconds = time.monotonic() - start
    return {"accuracy": score("test"), "seconds": seconds, "parameters": parameters, "epochs": None,
            "n": len(stories.test)}


if __name__ == "__main__":
    measuring.answer({"linear": linear})
