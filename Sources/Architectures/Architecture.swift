/// A dense decoder-only transformer in the LLaMA style: RMSNorm, rotary positions, grouped-query
/// attention, SwiGLU. Names are the field's; `HuggingFaceConfig.swift` maps them to `config.json`.
public struct Architecture: Hashable, Sendable {
  /// The families whose `config.json` is understood, by their `model_type`.
  public enum Family: String, CaseIterable, Sendable {
    case llama, mistral, qwen2, qwen3
  }

  /// What people call it: the zoo name, the folder or the file. Not part of the configuration.
  public var name: String
  public var family: Family
  public var hiddenSize: Int
  public var intermediateSize: Int
  public var layers: Int
  public var queryHeads: Int
  public var keyValueHeads: Int
  /// Independent of `hiddenSize / queryHeads`.
  public var headDimension: Int
  public var vocabularySize: Int
  public var maxPositions: Int
  public var rmsNormEpsilon: Double
  public var rotary: RotaryEmbedding
  public var tiedEmbeddings: Bool
  /// Biases on the query, key and value projections.
  public var qkvBias: Bool
  /// Bias on the attention's output projection.
  public var outputBias: Bool
  /// RMSNorm over each query and key head before the rotation.
  public var qkNorm: Bool
  /// Positions a token sees in a windowed layer, itself included; `nil`: all before it.
  public var slidingWindow: Int?
  /// Layers before this one see everything even where `slidingWindow` is set.
  public var firstWindowedLayer: Int

  public init(
    name: String, family: Family = .llama, hiddenSize: Int, intermediateSize: Int, layers: Int,
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, vocabularySize: Int,
    maxPositions: Int = 131_072, rmsNormEpsilon: Double = 1e-5,
    rotary: RotaryEmbedding = RotaryEmbedding(theta: 500_000), tiedEmbeddings: Bool = true,
    qkvBias: Bool = false, outputBias: Bool = false, qkNorm: Bool = false,
    slidingWindow: Int? = nil, firstWindowedLayer: Int = 0
  ) {
    self.name = name
    self.family = family
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.layers = layers
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.vocabularySize = vocabularySize
    self.maxPositions = maxPositions
    self.rmsNormEpsilon = rmsNormEpsilon
    self.rotary = rotary
    self.tiedEmbeddings = tiedEmbeddings
    self.qkvBias = qkvBias
    self.outputBias = outputBias
    self.qkNorm = qkNorm
    self.slidingWindow = slidingWindow
    self.firstWindowedLayer = firstWindowedLayer
  }

  /// Width of all query heads together, `H·e`.
  public var queryWidth: Int { queryHeads * headDimension }
  /// Width of all key (or value) heads together, `K·e`.
  public var keyValueWidth: Int { keyValueHeads * headDimension }

  /// The attention window of one layer, `nil` where it sees everything before it.
  public func window(ofLayer layer: Int) -> Int? {
    layer >= firstWindowedLayer ? slidingWindow : nil
  }
}

extension Architecture {
  /// Checks what every consumer relies on: positive sizes of a plausible magnitude (products of
  /// them then fit in 63 bits) and heads that divide.
  ///
  /// Errors name the fields as `config.json` spells them.
  public func validated() throws -> Architecture {
    func check(_ field: String, _ value: Int, atMost limit: Int) throws {
      guard (1...limit).contains(value) else {
        throw InputError(field, problem: "is \(value)", expected: "1 to \(limit)")
      }
    }
    func finite(_ field: String, _ value: Double, above floor: Double) throws {
      // Kernels compute in f32, where what is too large is infinite and what is too small is 0.
      guard Float(value).isFinite, Float(value) > Float(floor) else {
        throw InputError(
          field, problem: "is \(value)",
          expected: "a number above \(floor) that 32-bit floats hold")
      }
    }
    try check("hidden_size", hiddenSize, atMost: 1 << 18)
    try check("intermediate_size", intermediateSize, atMost: 1 << 20)
    try check("num_hidden_layers", layers, atMost: 4096)
    try check("num_attention_heads", queryHeads, atMost: 1 << 14)
    try check("num_key_value_heads", keyValueHeads, atMost: 1 << 14)
    try check("head_dim", headDimension, atMost: 4096)
    try check("num_attention_heads × head_dim", queryWidth, atMost: 1 << 20)
    try check("vocab_size", vocabularySize, atMost: 1 << 24)
    try check("max_position_embeddings", maxPositions, atMost: 1 << 30)
    try finite("rms_norm_eps", rmsNormEpsilon, above: 0)
    try finite("rope_theta", rotary.theta, above: 0)
    if let window = slidingWindow { try check("sliding_window", window, atMost: 1 << 30) }
    guard queryHeads % keyValueHeads == 0 else {
      throw InputError(
        "num_key_value_heads",
        problem: "\(keyValueHeads) does not divide num_attention_heads \(queryHeads)",
        expected: "a divisor of \(queryHeads)")
    }
    guard headDimension % 2 == 0 else {
      throw InputError(
        "head_dim", problem: "is \(headDimension)",
        expected: "an even number (rotary embedding turns pairs)")
    }
    if let scaling = rotary.scaling {
      try finite("rope_scaling: factor", scaling.factor, above: 0)
      try finite("rope_scaling: low_freq_factor", scaling.lowFrequencyFactor, above: 0)
      try finite(
        "rope_scaling: high_freq_factor", scaling.highFrequencyFactor,
        above: scaling.lowFrequencyFactor)
      try check(
        "rope_scaling: original_max_position_embeddings", scaling.originalMaxPositions,
        atMost: 1 << 30)
    }
    return self
  }
}
