"""One thread for small steps, and the number that was there before given back."""

import threading

import numpy as np
import pytest

from sk_pydelt.solvers.threads import OneThread, _blas, one_blas_thread


class Library:
    """Something with a number of threads."""

    def __init__(self):
        self.number = 4

    def write(self, number):
        self.number = number or 1


@pytest.fixture
def library():
    return Library()


@pytest.fixture
def one_thread(library):
    return OneThread(lambda: library.number, library.write, limit=100)


def test_one_thread_is_for_small_steps_and_gives_the_number_back(library, one_thread):
    with one_thread(99):
        assert library.number == 1
    assert library.number == 4
    with one_thread(101):
        assert library.number == 4
    with pytest.raises(RuntimeError, match="broken"), one_thread(1):
        raise RuntimeError("broken")
    assert library.number == 4


def test_the_number_is_given_back_by_the_last_to_leave(library, one_thread):
    inside, leave = threading.Event(), threading.Event()

    def other():
        with one_thread(1):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with one_thread(1):
        thread.start()
        inside.wait(10)
    assert library.number == 1
    leave.set()
    thread.join()
    assert library.number == 4


def test_a_number_set_meanwhile_stays(library, one_thread):
    with one_thread(1):
        library.write(3)
    assert library.number == 3
    with one_thread(1):
        assert library.number == 1
    assert library.number == 3


@pytest.mark.parametrize("where", ["read", "write"])
def test_an_interrupt_on_the_way_in_leaves_nothing_behind(library, where):
    calls = []

    def read():
        if where == "read" and not calls:
            calls.append(1)
            raise KeyboardInterrupt
        return library.number

    def write(number):
        library.write(number)
        if where == "write" and not calls:
            calls.append(1)
            raise KeyboardInterrupt

    one_thread = OneThread(read, write, limit=100)
    with pytest.raises(KeyboardInterrupt), one_thread(1):
        pass
    assert library.number == 4
    with one_thread(1):
        assert library.number == 1
    assert library.number == 4


@pytest.mark.parametrize("breaks", ["before", "after"])
def test_an_interrupt_on_the_way_out_leaves_nothing_behind(library, breaks):
    left = []

    def write(number):
        if number and not left:
            left.append(number)
            if breaks == "after":
                library.write(number)
            raise KeyboardInterrupt
        library.write(number)

    with pytest.raises(KeyboardInterrupt), OneThread(lambda: library.number, write, limit=100)(1):
        assert library.number == 1
    assert library.number == 4


def test_blas_is_on_one_thread_inside_and_as_before_afterwards():
    before = [blas.num_threads for blas in _blas()]
    assert before
    with one_blas_thread(1):
        assert {blas.num_threads for blas in _blas()} == {1}
        np.linalg.eigh(np.eye(50))
    assert [blas.num_threads for blas in _blas()] == before
