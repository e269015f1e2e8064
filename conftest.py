"""Without TensorFlow, the files of its backend cannot be imported for their doctests."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("tensorflow") else ["sk_pydelt/backends/tensorflow/*"]
