"""What `word2vec_text8` is measured against: gensim's skip-gram with the same settings on the same words.

    python benchmarks/peers_word2vec_text8.py gensim SEED

gensim (https://radimrehurek.com/gensim, extra `benchmark`) learns in compiled code, with a worker for each core. Its
time is that of `train` alone; the words are read and counted before. It is asked what our vectors are asked.
"""

import os
import time

import measuring

from dl100_tf import evaluation
from dl100_tf.data import analogies, corpus
from dl100_tf.models.wordspace import WordSpace
from dl100_tf.projects.word2vec_text8 import Config


def gensim(seed: int) -> dict:
    """Skip-gram with negative sampling, word for word the recipe's settings."""
    from gensim.models import Word2Vec

    config = Config()
    text = corpus.load("local", None, "imdb", config.min_count)
    numbers, texts = text.train.x.ravel(), text.train.y.ravel()
    sentences = [[] for _ in range(texts.max() + 1)]
    for number, at in zip(numbers.tolist(), texts.tolist(), strict=True):
        if number >= 0:
            sentences[at].append(text.words[number])
    model = Word2Vec(vector_size=config.dim, window=config.window, negative=config.negatives, sample=config.sample,
                     min_count=config.min_count, sg=1, alpha=config.learning_rate,
                     min_alpha=config.learning_rate / 100, workers=os.cpu_count(), seed=seed)
    model.build_vocab(sentences)
    start = time.perf_counter()
    model.train(sentences, total_examples=len(sentences), epochs=config.epochs)
    seconds = time.perf_counter() - start
    space = WordSpace(model.wv.index_to_key, model.wv.vectors)
    asked = list(analogies.questions(space))
    metrics, _ = evaluation.measure_words(space, asked, analogies.kinds(space))
    return {"analogies": metrics["analogies"], "n": len(asked), "seconds": round(seconds, 2), "metrics": metrics,
            "parameters": 2 * model.wv.vectors.size, "epochs": config.epochs,
            "words_per_second": round(int(text.counts.sum()) * config.epochs / seconds)}


if __name__ == "__main__":
    measuring.answer({"gensim": gensim})
