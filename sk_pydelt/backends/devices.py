"""What `device` means in every backend."""

import re

__all__ = ["gpu_number"]


def gpu_number(device: str, framework: str, n_gpus: int) -> int | None:
    """The number of the GPU that is asked for; None is the CPU.

    Parameters
    ----------
    device : str
        "cpu", "cuda", "cuda:1", ... or "auto".
    framework : str
        Its name, for the message.
    n_gpus : int
        How many GPUs the framework finds.

    Raises
    ------
    ValueError
        Another name, or a GPU where there is none.
    """
    if device == "cpu" or (device == "auto" and not n_gpus):
        return None
    if device != "auto" and not re.fullmatch(r"cuda(:\d+)?", device):
        raise ValueError(f"device must be 'cpu', 'cuda', 'cuda:1', ... or 'auto'; got {device!r}.")
    if not n_gpus:
        raise ValueError(
            f"device={device!r} needs an NVIDIA GPU and a CUDA build of {framework}, and "
            f"{framework} finds none here: use device='cpu', or 'auto' to take a GPU where there "
            "is one."
        )
    return int(device.partition(":")[2] or 0)
