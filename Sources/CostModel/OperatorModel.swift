import Architectures
import Foundation
import Operators
import Records

/// Prices the operators of a forward step on one device.
///
/// Keeps what it has priced: GEMMs and attention, which architectures share, and whole steps of the
/// architecture at hand. Not shared between threads.
final class OperatorModel {
  private let matrix: (MatrixShape) -> OperatorCost
  private let prefillAttention: (AttentionShape) -> OperatorCost
  private let decodeAttention: (AttentionShape) -> OperatorCost
  private let streaming: PerQueryHeadAttention?
  private let elementwise: ElementwiseOperators
  let allReduce: AllReduce
  private let context: DeviceContext
  private let matrices = SecondsCache<MatrixShape>(slots: 1 << 16)
  private let attentions = SecondsCache<AttentionShape>(slots: 1 << 14)
  private let steps = SecondsCache<StepSize>(slots: 1 << 8)
  private var architecture: Architecture?
  /// Counts architectures, so that the steps of another one are not taken for this one's. From 1.
  private var visit = 0

  private struct StepSize: SlotKey {
    let visit: Int
    let tokens: Int
    let logitsRows: Int
    let shard: Int

    var mixed: UInt64 { mix(mix(mix(mix(0, visit), tokens), logitsRows), shard) }
  }

  /// - Parameter streaming: how decode attention is priced where the engine's kernels have no path
  ///   for query groups; `nil` for the operator rung's.
  init(
    _ context: DeviceContext, _ coefficients: OperatorCoefficients, linkBandwidth: Double,
    attentionContext: DeviceContext, streaming: PerQueryHeadAttention? = nil
  ) {
    self.context = context
    self.streaming = streaming
    switch context.kind {
    case .gpu:
      matrix = MatrixMultiplication(context, coefficients[MatrixMultiplication.family]!).cost
      prefillAttention = PrefillAttention(context, coefficients[PrefillAttention.family]!).cost
      decodeAttention =
        DecodeAttention(attentionContext, coefficients[DecodeAttention.family]!).cost
    case .cpu:
      matrix = CPUMatrixMultiplication(context, coefficients[CPUMatrixMultiplication.family]!).cost
      prefillAttention = CPUAttention(attentionContext, coefficients[CPUAttention.family]!).cost
      decodeAttention = prefillAttention
    }
    elementwise = ElementwiseOperators(context, coefficients[ElementwiseOperators.family]!)
    allReduce = AllReduce(linkBandwidth: linkBandwidth, coefficients[AllReduce.family]!)
  }

  func cost(_ operation: Operator, _ architecture: Architecture) -> OperatorCost {
    switch operation.shape {
    case .gemm(let m, let n, let k):
      var cost = matrix(MatrixShape(m: m, n: n, k: k))
      if operation.kind == .gateUpProjection, context.kind == .gpu {
        cost.add(activation(m, n))
      }
      return cost
    case .attention(let shape):
      return shape.isDecode ? decode(shape, architecture) : prefillAttention(shape)
    case .rows(let count, let width):
      // In and out; on GPUs the norms also add the residual stream: two in, two out.
      let isNorm = operation.kind == .attentionNorm || operation.kind == .mlpNorm
      let passes = context.kind == .gpu && isNorm ? 4.0 : 2.0
      return elementwise.cost(
        bytes: passes * Double(count) * Double(width) * context.activationBytes)
    }
  }

  /// SwiGLU as a kernel of its own: gate and up in, their product out.
  private func activation(_ m: Int, _ n: Int) -> OperatorCost {
    elementwise.cost(bytes: 1.5 * Double(m) * Double(n) * context.activationBytes)
  }

  private func decode(_ shape: AttentionShape, _ architecture: Architecture) -> OperatorCost {
    streaming?.cost(shape, windowed: architecture.slidingWindow != nil) ?? decodeAttention(shape)
  }

  /// Seconds of attention in one layer.
  func attentionSeconds(_ shape: AttentionShape, _ architecture: Architecture) -> Double {
    if streaming != nil, shape.isDecode { return decode(shape, architecture).seconds }
    return attentions.seconds(shape) {
      ($0.isDecode ? decodeAttention($0) : prefillAttention($0)).seconds
    }
  }

  private func seconds(_ operation: Operator, _ architecture: Architecture) -> Double {
    guard case .gemm(let m, let n, let k) = operation.shape else {
      return cost(operation, architecture).seconds
    }
    let seconds = matrices.seconds(MatrixShape(m: m, n: n, k: k)) { matrix($0).seconds }
    return operation.kind == .gateUpProjection && context.kind == .gpu
      ? seconds + activation(m, n).seconds : seconds
  }

  /// Says whose steps are priced from here on.
  func begin(_ architecture: Architecture) {
    if architecture != self.architecture {
      self.architecture = architecture
      visit += 1
    }
  }

  /// Seconds of a step's operators but for attention: its tokens decide, not what is cached.
  func secondsBesideAttention(
    _ architecture: Architecture, tokens: Int, logitsRows: Int, weights: DType, cache: DType,
    shard: Int
  ) -> Double {
    let size = StepSize(visit: visit, tokens: tokens, logitsRows: logitsRows, shard: shard)
    return steps.seconds(size) { size in
      var seconds = 0.0
      architecture.forEachOperator(
        batch: size.tokens, cached: 0, new: 1, logitsRows: size.logitsRows, weights: weights,
        cache: cache, shard: size.shard
      ) { operation, count in
        if case .attention = operation.shape { return }
        seconds += self.seconds(operation, architecture) * Double(count)
      }
      return seconds
    }
  }
}

extension AttentionShape: SlotKey {
  /// Pairs follow from the others and the window, which positions tell.
  var mixed: UInt64 {
    let work = mix(mix(mix(0, sequences), tokens), positions)
    return mix(mix(mix(work, queryHeads), keyValueHeads), headDimension)
  }
}

extension MatrixShape: SlotKey {
  var mixed: UInt64 { mix(mix(mix(0, m), n), k) }
}

/// Values of every family, by its name, in its form's order.
typealias OperatorCoefficients = [String: [Double]]

extension OperatorCost {
  mutating func add(_ other: OperatorCost, times count: Double = 1) {
    seconds += count * other.seconds
    compute += count * other.compute
    bandwidth += count * other.bandwidth
    latency += count * other.latency
  }
}
