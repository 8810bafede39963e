"""A hundred days of deep learning with Keras and TensorFlow, each project taken the whole way.

Importing the package reads no disk, opens no socket and loads no TensorFlow.
"""

__version__ = "0.1.0"
