import Input

extension GGUFFamily {
  /// The architecture that a GGUF file's metadata describes, and what its tensors are called.
  public static func read(
    _ metadata: GGUFMetadata, name: String
  ) throws -> (architecture: Architecture, tensors: TensorNames) {
    let (family, gguf) = try Families.ofGGUF(metadata)
    var fields = try gguf.config(metadata)
    fields["model_type"] = .string(family.modelType)
    if let factors = metadata.rotaryFactors {
      if let scaling = fields["rope_scaling"] {
        throw InputError(
          "\(metadata.architecture).rope.scaling",
          problem: "\(scaling.kind) beside factors in tensors",
          expected: "one of both")
      }
      fields["rope_scaling"] = .object(try metadata.longrope(factors))
    }
    let config = ConfigReader(JSONObject(fields))
    var architecture = try family.read(name, config)
    try config.refuseUnknownFields()
    try metadata.refuseUnknownKeys()
    if try metadata.bool("attention.causal") == false {
      throw InputError(
        "\(metadata.architecture).attention.causal", problem: "is false", expected: "a decoder")
    }
    if let interleaved = gguf.interleavedRotary {
      architecture.layers.modifyKinds {
        $0.attention?.rotary?.interleaved = interleaved
        $0.latentAttention?.rotary.interleaved = interleaved
      }
    }
    return (try architecture.validated(), gguf.tensors)
  }
}

extension GGUFMetadata {
  /// Factors of each pair's wavelength as the `rope_scaling` that means them.
  fileprivate func longrope(_ factors: RotaryFactors) throws -> [String: JSONValue] {
    let maxPositions = try int("context_length") ?? 2048
    let original = try int("rope.scaling.original_context_length") ?? maxPositions
    return [
      "rope_type": .string("longrope"),
      "short_factor": .array(factors.short.map(JSONValue.number)),
      "long_factor": .array(factors.long.map(JSONValue.number)),
      "original_max_position_embeddings": .integer(original),
      "attention_factor": .number(try double("rope.scaling.attn_factor") ?? 1),
    ]
  }
}
