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

extension ModelWeights {
  /// The format of most bytes, and whether others hold more than a router's share, 0.1%.
  var formats: (main: DType, isMixed: Bool) {
    var bytes: [DType: Int] = [:]
    for matrix in matrices { bytes[matrix.dtype, default: 0] += matrix.bytes }
    let main = bytes.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }!
    return (main.key, Double(main.value) < 0.999 * Double(matrixBytes))
  }

  /// Mean bytes of a matrix's element.
  var bytesPerWeight: Double {
    Double(matrixBytes) / Double(matrices.reduce(0) { $0 + $1.rows * $1.columns })
  }
}
