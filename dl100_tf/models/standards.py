"""How texts are made alike before they are split into words: functions that a saved tokenizer names.

Keras reads a model file only if what it names is registered, so `Run.load_model` imports this module first.
"""

import keras
import tensorflow as tf

DROPPED = r"[!-/0-9:-@\[-`{-~]"  # ASCII digits and punctuation


@keras.saving.register_keras_serializable("dl100_tf")
def letters(texts):
    """Turn A-Z into lower case, and put a blank for each ASCII digit and punctuation mark; other scripts stay.

    So *asia's*, *asia #39;s* and *asia s* are the same two words.

    Args:
        texts: string tensor of any shape.
    """
    return tf.strings.regex_replace(tf.strings.lower(texts), DROPPED, " ")
