"""The gradients of several processes are summed while the rest of them is still being computed."""

_BUCKET = 2**21  # numbers that travel together: 8 MB in float32


class GradientSums:
    """The sums of gradients over all processes, each sent off as soon as it is complete.

    The backward pass goes from the head down, and so do the messages: parameters are gathered in
    buckets from the last to the first. A bucket leaves when all its gradients are there and those
    before it have left, so that all processes send in the same order. When a process is out of
    memory, and computes the batch again in smaller pieces, what has left stays: it is the same up
    to rounding.

    torch's DistributedDataParallel cannot take its place. Tried with torch 2.13: after a backward
    pass that fails when some buckets have left, its next forward pass raises "Expected to have
    finished reduction in the prior iteration", and the other processes wait for the rest. So no
    process could compute a batch again when its memory was full.

    Parameters
    ----------
    parameters : list of torch.nn.Parameter
        Those that learn, in the order of the forward pass.
    ranks : ProcessGroup
        The processes.
    """

    def __init__(self, parameters, ranks):
        self.ranks = ranks
        self.buckets = _in_buckets(parameters[::-1])
        self.bucket_of = {
            parameter: number for number, bucket in enumerate(self.buckets) for parameter in bucket
        }
        self.is_last = False
        self.sent = []  # of each bucket that has left: its parameters, and what is under way
        self.hooks = [
            parameter.register_post_accumulate_grad_hook(self._note) for parameter in parameters
        ]

    def start(self):
        """Expect the backward pass that completes the gradients of the batch."""
        self.is_last = True
        self.missing = [len(bucket) for bucket in self.buckets]

    def stop(self):
        """Expect no more: the backward pass has failed, or is over."""
        self.is_last = False

    def finish(self):
        """Send what has not left, wait for all, and replace each gradient by its sum."""
        self.stop()
        while len(self.sent) < len(self.buckets):
            self._send()
        for parameters, message in self.sent:
            sums = message.wait()
            for parameter, total in zip(parameters, sums, strict=True):
                parameter.grad.copy_(total)
        self.sent = []

    def close(self):
        """Leave the parameters as they were."""
        for hook in self.hooks:
            hook.remove()

    def _note(self, parameter):
        """Note that a gradient is there, and send what is complete."""
        if not self.is_last:
            return
        self.missing[self.bucket_of[parameter]] -= 1
        while len(self.sent) < len(self.buckets) and self.missing[len(self.sent)] == 0:
            self._send()

    def _send(self):
        """Send the next bucket: of parameters that took no part, there is nothing to send."""
        bucket = self.buckets[len(self.sent)]
        parameters = [parameter for parameter in bucket if parameter.grad is not None]
        message = self.ranks.start_sum([parameter.grad for parameter in parameters])
        self.sent.append((parameters, message))


def _in_buckets(parameters):
    """Return the parameters in lists of some megabytes each."""
    buckets, held = [[]], 0
    for parameter in parameters:
        if held >= _BUCKET:
            buckets.append([])
            held = 0
        buckets[-1].append(parameter)
        held += parameter.numel()
    return buckets
