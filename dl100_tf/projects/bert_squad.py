"""Question answering on SQuAD with a pre-trained BERT.

Idea    A net that has read much text learns to point at the first and the last word of an answer.
Data    SQuAD 1.1: 87 599 questions on Wikipedia to learn from, 10 570 to be tested on.
Run     python -m dl100_tf.projects.bert_squad
Expect  F1 74.7 ± 0.2 on all test questions, 1 epoch, 1661 s of training on 2 cores
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dl100_tf import cli, evaluation, training
from dl100_tf.data import squad, windows
from dl100_tf.errors import UserError
from dl100_tf.models import bert, published

VERBS = {"score": evaluation.score_answers}


@dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 1  # passes over the training windows; more than a finished run has extend it
    batch_size: int = 16  # windows a step
    learning_rate: float = 2e-4  # the largest learning rate
    schedule: cli.Schedule = "one_cycle"  # how the learning rate moves: up for a fifth of the steps, then down
    encoder: str = ""  # folder of a published BERT, or hf://owner/name to download one; without it MiniLM's package
    questions: int = 15_000  # training questions at most, validation included; SQuAD has 87 599
    length: int = 384  # word pieces of a window: question and passage together
    overlap: int = 128  # word pieces that neighbouring windows of a long passage share at least
    train: Literal["all", "layers", "head"] = "layers"  # what learns: all, all but the word embeddings, the head
    dropout: float = 0.0  # part of the hidden values left out while training
    decay: float = 0.01  # weight decay


def reader(config):
    """The encoder's tokenizer."""
    folder = published.folder(config.encoder)
    return windows.tokenizer(folder / "vocab.txt", published.is_lower_case(folder))


def load_data(config):
    """Questions and passages as windows of word pieces; whole articles are held out for validation."""
    tokenizer = reader(config)  # first, as it's the part that may be missing
    questions = squad.load(config.source, config.data_dir, 0.02, config.seed, config.questions)
    return windows.cut_splits(questions, tokenizer, config.length, config.overlap)


def build_model(config):
    """Ids of word pieces (batch, length) in, logits of the answer's first and last piece (batch, 2, length) out."""
    import keras

    folder, vocabulary = published.folder(config.encoder), reader(config)
    settings = published.settings(folder)
    published.refuse_other_vocabulary(vocabulary.get_vocab_size(), settings.vocab_size, folder)
    if config.length > settings.max_position_embeddings:
        raise UserError(f"--length can't be {config.length}: the encoder reads {settings.max_position_embeddings} "
                        "pieces at most.")
    separator = vocabulary.token_to_id("[SEP]")
    encoder = bert.encoder(settings, separator, config.dropout)
    published.load_weights(encoder, settings, folder)
    encoder.trainable = config.train != "head"
    encoder.get_layer("words").trainable = config.train == "all"  # half of MiniLM's weights, known from more text
    net = bert.answers_questions(encoder, separator, "bert_squad")
    net.compile(optimizer=keras.optimizers.AdamW(config.learning_rate, config.decay, global_clipnorm=1.0),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")])
    return net


def predict(model, config, *, question: str, passage: Path):
    """The passage with the answer to a question marked in it.

    Args:
        question: in plain English
        passage: a text file that holds the answer
    """
    try:
        text = passage.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{passage} can't be read as UTF-8 text ({error}): name a text file.") from error
    vocabulary = reader(config)
    published.refuse_other_vocabulary(vocabulary.get_vocab_size(), model.get_layer("words").input_dim,
                                      published.folder(config.encoder))
    asked = windows.ask(vocabulary, question, text, config.length, config.overlap)
    [(answer, start, likely)] = asked.answers(bert.probabilities(model, asked.ids))
    return f"{windows.marked(text, start, answer).rstrip()}\n\n{answer}  ({likely:.1%})"


def recipe(config, run):
    data = load_data(config)
    folder = published.folder(config.encoder)
    run.pin("encoder files", published.digest(folder), str(folder))
    net = build_model(config)
    training.fit(net, data, run, config, padding=0)
    model = bert.gives_probabilities(net)
    run.save(model)
    run.write_text("vocab.txt", (folder / "vocab.txt").read_text(encoding="utf-8"))
    test = data.windows["test"]
    scores = evaluation.score_spans(test, bert.probabilities(model, test.ids), data, run)
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
