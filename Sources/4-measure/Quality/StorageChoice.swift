import Formats
import Model
import Weights

/// How a model's matrices are stored when it is run.
public enum StorageChoice: Hashable, Sendable {
  /// As the file has them.
  case stored
  /// Converted.
  case converted(WeightFormat)

  var format: WeightFormat? {
    switch self {
    case .stored: nil
    case .converted(let format): format
    }
  }

  /// `stored`, or the format's name.
  public var name: String { format?.rawValue ?? "stored" }

  /// The same, where the file has it: there is nothing to convert then.
  func simplified(of weights: ModelWeights) -> StorageChoice {
    guard let format, !format.isMix else { return self }
    return weights.matrices.allSatisfy { $0.dtype == format.base } ? .stored : self
  }
}
