import Foundation
import Input

// Gemma 2 and 3: norms before and after each part, GeGLU, scaled embeddings, layers with and without
// a window; soft caps (2), norms of queries and keys and a base for each kind of layer (3).

extension Family {
  static let gemma2 = gemma(
    "gemma2", className: "Gemma2ForCausalLM",
    gguf: GGUFFamily("gemma2", tensors: gemmaGGUF) { metadata in
      try metadata.gemmaFields(
        period: 2, window: 4096, isLargest: metadata.size("block_count") == 46)
    })

  /// The text model of Gemma 3, alone (270M, 1B) or in a multimodal one.
  static let gemma3 = gemma(
    "gemma3_text", className: "Gemma3ForCausalLM",
    gguf: GGUFFamily("gemma3", tensors: gemmaGGUF) { metadata in
      var fields = try metadata.gemmaFields(
        period: 6, window: nil, isLargest: metadata.size("block_count") == 62)
      fields["rope_local_base_freq"] = .number(try metadata.double("rope.freq_base_swa") ?? 10_000)
      return fields
    })

  private static let gemmaGGUF = TensorNames.ggufNames()

  private static func gemma(_ modelType: String, className: String, gguf: GGUFFamily) -> Family {
    let isThird = modelType == "gemma3_text"
    return Family(
      modelType: modelType, className: className,
      // Norms store their distance from 1.
      tensors: .huggingFaceNames([.mlpNorm: "pre_feedforward_layernorm"], normOffset: 1),
      gguf: gguf,
      read: { name, config in
        let fields = try CommonFields(
          config,
          .init(
            keyValueHeads: 4, headDimension: 256, maxPositions: isThird ? 131_072 : 8192,
            tiedEmbeddings: true,
            sizes: .init(
              hidden: 2304, intermediate: 9216, layers: 26, queryHeads: 8,
              vocabulary: isThird ? 262_208 : 256_000)))
        let norm = try config.rmsNorm()
        let rotary =
          isThird
          ? try config.rotaryByLayerType(
            fields, theta: 1_000_000, localTheta: 10_000, localField: "rope_local_base_freq")
          : LayerRotaries(all: try fields.rotary(config))
        var attention = fields.attention(rotary: nil, norm: norm)
        attention.outputNorm = norm
        attention.inputBias = try config.bool("attention_bias") ?? false
        attention.outputBias = attention.inputBias
        if isThird { attention.queryKeyNorm = .init(norm, .head) }
        let scalar = try config.double("query_pre_attn_scalar") ?? 256
        attention.scale = 1 / scalar.squareRoot()
        attention.softcap = try config.softcap(
          "attn_logit_softcapping", default: isThird ? nil : 50)
        // Published twice; transformers executes `hidden_activation` and `sliding_window`.
        config.ignore("hidden_act", "sliding_window_size")
        let mlp = MLP(
          intermediateSize: fields.intermediateSize,
          activation: try config.activation("hidden_activation", default: "gelu_pytorch_tanh"),
          inputNorm: norm, outputNorm: norm)
        let window = try config.slidingWindow()
        let windowed = try config.windowedLayers(fields.layers, period: isThird ? 6 : 2)
        try config.demand("use_bidirectional_attention", .bool(false))
        var architecture = fields.architecture(
          name, modelType,
          layers: LayerStack(
            windowed.map { isWindowed in
              var attention = attention
              attention.window = isWindowed ? window : nil
              attention.rotary = rotary.rotation(isWindowed: isWindowed)
              return Layer(attention: attention, mlp: mlp)
            }), rotaries: rotary.tables, finalNorm: norm)
        architecture.embeddingScale = Double(fields.hiddenSize).squareRoot()
        architecture.logitSoftcap = try config.softcap(
          "final_logit_softcapping", default: isThird ? nil : 30)
        return architecture
      },
      write: { architecture in
        let attention = architecture.eachAttention
        var fields = architecture.rmsFields()
        fields["hidden_activation"] = fields.removeValue(forKey: "hidden_act")
        fields["attention_bias"] = .bool(attention.inputBias)
        fields["query_pre_attn_scalar"] = field(
          1 / (attention.scoreScale * attention.scoreScale), giving: attention.scoreScale
        ) { 1 / $0.squareRoot() }
        fields["attn_logit_softcapping"] = attention.softcap.map(JSONValue.number) ?? .null
        fields["final_logit_softcapping"] =
          architecture.logitSoftcap.map(JSONValue.number) ?? .null
        fields["sliding_window"] = .integer(architecture.layers.window ?? 4096)
        fields["layer_types"] = architecture.layers.layerTypes
        if isThird { fields.merge(architecture.rotaryByLayerType()) { $1 } }
        return fields
      })
  }
}

extension ConfigReader {
  /// A soft cap: an explicit null means none.
  fileprivate func softcap(_ field: String, default value: Double?) throws -> Double? {
    isNull(field) ? nil : try double(field) ?? value
  }
}

extension GGUFMetadata {
  /// - Parameter isLargest: whether it is the model whose scores are scaled by the hidden size's share
  ///   of a head, which no metadata says.
  fileprivate func gemmaFields(
    period: Int, window: Int?, isLargest: Bool
  ) throws -> [String: JSONValue] {
    var fields = try commonFields()
    let layers = try size("block_count")
    let (hidden, heads, head) = (
      try size("embedding_length"), try size("attention.head_count"), fields["head_dim"]!
    )
    fields["query_pre_attn_scalar"] = isLargest ? .integer(hidden / heads) : head
    if let window = try int("attention.sliding_window") ?? window {
      fields["sliding_window"] = .integer(window)
      fields["layer_types"] = try layerTypes(layers, period: period)
    } else {
      fields["layer_types"] = .array(Array(repeating: .string("full_attention"), count: layers))
    }
    for (key, field) in [
      ("attn_logit_softcapping", "attn_logit_softcapping"),
      ("final_logit_softcapping", "final_logit_softcapping"),
    ] {
      if let cap = try double(key) { fields[field] = .number(cap) }
    }
    return fields
  }
}
