"""`python -m dl100_tf` is `dl100`."""

from dl100_tf.cli import dl100

if __name__ == "__main__":
    dl100()
