"""Word vectors by skip-gram with negative sampling.

Idea    A word is known by the company it keeps: its vector learns to tell its neighbours from strangers.
Data    text8: 17 million words of Wikipedia; or IMDb's reviews, or a folder of texts.
Run     python -m dl100_tf.projects.word2vec_text8
Expect  36.4 ± 0.1 % of 10 608 analogies after 5.8 million words of IMDb, 5 epochs, 41 s of training on 2 cores
"""

from dataclasses import asdict, dataclass
from typing import Literal

from dl100_tf import cli, evaluation, training
from dl100_tf.data import analogies, corpus, vectors
from dl100_tf.errors import UserError
from dl100_tf.models import skipgram, wordspace

ASKED = ("good", "film", "king", "paris", "three", "red", "war", "music", "doctor", "walked", "king - man + woman",
         "paris - france + italy", "bigger - big + small", "went - go + see", "actress - woman + man",
         "films - film + book", "quickly - quick + slow", "best - good + bad")


@dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 5  # passes over the text; more than a finished run has extend it
    batch_size: int = 4  # blocks of 1024 words a step
    learning_rate: float = 0.025  # the largest learning rate
    schedule: cli.Schedule = "linear"  # how the learning rate moves
    keep: Literal["best", "last"] = "last"  # the vectors of the epoch with the least loss, or of the last
    corpus: Literal["text8", "imdb", "folder"] = "text8"  # the text; folder: the .txt files below --data-dir
    min_count: int = 5  # rarer words are left out
    dim: int = 100  # numbers a word becomes
    window: int = 5  # neighbours on each side, at most
    negatives: int = 5  # strangers for each true pair
    sample: float = 1e-3  # words that are a larger share of the text are thinned out; 0: none
    vectors: str = ""  # a file of word vectors (GloVe's or word2vec's text form) to judge, with nothing trained

    def __post_init__(self):
        super().__post_init__()
        if self.schedule == "plateau":
            raise UserError("--schedule plateau isn't made for this recipe: use linear, cosine or constant.")
        if self.window > skipgram.WIDEST:
            raise UserError(f"--window can't be {self.window}: it goes from 1 to {skipgram.WIDEST}.")


def load_data(config):
    """Running text as the numbers of its words, in blocks of 1024; with --vectors, the vectors of that file."""
    if config.vectors:
        return vectors.load(config.vectors)
    return corpus.load(config.source, config.data_dir, config.corpus, config.min_count)


def build_model(config, text):
    """Two vectors for each word, the first drawn, the second zero: see `models/skipgram.py`."""
    return skipgram.SkipGram(text.counts, config.dim, config.window, config.negatives, config.sample, config.seed)


def predict(model, config, words: str, *, count: int = 10) -> str:
    """The words nearest to a word, or to a sum of words: 'king - man + woman'.

    Args:
        count: how many
    """
    if count < 1:
        raise UserError(f"--count can't be {count}: ask for one word or more.")
    space = wordspace.from_model(model)
    return "\n".join(f"{cosine:7.3f}  {word}" for word, cosine in space.nearest(words, count))


def learn(config, text, run):
    """The loop: every step moves the vectors of the words in a batch, and of the strangers drawn for them."""
    net = build_model(config, text)
    loop = training.Loop(run, text, config, net.weights)
    with net.threads():
        for _ in loop:
            for words, texts in loop.batches():
                loop.add(loss=net.step(words, texts, loop.learning_rate, loop.step))
    return vectors.Vectors(text.words, net.weights["centres"])


def recipe(config, run):
    data = load_data(config)
    if config.vectors:
        run.pin_source(asdict(data.source))
    found = data.vectors if config.vectors else learn(config, data, run)
    found.write(run.path("vectors.txt"))
    run.save(wordspace.reads_words(found.words, found.matrix, "word2vec_text8"))
    space = wordspace.WordSpace(found.words, found.matrix)
    kinds = analogies.kinds(space)
    scores = evaluation.score_words(space, data, run, analogies.questions(space), kinds)
    evaluation.explain_words(space, run, ASKED, kinds)
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
