import Model
import Records

/// Operators on a CPU that take rows one by one: norms, the embedding, rotation with the write to
/// the KV cache. Threads share the rows. An element costs what its work and its way through the
/// caches take together; a key's elements are scattered, since keys lie in panels of positions.
///
/// ```
/// norm      = norm·width
/// embedding = angles + gather·width
/// rotation  = rotate·(width - stored) + store·stored
/// t         = ⌈rows/threads⌉ · that
/// ```
public struct CPUElementwiseOperators: CostForm {
  public struct Shape: Hashable, Sendable {
    public enum Work: String, Sendable { case norm, embedding, rotation }

    public var work: Work
    public var rows: Int
    /// Elements of a row.
    public var width: Int
    /// Elements of a row that go to the KV cache.
    public var stored: Int

    /// - Returns: `nil` for operators of other families.
    public init?(_ kind: Operator.Kind, _ shape: SizedOperator.Shape) {
      if case .route(let rows, let experts, _) = shape {
        // The softmax over scores, and the choice among them.
        (work, self.rows, width, stored) = (.norm, rows, experts, 0)
        return
      }
      guard case .rows(let rows, let width, let stored) = shape else { return nil }
      switch kind {
      case .queryNorm, .sharedScale, .attentionNorm, .mlpNorm, .finalNorm, .attentionResidual,
        .mlpResidual:
        work = .norm
      case .embedding: work = .embedding
      case .rotaryAndCacheWrite: work = .rotation
      default: return nil
      }
      self.rows = rows
      self.width = width
      self.stored = stored
    }
  }

  public static let family = "elementwise"
  public static let coefficients = [
    Coefficient("norm", nominal: 1e-9, spread: 1, carries: false, "seconds of a norm's element"),
    Coefficient(
      "angles", nominal: 2e-6, spread: 1, carries: false,
      "seconds of a token's sines and cosines, computed with its embedding"),
    Coefficient(
      "gather", nominal: 3e-9, spread: 1, carries: false, "seconds of an embedding's element"),
    Coefficient(
      "rotate", nominal: 5e-10, spread: 1, carries: false, "seconds of a query's element"),
    Coefficient(
      "store", nominal: 3e-9, spread: 1, carries: false,
      "seconds of a key's or value's element, rotated and written to the cache"),
  ]

  private let threads: Int
  private let norm, angles, gather, rotate, store: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    threads = max(1, Int(context.units))
    norm = values[0]
    angles = values[1]
    gather = values[2]
    rotate = values[3]
    store = values[4]
  }

  /// Rows of the thread that has most.
  func passes(_ rows: Int) -> Int { (rows + threads - 1) / threads }

  public func cost(_ shape: Shape) -> OperatorCost {
    let width = Double(shape.width)
    let stored = Double(shape.stored)
    let row =
      switch shape.work {
      case .norm: norm * width
      case .embedding: angles + gather * width
      case .rotation: rotate * (width - stored) + store * stored
      }
    let seconds = Double(passes(shape.rows)) * row
    return OperatorCost(seconds: seconds, compute: seconds, bandwidth: 0, latency: 0)
  }

  public static func floorSeconds(_ shape: Shape, _ context: DeviceContext) -> Double { 0 }
  public static func regime(_ shape: Shape) -> String { shape.work.rawValue }
  public static func features(_ shape: Shape) -> [(name: String, value: Double)] { [] }
}
