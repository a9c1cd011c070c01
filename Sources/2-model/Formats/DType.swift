/// How weights or cache entries are stored. Block formats are GGUF's; what each is stands in
/// `NumberFormat.swift`. The order of the cases is that of lists, and means nothing else.
public enum DType: String, Codable, CaseIterable, Sendable {
  case f32, bf16, f16
  // The field's names, underscores and all.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0, q4_0, q4_1, q5_0, q5_1, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs, mxfp4

  /// How a KV cache can be stored.
  public static let ofCaches: [DType] = [.f32, .f16, .bf16, .q8_0]

  /// Whether elements share scales in blocks, instead of standing for themselves.
  public var isBlocks: Bool { blockElements > 1 }

  /// Elements that share one block: rows must hold a whole number of blocks.
  public var blockElements: Int { format.blockElements }

  /// Bytes of one block.
  public var blockBytes: Int { format.blockBytes }

  /// Bytes of `elements` elements, which must fill whole blocks.
  public func bytes(_ elements: Int) -> Int {
    precondition(
      elements % blockElements == 0, "\(elements) elements leave a partial \(self) block")
    return elements / blockElements * blockBytes
  }

  /// Mean bytes of one element.
  public var bytesPerElement: Double { Double(blockBytes) / Double(blockElements) }

  /// What llama.cpp stores a matrix in whose rows are of `columns` elements: this, or where they do not
  /// fill its blocks, the format of smaller blocks that takes at least as many bits; `nil`: none.
  public func fitting(columns: Int) -> DType? {
    if columns % blockElements == 0 { return self }
    return format.fallback.flatMap { columns % $0.blockElements == 0 ? $0 : nil }
  }
}
