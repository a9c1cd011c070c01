"""How the converter writes mixtures of experts: stacked by kind of matrix, gates and ups apart."""

from __future__ import annotations

import re
from typing import Any

import gguf
import numpy as np

from making.ggufs import Layout, LlamaLayout, Parameters

Part = tuple[str, Any, Any]
"""The tensor's name, the parameter's values in it, and how they go back into a whole parameter."""


class MixtureLayout(Layout):
    """`transposed` and `interleaved` say how transformers stores gates and ups."""

    transposed = False
    interleaved = False
    gating: gguf.ExpertGatingFuncType | None = None

    def metadata(self, writer: gguf.GGUFWriter, given: dict[str, Any]) -> None:
        super().metadata(writer, given)
        config = self.config
        writer.add_expert_count(self.experts)
        writer.add_expert_used_count(getattr(config, "moe_k", None) or config.num_experts_per_tok)
        if getattr(config, "n_group", None):
            writer.add_expert_group_count(config.n_group)
            writer.add_expert_group_used_count(config.topk_group)
        if self.gating:
            writer.add_expert_gating_func(self.gating)
        if width := self.expert_width():
            writer.add_expert_feed_forward_length(width)

    @property
    def experts(self) -> int:
        for name in ("moe_num_experts", "n_routed_experts", "num_local_experts", "num_experts"):
            if count := getattr(self.config, name, None):
                return count
        raise ValueError("no experts")

    def expert_width(self) -> int | None:
        return getattr(self.config, "moe_intermediate_size", None)

    def tensors(self, parameters: Parameters) -> Parameters:
        tensors: Parameters = {}
        for name, values in parameters.items():
            pieces = self.pieces(name)
            for piece, take, _ in pieces or [(self.name(name), lambda v: v, None)]:
                tensors[piece] = np.ascontiguousarray(take(self.stored(name, values)))
        return tensors

    def parameters(self, tensors: Parameters, shapes: dict[str, tuple[int, ...]]) -> Parameters:
        found: Parameters = {}
        for name, shape in shapes.items():
            pieces = self.pieces(name)
            if not pieces:
                values = tensors[self.name(name)]
            else:
                values = np.zeros(shape, np.float32)
                for piece, _, put in pieces:
                    put(values, tensors[piece])
            found[name] = self.restored(name, values).reshape(shape)
        return found

    def pieces(self, name: str) -> list[Part] | None:
        """`None`: the parameter is a tensor, under the name that the package gives it."""
        found = re.match(r"model\.layers\.(\d+)\.(.+)", name)
        if not found:
            return None
        block, rest = f"blk.{found[1]}.", found[2]

        def flip(values: np.ndarray) -> np.ndarray:
            return values.swapaxes(-1, -2) if self.transposed and "bias" not in rest else values

        ending = "bias" if rest.endswith("bias") else "weight"
        if ".experts.gate_up_proj" in rest:
            return [
                self.half(f"{block}ffn_{kind}_exps.{ending}", part, flip)
                for part, kind in enumerate(("gate", "up"))
            ]
        if ".experts.down_proj" in rest:
            return [whole(f"{block}ffn_down_exps.{ending}", flip)]
        if re.search(r"(mlp\.gate|router)\.(weight|bias)$", rest):
            return [whole(f"{block}ffn_gate_inp.{ending}")]
        if rest.endswith("e_score_correction_bias"):
            return [flat(f"{block}exp_probs_b.bias")]
        if rest.endswith("shared_expert_gate.weight"):
            return [flat(f"{block}ffn_gate_inp_shexp.weight")]
        if shared := re.search(r"shared_experts?\.(gate|up|down)_proj\.weight$", rest):
            return [whole(f"{block}ffn_{shared[1]}_shexp.weight")]
        if "shared_mlp.input_linear" in rest:
            return [
                self.half(f"{block}ffn_{kind}_shexp.weight", part, lambda v: v)
                for part, kind in enumerate(("gate", "up"))
            ]
        if "shared_mlp.output_linear" in rest:
            return [whole(f"{block}ffn_down_shexp.weight")]
        if rest.endswith("sinks"):
            return [whole(f"{block}attn_sinks.weight")]
        return None

    def half(self, piece: str, part: int, flip: Any) -> Part:
        """Gates or ups: rows after the others', or every second one."""
        is_bias = piece.endswith("bias")

        def chosen(values: np.ndarray) -> Any:
            size = values.shape[-1 if is_bias else -2]
            rows = slice(part, None, 2) if self.interleaved else slice(*halves(size)[part])
            return (..., rows) if is_bias else (..., rows, slice(None))

        def take(values: np.ndarray) -> np.ndarray:
            return flip(values)[chosen(flip(values))]

        def put(values: np.ndarray, stored: np.ndarray) -> None:
            flip(values)[chosen(flip(values))] = stored

        return piece, take, put


def halves(size: int) -> list[tuple[int, int]]:
    return [(0, size // 2), (size // 2, size)]


def whole(piece: str, flip: Any = lambda values: values) -> Part:
    def put(values: np.ndarray, stored: np.ndarray) -> None:
        flip(values)[...] = stored

    return piece, flip, put


def flat(piece: str) -> Part:
    def put(values: np.ndarray, stored: np.ndarray) -> None:
        values.reshape(-1)[...] = stored

    return piece, lambda values: values.reshape(-1), put


class LlamaMixtureLayout(MixtureLayout, LlamaLayout):
    """The same with reordered rows of queries and keys."""
