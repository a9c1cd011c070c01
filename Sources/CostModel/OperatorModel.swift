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
  private let matrices = RecentValues<MatrixShape, Double>(slots: 1 << 16)
  private let attentions = RecentValues<AttentionShape, Double>(slots: 1 << 12)
  private let steps = RecentValues<StepSize, Double>(slots: 1 << 8)
  /// Of the architecture at hand.
  private var sizes: Sizes?
  private var ofTokens = RowTerms()
  private var ofLogits = RowTerms()
  /// Counts architectures, so that the steps of another one are not taken for this one's. From 1.
  private var visit = 0

  /// What an architecture's operators but attention depend on.
  private struct Sizes: Equatable, BitwiseCopyable {
    let hidden, intermediate, layers, queryHeads, keyValueHeads, headDimension, vocabulary: Int
    let shard: Int

    init(_ architecture: Architecture, shard: Int) {
      hidden = architecture.hiddenSize
      intermediate = architecture.intermediateSize
      layers = architecture.layers
      queryHeads = architecture.queryHeads
      keyValueHeads = architecture.keyValueHeads
      headDimension = architecture.headDimension
      vocabulary = architecture.vocabularySize
      self.shard = shard
    }
  }

  /// Operators of as many rows: GEMMs, and the others, whose seconds are linear in the rows.
  private struct RowTerms {
    var matrices: [(n: Int, k: Int, count: Double)] = []
    var fixedSeconds = 0.0
    var secondsPerRow = 0.0

    mutating func removeAll() {
      matrices.removeAll(keepingCapacity: true)
      (fixedSeconds, secondsPerRow) = (0, 0)
    }
  }

  private struct StepSize: SlotKey {
    let visit: Int
    let tokens: Int
    let logitsRows: Int

    var mixed: UInt64 { mix(mix(mix(0, visit), tokens), logitsRows) }
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
    let moving = movedBytes(operation).map { elementwise.cost(bytes: $0) }
    switch operation.shape {
    case .gemm(let m, let n, let k):
      var cost = matrix(MatrixShape(m: m, n: n, k: k))
      if let moving { cost.add(moving) }
      return cost
    case .attention(let shape):
      return shape.isDecode ? decode(shape, architecture) : prefillAttention(shape)
    case .rows: return moving!
    }
  }

  /// Bytes that elementwise kernels move for an operator; `nil` where it has none.
  private func movedBytes(_ operation: Operator) -> Double? {
    switch operation.shape {
    case .gemm(let m, let n, _):
      // On GPUs SwiGLU is a kernel of its own: gate and up in, their product out.
      guard operation.kind == .gateUpProjection, context.kind == .gpu else { return nil }
      return 1.5 * Double(m) * Double(n) * context.activationBytes
    case .rows(let count, let width):
      // In and out; on GPUs the norms also add the residual stream: two in, two out.
      let isNorm = operation.kind == .attentionNorm || operation.kind == .mlpNorm
      let passes = context.kind == .gpu && isNorm ? 4.0 : 2.0
      return passes * Double(count) * Double(width) * context.activationBytes
    case .attention: return nil
    }
  }

  private func decode(_ shape: AttentionShape, _ architecture: Architecture) -> OperatorCost {
    streaming?.cost(shape, windowed: architecture.slidingWindow != nil) ?? decodeAttention(shape)
  }

  /// Seconds of attention in one layer.
  func attentionSeconds(_ shape: AttentionShape, _ architecture: Architecture) -> Double {
    if streaming != nil, shape.isDecode { return decode(shape, architecture).seconds }
    return attentions.value(shape) {
      ($0.isDecode ? decodeAttention($0) : prefillAttention($0)).seconds
    }
  }

  /// Says whose steps are priced from here on.
  func begin(_ architecture: Architecture, weights: DType, cache: DType, shard: Int) {
    let sizes = Sizes(architecture, shard: shard)
    guard sizes != self.sizes else { return }
    self.sizes = sizes
    visit += 1
    ofTokens.removeAll()
    ofLogits.removeAll()
    architecture.forEachOperator(
      batch: 1, cached: 0, new: 1, logitsRows: 1, weights: weights, cache: cache, shard: shard
    ) { operation, count in
      switch operation.kind {
      case .attention: break
      case .finalNorm, .head: add(operation, times: count, to: &ofLogits)
      default: add(operation, times: count, to: &ofTokens)
      }
    }
  }

  /// - Parameter operation: of one row.
  private func add(_ operation: Operator, times count: Int, to terms: inout RowTerms) {
    if case .gemm(_, let n, let k) = operation.shape {
      terms.matrices.append((n, k, Double(count)))
    }
    if let bytes = movedBytes(operation) {
      let fixed = elementwise.cost(bytes: 0).seconds
      terms.fixedSeconds += Double(count) * fixed
      terms.secondsPerRow += Double(count) * (elementwise.cost(bytes: bytes).seconds - fixed)
    }
  }

  /// Seconds of a step's operators but for attention: its tokens decide, not what is cached.
  func secondsBesideAttention(tokens: Int, logitsRows: Int) -> Double {
    steps.value(StepSize(visit: visit, tokens: tokens, logitsRows: logitsRows)) {
      seconds(ofTokens, rows: $0.tokens)
        + ($0.logitsRows > 0 ? seconds(ofLogits, rows: $0.logitsRows) : 0)
    }
  }

  private func seconds(_ terms: RowTerms, rows: Int) -> Double {
    var seconds = terms.fixedSeconds + terms.secondsPerRow * Double(rows)
    for (n, k, count) in terms.matrices {
      seconds += count * matrices.value(MatrixShape(m: rows, n: n, k: k)) { matrix($0).seconds }
    }
    return seconds
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
