import Input

// How weights are stored does not change what the model is.

extension ConfigReader {
  /// Reads it and says what is assumed.
  func noteStorage() throws {
    var found: String?
    for field in ["quantization_config", "quantization", "compression_config"] {
      guard let object = try object(field), found == nil else { continue }
      found = try within(field) { try Self.format(object) }
    }
    guard let found else { return }
    storedAs = found
    note("weights are stored as \(found); the architecture is described without that")
  }

  private static func format(_ object: JSONObject) throws -> String {
    let method = try object.string("quant_method")
    if let kind = object.text("bnb_4bit_quant_type"), object.flag("load_in_4bit") != false {
      return kind
    }
    if object.flag("load_in_4bit") == true { return "fp4" }
    if object.flag("load_in_8bit") == true { return "int8" }
    for algorithm in [object.text("quant_algo"), method].compactMap({ $0?.lowercased() }) {
      for known in ["nvfp4", "mxfp4", "fp8"] where algorithm.contains(known) { return known }
    }
    switch object["bits"] {
    case .integer(let bits)?: return "int\(bits)"
    case .number(let bits)?: return "\(bits) bits"  // a mean, as of EXL2
    default: break
    }
    if let (bits, type) = object.compressedWeights() {
      return type == "float" ? "fp\(bits)" : "int\(bits)"
    }
    return method ?? "a quantised format"
  }
}

extension JSONObject {
  fileprivate func text(_ field: String) -> String? {
    if case .string(let value) = self[field] { value } else { nil }
  }

  fileprivate func flag(_ field: String) -> Bool? {
    if case .bool(let value) = self[field] { value } else { nil }
  }

  /// Bits and type of the first group of compressed-tensors.
  fileprivate func compressedWeights() -> (bits: Int, type: String)? {
    guard case .object(let groups) = self["config_groups"],
      let group = groups.sorted(by: { $0.key < $1.key }).first?.value,
      case .object(let fields) = group, case .object(let weights) = fields["weights"],
      case .integer(let bits) = weights["num_bits"], case .string(let type) = weights["type"]
    else { return nil }
    return (bits, type)
  }
}
