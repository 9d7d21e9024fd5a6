"""The weighted mean of the weights over the second half of a fit, in the place of the last ones."""

import torch
from skorch.callbacks import Callback

_SHARE = 0.5  # of the steps, the last ones, over which the mean is taken
_SNAPSHOTS = 50  # that it is taken of: more are no better, and take time


class WeightAverage(Callback):
    """Take the mean of the weights as training goes on, and put it in their place.

    The learning rate has not yet come down when the mean begins, so the weights move about a
    point that is better than each of them. Later snapshots count for more, linearly: a fit that
    is still learning loses nothing. Every epoch is judged by the mean so far, which is what a fit
    that ends there is left with; the next one goes on from the weights themselves.

    Parameters
    ----------
    n_steps : int
        Of the whole fit.

    References
    ----------
    P. Izmailov, D. Podoprikhin, T. Garipov, D. Vetrov, A. G. Wilson (2018). Averaging Weights
    Leads to Wider Optima and Better Generalization. UAI.

    O. Shamir, T. Zhang (2013). Stochastic Gradient Descent for Non-smooth Optimization:
    Convergence Results and Optimal Averaging Schemes. ICML.
    """

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def on_train_begin(self, net, **kwargs):
        """Begin without a mean; it gets its memory here, where none is short yet."""
        self.step_, self.n_averaged_ = 0, 0
        self.learning_ = [value for value in net.module_.parameters() if value.requires_grad]
        self.means_ = [value.detach().clone() for value in self.learning_]
        self.is_in_place_ = False

    def on_epoch_begin(self, net, **kwargs):
        """Go on from the weights themselves."""
        if self.is_in_place_:
            self._exchange()

    def on_batch_end(self, net, training=False, **kwargs):
        """Take a snapshot, if one is due."""
        if not training:
            return
        self.step_ += 1
        every = max(1, self.n_steps // _SNAPSHOTS)
        is_last = self.step_ == self.n_steps
        if self.step_ > (1 - _SHARE) * self.n_steps and (is_last or self.step_ % every == 0):
            self.n_averaged_ += 1
            share = 2 / (self.n_averaged_ + 1)  # the weight of this one, n, of all, 1 + ... + n
            with torch.no_grad():
                torch._foreach_lerp_(self.means_, self.learning_, share)

    def use(self):
        """Put the mean in the place of the weights, if there is one, until the next epoch."""
        if self.n_averaged_:
            self._exchange()

    def _exchange(self):
        """Let weights and mean change places, one after the other: no further memory is needed."""
        with torch.no_grad():
            for value, mean in zip(self.learning_, self.means_, strict=True):
                kept = value.clone()
                value.copy_(mean)
                mean.copy_(kept)
        self.is_in_place_ = not self.is_in_place_

    def state_dict(self):
        """Return what the steps to come depend on."""
        means = self.means_ if self.n_averaged_ else []
        return {"step": self.step_, "n_averaged": self.n_averaged_, "means": means}

    def load_state_dict(self, state):
        """Go on from a state."""
        self.step_, self.n_averaged_ = state["step"], state["n_averaged"]
        for mean, value in zip(self.means_, state["means"], strict=False):
            mean.copy_(value)
