"""Memory is given back while the server runs, and no longer."""

import threading

from dl100_tf.serving import memory


class Library:
    """Stands for glibc, and counts what it is asked."""

    def __init__(self):
        self.trimmed, self.asked = threading.Event(), []

    def mallopt(self, setting, value):
        self.asked.append((setting, value))

    def malloc_trim(self, kept):
        assert kept == 0
        self.trimmed.set()


def test_it_is_given_back_until_the_server_stops(monkeypatch):
    library, stop = Library(), threading.Event()
    monkeypatch.setattr(memory, "_library", lambda: library)
    monkeypatch.setattr(memory, "SECONDS", 0.01)
    thread = threading.Thread(target=memory.give_back, args=(stop,))
    thread.start()
    assert library.trimmed.wait(30)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_threads_share_one_part(monkeypatch):
    library = Library()
    monkeypatch.setattr(memory, "_library", lambda: library)
    memory.share()
    assert library.asked == [(memory.ARENA_MAX, memory.ARENAS)]


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory, "_library", lambda: None)
    memory.share()
    memory.give_back(threading.Event())  # ends at once
