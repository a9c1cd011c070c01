import Input

// Llama 4's text model: attention in chunks, layers that see all positions and do not rotate, experts
// that read their input scaled.

extension Family {
  static let llama4 = Family(
    modelType: "llama4_text", className: "Llama4ForCausalLM",
    tensors: .huggingFace.with { weight, layer, architecture in
      guard let layer else { return nil }
      let place = "model.layers.\(layer).feed_forward."
      switch weight.role {
      case .gate: return TensorSource(place + "gate_proj.weight")
      case .up: return TensorSource(place + "up_proj.weight")
      case .down: return TensorSource(place + "down_proj.weight")
      case .router: return TensorSource(place + "router.weight")
      case .sharedGate: return TensorSource(place + "shared_expert.gate_proj.weight")
      case .sharedUp: return TensorSource(place + "shared_expert.up_proj.weight")
      case .sharedDown: return TensorSource(place + "shared_expert.down_proj.weight")
      default: break
      }
      guard let experts = architecture.layers[layer].experts, let expert = weight.expert else {
        return nil
      }
      let width = experts.intermediateSize
      func stacked(_ name: String, first: Int, total: Int) -> TensorSource {
        TensorSource(
          "\(place)experts.\(name)", .transposed(first: first, total: total),
          slice: .init(expert, of: experts.count))
      }
      switch weight.role {
      case .expertGate: return stacked("gate_up_proj", first: 0, total: 2 * width)
      case .expertUp: return stacked("gate_up_proj", first: width, total: 2 * width)
      case .expertDown: return stacked("down_proj", first: 0, total: weight.rows)
      default: return nil
      }
    },
    gguf: GGUFFamily("llama4") { metadata in
      var fields = try metadata.commonFields()
      let experts = try metadata.experts()
      try metadata.demandGating(.sigmoid)
      fields["num_local_experts"] = experts.count
      fields["num_experts_per_tok"] = experts.active
      fields["intermediate_size_mlp"] = fields["intermediate_size"]
      fields["intermediate_size"] = experts.width
      fields["interleave_moe_layer_step"] = .integer(
        try metadata.size("interleave_moe_layer_step"))
      // Not in the metadata: llama.cpp tells Maverick, which has no norm, by its experts.
      fields["use_qk_norm"] = .bool(experts.count != .integer(128))
      if let window = try metadata.int("attention.sliding_window"), window != 8192 {
        throw InputError(
          "llama4.attention.sliding_window", problem: "is \(window)",
          expected: "8192: chunks of so many positions")
      }
      return fields
    },
    describesEachLayer: true,
    read: { name, config in
      let fields = try CommonFields(
        config, .init(keyValueHeads: 8, headDimension: 128, maxPositions: 131_072))
      let norm = try config.rmsNorm(default: 1e-5)
      let (tables, rotation) = try fields.rotary(config, theta: 500_000, interleaved: true)
      let activation = try config.activation()
      var attention = fields.attention(rotary: nil, norm: norm)
      attention.inputBias = try config.bool("attention_bias") ?? false
      attention.outputBias = attention.inputBias
      let isNormed = try config.bool("use_qk_norm") ?? true
      let rotates = try config.rotatingLayers(fields.layers, interval: 4)
      let chunk =
        config.isNull("attention_chunk_size") ? nil : try config.int("attention_chunk_size") ?? 8192
      let chunked = try config.chunkedLayers(fields.layers) ?? rotates
      let temperature = try config.llama4Temperature()
      let experts = Experts(
        count: try config.int("num_local_experts") ?? 16,
        active: try config.int("num_experts_per_tok") ?? 1,
        intermediateSize: fields.intermediateSize, activation: activation,
        router: .init(scoring: .sigmoid, renormalises: false, scalesInput: true),
        shared: .init(intermediateSize: fields.intermediateSize), inputNorm: norm)
      let dense = MLP(
        intermediateSize: try config.int("intermediate_size_mlp") ?? 16_384,
        activation: activation, inputNorm: norm)
      let step = try config.interval("interleave_moe_layer_step")
      let sparse = try config.layerNumbers("moe_layers", count: fields.layers)
      let layers = (0..<fields.layers).map { layer in
        var own = attention
        own.chunk = chunked[layer] ? chunk : nil
        if rotates[layer] {
          own.rotary = rotation
          if isNormed {
            own.queryKeyNorm = .init(
              Norm(.rms, epsilon: norm.epsilon, hasWeight: false), .head, isAfterRotation: true)
          }
        } else {
          own.temperature = temperature
        }
        let isSparse = sparse?.contains(layer) ?? ((layer + 1) % step == 0)
        return Layer(
          mixer: .attention(own), feedForward: isSparse ? .experts(experts) : .dense(dense))
      }
      return fields.architecture(
        name, "llama4_text", layers: LayerStack(layers), rotaries: tables, finalNorm: norm)
    },
    write: { architecture in
      var fields = architecture.mixtureFields()
      let layers = architecture.layers
      let attentions = layers.kinds.compactMap(\.attention)
      fields["num_local_experts"] = architecture.expertCount
      fields["intermediate_size"] = architecture.expertSize
      fields["intermediate_size_mlp"] = .integer(
        architecture.firstMLP?.intermediateSize ?? architecture.intermediateSize)
      fields["moe_layers"] = .array(architecture.sparseLayers.map(JSONValue.integer))
      fields["no_rope_layers"] = layers.rotatingLayers
      fields["attention_bias"] = .bool(architecture.firstAttention?.inputBias ?? false)
      fields["use_qk_norm"] = .bool(attentions.contains { $0.queryKeyNorm != nil })
      fields["attention_chunk_size"] =
        attentions.lazy.compactMap(\.chunk).first.map(JSONValue.integer) ?? .null
      fields["layer_types"] = .array(
        layers.map {
          .string($0.attention?.chunk == nil ? "full_attention" : "chunked_attention")
        })
      let temperature = attentions.lazy.compactMap(\.temperature).first
      fields["attn_temperature_tuning"] = .bool(temperature != nil)
      if let temperature {
        fields["attn_scale"] = .number(temperature.beta)
        fields["floor_scale"] = .integer(temperature.positions)
      }
      return fields
    })
}

extension ConfigReader {
  /// Of layers that do not rotate. The first releases had a number in place of true.
  fileprivate func llama4Temperature() throws -> Attention.QueryTemperature? {
    let temperature = Attention.QueryTemperature(
      beta: try double("attn_scale") ?? 0.1, positions: try int("floor_scale") ?? 8192, offset: 1)
    let isOn: Bool
    if case .integer(let number)? = object["attn_temperature_tuning"] {
      isOn = number != 0
      ignore("attn_temperature_tuning")
    } else {
      isOn = try bool("attn_temperature_tuning") ?? true
    }
    return isOn ? temperature : nil
  }

  /// `layer_types` here, `nil` where the field is absent.
  fileprivate func chunkedLayers(_ count: Int) throws -> [Bool]? {
    guard let types = try array("layer_types"), !types.isEmpty else { return nil }
    guard types.count == count else {
      throw InputError(
        "layer_types", problem: "has \(types.count) entries",
        expected: "num_hidden_layers, \(count)")
    }
    return try types.map { type in
      switch type {
      case .string("full_attention"): return false
      case .string("chunked_attention"): return true
      default:
        throw InputError(
          "layer_types", problem: "holds \(type.kind)",
          expected: "full_attention or chunked_attention")
      }
    }
  }
}
