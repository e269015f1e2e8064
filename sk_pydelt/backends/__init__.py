"""Neural networks of one framework each, behind the same four functions.

A backend has ``fit_net(settings, X, y, sample_weight)``, ``predict_net(net, X)``,
``propagate_net(net, jet)`` and ``loss_curves(net)``. Each is imported when it is used.
"""
