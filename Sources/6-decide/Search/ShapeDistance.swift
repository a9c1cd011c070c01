import Foundation

/// How alike the formulas' errors are for two shapes.
///
/// What a cost model gets wrong for one architecture it gets wrong for its neighbours too: the same
/// kernels run on nearly the same sizes. The error that is left once the coefficients are exact is
/// taken for a Gaussian process over the logarithms of the widths of the matrices: a part that
/// changes smoothly with them (squared exponential, one length for all), and a part that is each
/// shape's own (a kernel chosen by table, tiles that just do not fill).
public struct ShapeDistance: Sendable, Equatable {
  /// Logarithmic distance over which errors part: by default a factor of two in one width.
  public var length = log(2.0)
  /// Share of the variance that is each shape's own. A quarter, half of the spread, is assumed; the
  /// closed loop asks the measurements.
  public var ownShare = 0.25

  public init() {}

  /// Logarithms of d, f, H·e, K·e and L, of the share of layers with attention, and of one and the
  /// share of these with a window; of experts, f is of all that a token passes, and there are besides
  /// the logarithms of how many that is and of how many there are for each.
  static func features(_ shape: Shape) -> [Double] {
    let pattern = shape.pattern
    let sizes = [
      shape.hiddenSize, shape.mixture.passed * shape.intermediateSize,
      shape.queryHeads * shape.headDimension,
      shape.keyValueHeads * shape.headDimension, shape.layers,
    ]
    let attending = Double(shape.layers - pattern.attentionFree) / Double(shape.layers)
    let windowed =
      pattern.window > 0 ? Double(pattern.local) / Double(pattern.local + pattern.global) : 0
    let (passed, held) = (Double(shape.mixture.passed), Double(shape.mixture.held))
    return sizes.map { log(Double($0)) }
      + [log(attending), log(1 + windowed), log(passed), log(held / passed)]
  }

  static func squaredDistance(_ first: Shape, _ second: Shape) -> Double {
    zip(features(first), features(second)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  /// Whether the layers follow one pattern, have the same experts, and all widths are within a few percent.
  public static func areCopies(_ first: Shape, _ second: Shape) -> Bool {
    first.pattern == second.pattern && first.mixture == second.mixture
      && squaredDistance(first, second) < 0.06 * 0.06
  }

  /// Correlation of the errors of two shapes; 1 of a shape with itself.
  public func correlation(_ first: Shape, _ second: Shape) -> Double {
    guard first != second else { return 1 }
    let smooth = exp(-Self.squaredDistance(first, second) / (2 * length * length))
    return (1 - ownShare) * smooth
  }
}
