"""Torch's threads: one for small steps, and their number given back."""

import threading

import pytest
import torch

from sk_pydelt.backends.pytorch.threads import SMALL_STEP, one_thread


@pytest.mark.usefixtures("two_threads")
def test_one_thread_is_for_small_steps_and_gives_the_number_back():
    with one_thread(SMALL_STEP):
        assert torch.get_num_threads() == 1
        with one_thread(1):
            assert torch.get_num_threads() == 1
        with one_thread(SMALL_STEP + 1):
            pass
    assert torch.get_num_threads() == 2
    with one_thread(SMALL_STEP + 1):
        assert torch.get_num_threads() == 2
    with pytest.raises(KeyboardInterrupt), one_thread(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_one_thread_gives_the_number_back_when_threads_overlap():
    inside, leave, counts = threading.Event(), threading.Event(), []

    def other():
        with one_thread(1):
            counts.append(torch.get_num_threads())
            inside.set()
            leave.wait(10)
        counts.append(torch.get_num_threads())

    thread = threading.Thread(target=other)
    with one_thread(1):
        thread.start()
        inside.wait(10)
    assert torch.get_num_threads() == 2
    leave.set()
    thread.join()
    assert counts == [1, 2]
    late = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    late.start()
    late.join()
    assert counts[-1] == 2
