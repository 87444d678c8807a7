"""Convolutions for predicting on a processor: their weights lie as its kernels read them, and a ReLU is done in passing.

PyTorch alone brings the weights into that order each time it is asked, which takes a third of the time for one small picture (`LOG.md`).  The two
operators are those to which PyTorch's own compiler turns convolutions on a processor (`torch/_inductor/mkldnn_ir.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from photodiary.eyenet.regnety import Normed

MOST_ORDERS = 3  # sizes of pictures that a layer is ready for: crops, and whole photos, upright or not


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this build of PyTorch has what it takes, and this processor gains by it in `dtype`.

    One without AVX2 is up to twice as slow with it, one without AVX-512 cannot do it in bfloat16, and ARM's own library takes over the plain convolutions.
    """
    mkldnn: Any = torch.backends.mkldnn
    operators = torch.ops.mkldnn
    if not (mkldnn.is_available() and hasattr(operators, "_convolution_pointwise") and hasattr(_nn(), "mkldnn_reorder_conv2d_weight")):
        return False
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return False
    return dtype != torch.bfloat16 or bool(operators._is_mkldnn_bf16_supported())


def _nn() -> Any:
    return torch._C._nn


class Packed(nn.Module):
    """A convolution in `dtype`, what is added to it, and a ReLU where `active`; the order of the weights depends on the size of what they are laid on."""

    def __init__(self, conv: nn.Conv2d, dtype: torch.dtype, *, active: bool) -> None:
        super().__init__()
        self._dtype, self._active = dtype, active
        self._weight = conv.weight.detach().to(dtype)
        self._bias = None if conv.bias is None else conv.bias.detach().to(dtype)
        self._how: tuple[list[int], list[int], list[int], int] = (_pair(conv.padding), _pair(conv.stride), _pair(conv.dilation), conv.groups)
        self._orders: OrderedDict[tuple[int, int], Tensor] = OrderedDict()

    def forward(self, x: Tensor, plus: Tensor | None = None) -> Tensor:
        x = x.to(self._dtype)
        weight, convolved = self._ordered(x), torch.ops.mkldnn._convolution_pointwise
        answer: Tensor
        if plus is None:
            answer = convolved(x, weight, self._bias, *self._how, "relu" if self._active else "none", [], "")
        else:
            answer = convolved.binary(x, plus, weight, self._bias, *self._how, "add", 1.0, "relu" if self._active else None, [], "")
        return answer

    def _ordered(self, x: Tensor) -> Tensor:
        size = x.shape[2], x.shape[3]
        order = self._orders.pop(size, None)
        if order is None:
            order = _nn().mkldnn_reorder_conv2d_weight(self._weight.to_mkldnn(), *self._how, list(x.shape))
        self._orders[size] = order
        if len(self._orders) > MOST_ORDERS:
            self._orders.popitem(last=False)
        return order


def _pair(values: Any) -> list[int]:
    return [int(value) for value in values]


def pack(net: nn.Module, dtype: torch.dtype) -> None:
    """Make a network ready that is for predicting only, its batch norms folded: the same answers but for the rounding of sums."""
    for module in list(net.modules()):
        if isinstance(module, nn.Sequential) and [type(step) for step in module] == [nn.Conv2d, nn.Identity, nn.ReLU]:
            conv: Any = module[0]
            module[0], module[2] = Packed(conv, dtype, active=True), nn.Identity()
        for name, child in list(module.named_children()):
            if isinstance(child, Normed) and isinstance(child.bn, nn.Identity):
                setattr(module, name, Packed(child.conv, dtype, active=child.active))
            elif type(child) is nn.Conv2d and child.padding_mode == "zeros" and not isinstance(child.padding, str):
                setattr(module, name, Packed(child, dtype, active=False))
