import Model
import Records

/// Sorts operator timings into the families they calibrate.
public struct FamilyTimings: Sendable {
  public var gemm: [Timing<MatrixShape>] = []
  public var prefill: [Timing<AttentionShape>] = []
  public var decode: [Timing<AttentionShape>] = []
  public var experts: [Timing<ExpertsLoad>] = []
  public var latentAttention: [Timing<LatentAttentionShape>] = []
  public var elementwise: [Timing<ElementwiseOperators.Shape>] = []
  /// The same ones as CPUs are priced, where the timing says what they are.
  public var elementwiseOnCPU: [Timing<CPUElementwiseOperators.Shape>] = []

  /// - Parameters:
  ///   - activationBytes: of the device, for operators that only move activations.
  ///   - group: what belongs together when data are held out; by default GEMMs of one (n, k),
  ///     attention of one (heads, KV heads), experts of one (hidden size, intermediate size, active,
  ///     all) and latent attention of as many heads.
  public init(
    _ timings: [OperatorTiming], activationBytes: Double,
    group: ((OperatorTiming) -> String)? = nil
  ) {
    for timing in timings {
      func row<Shape>(_ shape: Shape, _ usual: String) -> Timing<Shape> {
        Timing(
          shape: shape, seconds: timing.seconds, group: group?(timing) ?? usual,
          origin: timing.origin)
      }
      switch timing.shape {
      case .gemm(let m, let n, let k):
        gemm.append(row(MatrixShape(m: m, n: n, k: k), "\(n)x\(k)"))
      case .attention(let shape):
        let group = "\(shape.queryHeads)/\(shape.keyValueHeads)"
        if shape.isDecode {
          decode.append(row(shape, group))
        } else {
          prefill.append(row(shape, group))
        }
      case .experts(let shape):
        let columns = shape.intermediateSize * (timing.placement?.columnParts ?? 1)
        experts.append(
          row(
            ExpertsLoad(shape, timing.placement),
            "\(shape.hiddenSize)/\(columns)/\(shape.active)/\(shape.count)"))
      case .latentAttention(let shape):
        latentAttention.append(row(shape, "\(shape.queryHeads)"))
      case .route: break
      case .rows(let count, let width, _):
        elementwise.append(
          row(
            ElementwiseOperators.Shape(
              bytes: 2 * Double(count) * Double(width) * activationBytes), "\(width)"))
        if let shape = timing.kind.flatMap({ CPUElementwiseOperators.Shape($0, timing.shape) }) {
          elementwiseOnCPU.append(row(shape, "\(width)"))
        }
      }
    }
  }
}

extension Array {
  /// Splits timings into those that a device could have reached and those faster than its limits
  /// allow, which are no timings of what they claim.
  public func possible<Form: CostForm>(
    _ form: Form.Type, _ context: DeviceContext
  ) -> (kept: [Element], impossible: [Element]) where Element == Timing<Form.Shape> {
    var kept: [Element] = []
    var impossible: [Element] = []
    for timing in self {
      // The clock's resolution, and vendors' rounding.
      if timing.seconds < 0.98 * Form.floorSeconds(timing.shape, context) {
        impossible.append(timing)
      } else {
        kept.append(timing)
      }
    }
    return (kept, impossible)
  }
}
