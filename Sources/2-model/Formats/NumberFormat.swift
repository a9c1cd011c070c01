/// What a format of stored numbers is. Each fact stands here once.
public struct NumberFormat: Sendable {
  /// Elements that share one block: rows hold a whole number of blocks.
  public let blockElements: Int
  /// Bytes of one block.
  public let blockBytes: Int
  /// The number of the type in GGUF files (`ggml_type`).
  public let ggufType: UInt32
  /// llama.cpp's name of the type, in its messages and in GGUF's documentation.
  public let ggufName: String
  /// What llama.cpp stores a matrix in whose rows do not fill the blocks; `nil`: nothing.
  public let fallback: DType?

  fileprivate init(
    _ ggufName: String, _ ggufType: UInt32, block elements: Int, bytes: Int,
    fallback: DType? = nil
  ) {
    blockElements = elements
    blockBytes = bytes
    self.ggufType = ggufType
    self.ggufName = ggufName
    self.fallback = fallback
  }
}

extension DType {
  public var format: NumberFormat {
    switch self {
    case .f32: NumberFormat("F32", 0, block: 1, bytes: 4)
    case .f16: NumberFormat("F16", 1, block: 1, bytes: 2)
    case .bf16: NumberFormat("BF16", 30, block: 1, bytes: 2)
    case .q8_0: NumberFormat("Q8_0", 8, block: 32, bytes: 34)
    case .q4_0: NumberFormat("Q4_0", 2, block: 32, bytes: 18)
    case .q4_1: NumberFormat("Q4_1", 3, block: 32, bytes: 20)
    case .q5_0: NumberFormat("Q5_0", 6, block: 32, bytes: 22)
    case .q5_1: NumberFormat("Q5_1", 7, block: 32, bytes: 24)
    case .iq4_nl: NumberFormat("IQ4_NL", 20, block: 32, bytes: 18)
    case .mxfp4: NumberFormat("MXFP4", 39, block: 32, bytes: 17)
    case .q2_k: NumberFormat("Q2_K", 10, block: 256, bytes: 84, fallback: .q4_0)
    case .q3_k: NumberFormat("Q3_K", 11, block: 256, bytes: 110, fallback: .q4_0)
    case .q4_k: NumberFormat("Q4_K", 12, block: 256, bytes: 144, fallback: .q5_0)
    case .q5_k: NumberFormat("Q5_K", 13, block: 256, bytes: 176, fallback: .q5_1)
    case .q6_k: NumberFormat("Q6_K", 14, block: 256, bytes: 210, fallback: .q8_0)
    case .iq4_xs: NumberFormat("IQ4_XS", 23, block: 256, bytes: 136, fallback: .iq4_nl)
    }
  }

  /// The format of a type of GGUF files.
  public init?(ggufType: UInt32) {
    guard let found = DType.allCases.first(where: { $0.format.ggufType == ggufType }) else {
      return nil
    }
    self = found
  }
}
