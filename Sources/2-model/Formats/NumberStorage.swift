/// How weights or a cache are stored on any device: what this engine loads (`DType`), and what GPUs'
/// engines serve besides.
///
/// What is stored decides bytes; what multiplies it is `arithmetic`, where the device has it.
public struct NumberStorage: Hashable, Sendable, Codable, RawRepresentable, CustomStringConvertible
{
  public let rawValue: String

  public init?(rawValue: String) {
    guard Self.facts[rawValue] != nil else { return nil }
    self.rawValue = rawValue
  }

  public init(_ dtype: DType) { rawValue = dtype.rawValue }

  private init(gpu name: String) { rawValue = name }

  public static let f32 = NumberStorage(.f32)
  public static let bf16 = NumberStorage(.bf16)
  public static let f16 = NumberStorage(.f16)
  // The field's names, underscores and all.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q8_0 = NumberStorage(.q8_0)
  /// e4m3 with a scale a tensor or channel.
  public static let fp8 = NumberStorage(gpu: "fp8")
  /// e4m3 with an f32 scale for every 128 by 128 block (DeepSeek-V3, arXiv 2412.19437).
  public static let fp8Block = NumberStorage(gpu: "fp8_block")
  /// Integers with a scale a channel, multiplied with integers (w8a8).
  public static let int8 = NumberStorage(gpu: "int8")
  /// Integers of 4 bits with a scale and a zero point for 128 (AWQ, GPTQ), multiplied with 16-bit
  /// activations (w4a16).
  public static let int4 = NumberStorage(gpu: "int4")
  /// e2m1 with an e8m0 scale for 32 (OCP Microscaling Formats 1.0).
  public static let mxfp4 = NumberStorage(gpu: "mxfp4")
  /// e2m1 with an e4m3 scale for 16.
  public static let nvfp4 = NumberStorage(gpu: "nvfp4")

  /// What GPUs' engines store weights in.
  public static let ofGPUWeights: [NumberStorage] = [
    .bf16, .f16, .fp8, .fp8Block, .int8, .int4, .mxfp4, .nvfp4,
  ]
  /// What they store keys and values in.
  public static let ofGPUCaches: [NumberStorage] = [.bf16, .f16, .fp8]
  /// Narrower than 16 bits.
  private static let narrow: Set<NumberStorage> = [.fp8, .fp8Block, .int8, .int4, .mxfp4, .nvfp4]
  /// All, the engine's own first.
  public static let all: [NumberStorage] =
    DType.allCases.map(NumberStorage.init) + ofGPUWeights.filter { $0.dtype == nil }

  /// The engine's own format of this name; `nil` where it has none.
  public var dtype: DType? { DType(rawValue: rawValue) }

  public var description: String { rawValue }

  /// Mean bytes of one element, with its share of scales.
  public var bytesPerElement: Double { fact.bytes }

  /// What multiplies it where a device can; else it is unpacked to 16 bits.
  public var arithmetic: Arithmetic { fact.arithmetic }

  /// How many neighbours along a matrix's rows share a scale, where a device's part of a matrix must hold
  /// whole groups; 1 elsewhere.
  public var groupSize: Int { self == .int4 || self == .fp8Block ? 128 : 1 }

  /// Whether GPUs' engines store matrices only so: embeddings, the head and routers stay 16 bits wide.
  /// What this engine loads, it stores so throughout.
  public var isOfMatricesOnly: Bool { Self.narrow.contains(self) }

  private struct Facts {
    var bytes: Double
    var arithmetic: Arithmetic
  }

  private var fact: Facts { Self.facts[rawValue]! }

  private static let facts: [String: Facts] = {
    var facts: [String: Facts] = [:]
    for dtype in DType.allCases {
      let arithmetic: Arithmetic = dtype == .f32 ? .f32 : dtype == .f16 ? .f16 : .bf16
      facts[dtype.rawValue] = Facts(bytes: dtype.bytesPerElement, arithmetic: arithmetic)
    }
    facts["fp8"] = Facts(bytes: 1, arithmetic: .fp8)
    facts["fp8_block"] = Facts(bytes: 1 + 4.0 / (128 * 128), arithmetic: .fp8)
    facts["int8"] = Facts(bytes: 1, arithmetic: .int8)
    facts["int4"] = Facts(bytes: 0.5 + 2.5 / 128, arithmetic: .bf16)
    facts["mxfp4"] = Facts(bytes: 0.5 + 1.0 / 32, arithmetic: .fp4)
    facts["nvfp4"] = Facts(bytes: 0.5 + 1.0 / 16, arithmetic: .fp4)
    return facts
  }()
}

/// What a device multiplies: its peaks differ by it.
public enum Arithmetic: String, Codable, CaseIterable, Sendable {
  case f32, bf16, f16, fp8, int8, fp4
}
