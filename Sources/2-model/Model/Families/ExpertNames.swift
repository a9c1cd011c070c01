// What files call the tensors of experts and of latent attention.

/// Where a family's Hugging Face files keep its experts.
struct ExpertNames {
  /// The feed-forward part of a layer: in published files, then in what transformers 5 makes of them.
  var blocks = ["mlp"]
  var gate = "gate_proj"
  var up = "up_proj"
  var down = "down_proj"
  var router = ["gate.weight"]
  var correction = ["gate.e_score_correction_bias"]
  var shared = "shared_experts"
  var sharedScale = "shared_expert_gate"
}

extension TensorNames {
  /// The same with experts that each have their tensors, or lie stacked in two as transformers 5 has
  /// them in memory: gates before ups, and downs.
  func experts(_ names: ExpertNames = ExpertNames()) -> TensorNames {
    with { weight, layer, architecture in
      guard let layer, let experts = architecture.layers[layer].experts else { return nil }
      func anyOf(_ sources: (_ place: String) -> [TensorSource]) -> TensorSource {
        let all = names.blocks.flatMap { sources("model.layers.\(layer).\($0).") }
        var source = all[0]
        source.alternatives = Array(all.dropFirst())
        return source
      }
      func each(_ name: String, stack: String, _ arrangement: TensorSource.Arrangement)
        -> TensorSource
      {
        let expert = weight.expert ?? 0
        return anyOf { place in
          [
            TensorSource("\(place)experts.\(expert).\(name).weight"),
            TensorSource(
              "\(place)experts.\(stack)", arrangement, slice: .init(expert, of: experts.count)),
          ]
        }
      }
      let width = experts.intermediateSize
      switch weight.role {
      case .router: return anyOf { place in names.router.map { TensorSource(place + $0) } }
      case .routerCorrection:
        return anyOf { place in names.correction.map { TensorSource(place + $0) } }
      case .expertGate:
        return each(names.gate, stack: "gate_up_proj", .rows(first: 0, total: 2 * width))
      case .expertUp:
        return each(names.up, stack: "gate_up_proj", .rows(first: width, total: 2 * width))
      case .expertDown: return each(names.down, stack: "down_proj", .whole)
      case .sharedGate: return anyOf { [TensorSource("\($0)\(names.shared).gate_proj.weight")] }
      case .sharedUp: return anyOf { [TensorSource("\($0)\(names.shared).up_proj.weight")] }
      case .sharedDown: return anyOf { [TensorSource("\($0)\(names.shared).down_proj.weight")] }
      case .sharedScale: return anyOf { [TensorSource("\($0)\(names.sharedScale).weight")] }
      default: return nil
      }
    }
  }

  /// The same with experts as llama.cpp stacks them: a tensor for each kind of matrix, gates and ups
  /// sometimes in one, in its first files a tensor an expert.
  func stackedExperts() -> TensorNames {
    with { weight, layer, architecture in
      guard let layer else { return nil }
      let place = "blk.\(layer)."
      if weight.role == .sinks { return TensorSource(place + "attn_sinks.weight") }
      guard let experts = architecture.layers[layer].experts, let expert = weight.expert else {
        return nil
      }
      let (width, slice) = (
        experts.intermediateSize, TensorSource.Slice(expert, of: experts.count)
      )
      let ending = weight.form == .bias ? "bias" : "weight"
      func stacked(_ name: String, first: Int? = nil) -> TensorSource {
        let source = TensorSource("\(place)\(name)_exps.\(ending)", slice: slice)
          .or(TensorSource("\(place)\(name).\(expert).\(ending)"))
        guard let first else { return source }
        return source.or(
          TensorSource(
            "\(place)ffn_gate_up_exps.\(ending)", .rows(first: first, total: 2 * width),
            slice: slice))
      }
      switch weight.role {
      case .expertGate: return stacked("ffn_gate", first: 0)
      case .expertUp: return stacked("ffn_up", first: width)
      case .expertDown: return stacked("ffn_down")
      default: return nil
      }
    }
  }

  /// The same with latent attention as llama.cpp names it: keys, transposed, and values of all heads
  /// apart, in its first files together.
  func latent() -> TensorNames {
    with { weight, layer, architecture in
      guard let layer, let attention = architecture.layers[layer].latentAttention else {
        return nil
      }
      let place = "blk.\(layer)."
      switch weight.role {
      case .query where attention.queryRank != nil:
        return TensorSource("\(place)attn_q_a.\(weight.form == .bias ? "bias" : "weight")")
      case .queryNorm: return TensorSource(place + "attn_q_a_norm.weight")
      case .keyValueUp:
        return TensorSource(
          [place + "attn_k_b.weight", place + "attn_v_b.weight"],
          .headsKeysTransposed(
            heads: attention.queryHeads, keys: attention.plainWidth, values: attention.valueWidth)
        ).or(TensorSource(place + "attn_kv_b.weight"))
      default: return nil
      }
    }
  }
}
