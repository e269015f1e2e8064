"""Names of parametrised cases."""


def name(value):
    """What a case is called: without addresses, which differ from process to process."""
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return (
        " ".join(f"{k}={name(v)}" for k, v in value.items())
        if isinstance(value, dict)
        else str(value)
    )
