import Formats

/// How a model's matrices are stored: all in one format, or in a mix by what a matrix is for and by its
/// layer, as llama.cpp's file types are.
///
/// A matrix whose rows do not fill a format's blocks takes that format's fallback
/// (`NumberFormat.fallback`).
public struct WeightFormat: RawRepresentable, Hashable, Codable, CaseIterable, Sendable {
  /// The format's name: a dtype's, or a mix's.
  public let rawValue: String
  /// The format of most matrices.
  public let base: DType
  let mix: LayerMix?

  public init(_ dtype: DType) { (rawValue, base, mix) = (dtype.rawValue, dtype, nil) }

  init(_ mix: LayerMix) { (rawValue, base, self.mix) = (mix.rawValue, mix.base, mix) }

  public init?(rawValue: String) {
    if let dtype = DType(rawValue: rawValue) {
      self.init(dtype)
    } else if let mix = LayerMix(rawValue: rawValue) {
      self.init(mix)
    } else {
      return nil
    }
  }

  public static let allCases = DType.allCases.map { WeightFormat($0) } + mixes
  public static let mixes = LayerMix.allCases.map { WeightFormat($0) }

  public static let f32 = WeightFormat(.f32)
  public static let bf16 = WeightFormat(.bf16)
  public static let f16 = WeightFormat(.f16)
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q8_0 = WeightFormat(.q8_0)
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q4_0 = WeightFormat(.q4_0)
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q4_1 = WeightFormat(.q4_1)

  /// Whether matrices differ by what they are for.
  public var isMix: Bool { mix != nil }

  /// What llama.cpp and `llama-bench` call files that are stored so, where that is another name.
  public var llamaName: String { mix?.llamaName ?? base.format.ggufName }

  public static func == (a: WeightFormat, b: WeightFormat) -> Bool { a.rawValue == b.rawValue }
  public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

extension WeightFormat: CustomStringConvertible {
  public var description: String { rawValue }
}

extension WeightFormat {
  /// The format of one matrix of `columns` inputs; `nil` where no format of this kind holds its rows.
  ///
  /// - Parameter place: where in the model it stands; matters to mixes only.
  func dtype(_ role: WeightRole, columns: Int, at place: @autoclosure () -> LayerMix.Place)
    -> DType?
  {
    (mix.map { $0.dtype(role, at: place()) } ?? base).fitting(columns: columns)
  }
}
