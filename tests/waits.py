"""What of torch a GPU is waited for, counted on the processor."""

from torch.utils._python_dispatch import TorchDispatchMode


class Waits(TorchDispatchMode):
    """Counts constants brought to the device of tensors, and numbers read from there."""

    def __init__(self):
        super().__init__()
        self.brought = self.read = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.brought += "lift_fresh" in str(function)
        self.read += "_local_scalar_dense" in str(function)
        return function(*args, **kwargs or {})
