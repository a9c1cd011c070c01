/// How weights or cache entries are stored. Block formats are GGUF's.
public enum DType: String, Codable, CaseIterable, Sendable {
  case f32, bf16, f16
  // The field's names, underscores and all.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0, q4_0, q4_1

  /// How a KV cache can be stored.
  public static let ofCaches: [DType] = [.f32, .f16, .bf16, .q8_0]

  /// Elements that share one block: rows must hold a whole number of blocks.
  public var blockElements: Int {
    switch self {
    case .f32, .bf16, .f16: 1
    case .q8_0, .q4_0, .q4_1: 32
    }
  }

  /// Bytes of one block: the elements, the scale (f16), and for `q4_1` the minimum (f16).
  public var blockBytes: Int {
    switch self {
    case .f32: 4
    case .bf16, .f16: 2
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    }
  }

  /// Bytes of `elements` elements, which must fill whole blocks.
  public func bytes(_ elements: Int) -> Int {
    precondition(
      elements % blockElements == 0, "\(elements) elements leave a partial \(self) block")
    return elements / blockElements * blockBytes
  }

  /// Mean bytes of one element.
  public var bytesPerElement: Double { Double(blockBytes) / Double(blockElements) }
}
