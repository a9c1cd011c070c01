import Architectures
import Foundation
import Operators
import Records

/// Prices the operators of a forward step on one device.
///
/// Keeps the GEMMs it has priced: a search asks for the same shapes again and again. Not shared
/// between threads.
final class OperatorModel {
  let gemm: MatrixMultiplication
  let prefill: PrefillAttention
  let decode: DecodeAttention
  let elementwise: ElementwiseOperators
  let allReduce: AllReduce
  private let context: DeviceContext
  private let streaming: PerQueryHeadAttention?
  private var priced = GEMMCache()

  /// - Parameter streaming: how decode attention is priced where the engine's kernels have no path
  ///   for query groups; `nil` for the operator rung's.
  init(
    _ context: DeviceContext, _ coefficients: OperatorCoefficients, linkBandwidth: Double,
    attentionContext: DeviceContext? = nil, streaming: PerQueryHeadAttention? = nil
  ) {
    self.context = context
    self.streaming = streaming
    let attention = attentionContext ?? context
    gemm = MatrixMultiplication(context, coefficients.gemm)
    prefill = PrefillAttention(context, coefficients.prefill)
    decode = DecodeAttention(attention, coefficients.decode)
    elementwise = ElementwiseOperators(context, coefficients.elementwise)
    allReduce = AllReduce(linkBandwidth: linkBandwidth, coefficients.allReduce)
  }

  func cost(_ operation: Operator, _ architecture: Architecture) -> OperatorCost {
    switch operation.shape {
    case .gemm(let m, let n, let k):
      var cost = priced.cost(MatrixShape(m: m, n: n, k: k), gemm)
      if operation.kind == .gateUpProjection, context.kind == .gpu {
        // SwiGLU is a kernel of its own: gate and up in, their product out.
        cost.add(elementwise.cost(bytes: 1.5 * Double(m) * Double(n) * context.activationBytes))
      }
      return cost
    case .attention(let shape):
      return shape.isDecode ? decodeAttention(shape, architecture) : prefill.cost(shape)
    case .rows(let count, let width):
      // In and out; on GPUs the norms also add the residual stream: two in, two out.
      let isNorm = operation.kind == .attentionNorm || operation.kind == .mlpNorm
      let passes = context.kind == .gpu && isNorm ? 4.0 : 2.0
      return elementwise.cost(
        bytes: passes * Double(count) * Double(width) * context.activationBytes)
    }
  }
}

extension OperatorModel {
  func decodeAttention(_ shape: AttentionShape, _ architecture: Architecture) -> OperatorCost {
    streaming?.cost(shape, windowed: architecture.slidingWindow != nil) ?? decode.cost(shape)
  }
}

/// Coefficients of every family, in the forms' order.
struct OperatorCoefficients: Sendable {
  var gemm: [Double]
  var prefill: [Double]
  var decode: [Double]
  var elementwise: [Double]
  var allReduce: [Double]
}

extension OperatorCost {
  mutating func add(_ other: OperatorCost, times count: Double = 1) {
    seconds += count * other.seconds
    compute += count * other.compute
    bandwidth += count * other.bandwidth
    latency += count * other.latency
  }
}

/// A direct-mapped cache of priced GEMMs: bounded memory, no rehashing.
private struct GEMMCache {
  private static let slots = 1 << 15
  private var keys = [MatrixShape](repeating: MatrixShape(m: 0, n: 0, k: 0), count: slots)
  private var costs = [OperatorCost](
    repeating: OperatorCost(seconds: 0, compute: 0, bandwidth: 0, latency: 0), count: slots)

  mutating func cost(_ shape: MatrixShape, _ form: MatrixMultiplication) -> OperatorCost {
    var hash = UInt64(truncatingIfNeeded: shape.m) &* 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ UInt64(truncatingIfNeeded: shape.n)) &* 0xC2B2_AE3D_27D4_EB4F
    hash = (hash ^ UInt64(truncatingIfNeeded: shape.k)) &* 0x1656_67B1_9E37_79F9
    let slot = Int(hash >> 49)
    if keys[slot] == shape { return costs[slot] }
    let cost = form.cost(shape)
    keys[slot] = shape
    costs[slot] = cost
    return cost
  }
}
