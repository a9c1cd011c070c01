import Formats
import Foundation
import Model

/// Prices the operators of a forward step on one device.
///
/// Keeps what it has priced: GEMMs and attention, which architectures share, and whole steps of the
/// architecture at hand. Not shared between threads.
final class OperatorModel {
  private let matrix: (MatrixShape) -> OperatorCost
  /// The head and routers, whose weights stay 16 bits wide where others are narrower.
  private let wideMatrix: (MatrixShape) -> OperatorCost
  private let isNarrow: Bool
  private let prefillAttention: (AttentionShape) -> OperatorCost
  private let decodeAttention: (AttentionShape) -> OperatorCost
  private let experts: (ExpertsLoad) -> OperatorCost
  private let latentAttention: (LatentAttentionShape) -> OperatorCost
  private let streaming: PerQueryHeadAttention?
  private let elementwise: Elementwise
  let collectives: Collectives
  private let sharing: ExpertSharing
  private let context: DeviceContext
  private let matrices: RecentValues<MatrixShape, Double>
  private let wideMatrices: RecentValues<MatrixShape, Double>
  private let attentions = RecentValues<AttentionStep, Double>(slots: 1 << 12)
  private let steps = RecentValues<StepSize, Double>(slots: 1 << 8)
  /// Of the architecture at hand.
  private var program: DeviceProgram?
  private var version = 0
  private var ofTokens = RowTerms()
  private var ofLogits = RowTerms()
  /// Counts architectures, so that the steps of another one are not taken for this one's. From 1.
  private var visit = 0

  /// What moves rows and multiplies nothing.
  private enum Elementwise {
    case gpu(ElementwiseOperators)
    case cpu(CPUElementwiseOperators)
  }

  /// Operators of as many rows: GEMMs, and the others, whose seconds are linear in the rows (of a
  /// CPU's busiest thread).
  private struct RowTerms {
    var matrices: [(n: Int, k: Int, count: Double, isWide: Bool)] = []
    var experts: [(shape: ExpertsShape, devices: Int, count: Double)] = []
    var fixedSeconds = 0.0
    var secondsPerRow = 0.0

    mutating func removeAll() {
      matrices.removeAll(keepingCapacity: true)
      experts.removeAll(keepingCapacity: true)
      (fixedSeconds, secondsPerRow) = (0, 0)
    }
  }

  private struct StepSize: SlotKey {
    let visit: Int
    let tokens: Int
    let logitsRows: Int

    var mixed: UInt64 { mix(mix(0, visit &<< 32 ^ logitsRows), tokens) }
  }

  /// - Parameters:
  ///   - streaming: how decode attention is priced where the engine's kernels have no path for query
  ///     groups; `nil` for the operator rung's.
  ///   - matricesKept: GEMMs whose times are remembered, 32 bytes each; a power of two.
  init(
    _ context: DeviceContext, _ coefficients: OperatorCoefficients, wideContext: DeviceContext,
    attentionContext: DeviceContext, streaming: PerQueryHeadAttention? = nil,
    sharing: ExpertSharing = ExpertSharing(), matricesKept: Int
  ) {
    isNarrow = context.path.quantizesActivations || context.path.unpacks
    matrices = RecentValues(slots: matricesKept)
    wideMatrices = RecentValues(slots: 1 << 10)
    self.context = context
    self.streaming = streaming
    self.sharing = sharing
    collectives = Collectives(wideContext, coefficients)
    // Weights are part of both: their bandwidth and peak, the cache's storage.
    let latent = context
    let moving = coefficients[ElementwiseOperators.family]!
    switch context.kind {
    case .gpu:
      elementwise = .gpu(ElementwiseOperators(context, moving))
      wideMatrix =
        MatrixMultiplication(wideContext, coefficients[OperatorFamily.wideMatrices]!).cost
      matrix =
        context.path.quantizesActivations
        ? QuantizedMatrixMultiplication(
          context, coefficients[QuantizedMatrixMultiplication.family]!
        ).cost
        : isNarrow
          ? MatrixMultiplication(context, coefficients[MatrixMultiplication.family]!).cost
          : wideMatrix
      prefillAttention = PrefillAttention(context, coefficients[PrefillAttention.family]!).cost
      decodeAttention =
        DecodeAttention(attentionContext, coefficients[DecodeAttention.family]!).cost
      experts = RoutedExperts(context, coefficients[RoutedExperts.family]!).cost
      latentAttention =
        MultiHeadLatentAttention(latent, coefficients[MultiHeadLatentAttention.family]!).cost
    case .cpu:
      elementwise = .cpu(CPUElementwiseOperators(context, moving))
      matrix = CPUMatrixMultiplication(context, coefficients[CPUMatrixMultiplication.family]!).cost
      wideMatrix = matrix
      prefillAttention = CPUAttention(attentionContext, coefficients[CPUAttention.family]!).cost
      decodeAttention = prefillAttention
      experts = CPURoutedExperts(context, coefficients[CPURoutedExperts.family]!).cost
      latentAttention = CPULatentAttention(latent, coefficients[CPULatentAttention.family]!).cost
    }
  }

  /// - Parameter devices: that share the layer of which `operation` is one's part.
  func cost(
    _ operation: SizedOperator, _ architecture: Architecture, devices: Int
  ) -> OperatorCost {
    let moving = elementwiseCost(operation.kind, operation.shape, results: operation.results)
    switch operation.shape {
    case .gemm(let m, let n, let k):
      let shape = MatrixShape(m: m, n: n, k: k)
      var cost = operation.kind == .head ? wideMatrix(shape) : matrix(shape)
      if let moving { cost.add(moving) }
      return cost
    case .attention(let shape):
      return attention(shape, isWindowed: architecture.hasWindows)
    case .rows: return moving!
    case .latentAttention(let shape): return latentAttention(shape)
    case .route(let rows, let count, let width):
      var cost = wideMatrix(MatrixShape(m: rows, n: count, k: width))
      if let moving { cost.add(moving) }
      return cost
    case .experts(let shape): return experts(sharing.load(shape, devices: devices))
    }
  }

  /// What elementwise kernels take for an operator; `nil` where it has none.
  private func elementwiseCost(
    _ kind: Operator.Kind, _ shape: SizedOperator.Shape, results: Int
  ) -> OperatorCost? {
    switch elementwise {
    case .gpu(let form):
      movedBytes(kind, shape, results: results).map { form.cost(.init(bytes: $0)) }
    case .cpu(let form): CPUElementwiseOperators.Shape(kind, shape).map(form.cost)
    }
  }

  /// Bytes that a GPU's elementwise kernels move for an operator; `nil` where it has none.
  private func movedBytes(
    _ kind: Operator.Kind, _ shape: SizedOperator.Shape, results: Int
  ) -> Double? {
    switch shape {
    case .gemm(let m, let n, _):
      // The activation is a kernel of its own: gate and up in, their product out.
      guard kind == .gateUpProjection || kind == .sharedGateUpProjection else { return nil }
      return Double(m) * Double(n + results) * context.activationBytes
    case .rows(let count, let width, _):
      // In and out; norms also add the residual stream: two in, two out.
      let addsStream =
        switch kind {
        case .attentionNorm, .mlpNorm, .attentionResidual, .mlpResidual: true
        default: false
        }
      return (addsStream ? 4 : 2) * Double(count) * Double(width) * context.activationBytes
    case .route(let rows, let count, _):
      // Scores in, weights out.
      return 2 * Double(rows) * Double(count) * context.activationBytes
    case .attention, .latentAttention, .experts: return nil
    }
  }

  private func attention(_ shape: AttentionShape, isWindowed: Bool) -> OperatorCost {
    guard shape.isDecode else { return prefillAttention(shape) }
    return streaming?.cost(shape, windowed: isWindowed) ?? decodeAttention(shape)
  }

  /// Seconds of latent attention in one layer.
  func seconds(_ shape: LatentAttentionShape) -> Double { latentAttention(shape).seconds }

  /// Seconds of attention in one layer.
  func attentionSeconds(_ step: AttentionStep) -> Double {
    attentions.value(step) { attention($0.shape, isWindowed: $0.heads.isWindowed).seconds }
  }

  /// Says whose steps are priced from here on.
  func begin(_ program: DeviceProgram) {
    guard program !== self.program || program.version != version else { return }
    self.program = program
    version = program.version
    visit += 1
    ofTokens.removeAll()
    ofLogits.removeAll()
    for operation in program.contents.ofTokens { add(operation, program.devices, to: &ofTokens) }
    for operation in program.contents.ofLogits { add(operation, program.devices, to: &ofLogits) }
  }

  private func add(
    _ operation: DeviceProgram.RowOperator, _ devices: Int, to terms: inout RowTerms
  ) {
    let count = Double(operation.count)
    switch operation.shape {
    case .gemm(_, let n, let k), .route(_, let n, let k):
      let isWide = isNarrow && (operation.kind == .head || operation.kind == .router)
      terms.matrices.append((n, k, count, isWide))
    case .experts(let shape): terms.experts.append((shape, devices, count))
    case .rows: break
    case .attention, .latentAttention:
      preconditionFailure("\(operation.kind) depends on more than its rows")
    }
    if let moving = elementwiseCost(operation.kind, operation.shape, results: operation.results) {
      terms.fixedSeconds += count * moving.latency
      terms.secondsPerRow += count * (moving.seconds - moving.latency)
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
    let passes = if case .cpu(let form) = elementwise { form.passes(rows) } else { rows }
    var seconds = terms.fixedSeconds + terms.secondsPerRow * Double(passes)
    for (n, k, count, isWide) in terms.matrices {
      let shape = MatrixShape(m: rows, n: n, k: k)
      seconds +=
        count
        * (isWide
          ? wideMatrices.value(shape) { wideMatrix($0).seconds }
          : matrices.value(shape) { matrix($0).seconds })
    }
    for (shape, devices, count) in terms.experts {
      var shape = shape
      shape.tokens = rows
      seconds += count * experts(sharing.load(shape, devices: devices)).seconds
    }
    return seconds
  }
}

/// One device's part of a layer's attention, whatever its step.
struct AttentionHeads: Equatable, BitwiseCopyable {
  let queryHeads: Int
  let keyValueHeads: Int
  let headDimension: Int
  /// Positions that a token sees; 0: all before it.
  let window: Int
  /// Positions that are cut into chunks which do not see each other; 0: none are.
  let chunk: Int
  /// Whether any layer of the architecture has a window.
  let isWindowed: Bool

  /// - Parameter attention: one device's part.
  init(_ attention: Attention, isWindowed: Bool) {
    queryHeads = attention.queryHeads
    keyValueHeads = attention.keyValueHeads
    headDimension = attention.headDimension
    window = attention.window ?? 0
    chunk = attention.chunk ?? 0
    self.isWindowed = isWindowed
  }

  /// Width of all key (or value) heads together.
  var keyValueWidth: Int { keyValueHeads * headDimension }

  /// Sizes that share a word differ in their hash at least up to 2²¹.
  var mixed: UInt64 {
    mix(mix(0, queryHeads &<< 42 ^ keyValueHeads &<< 21 ^ headDimension), window ^ chunk &<< 32)
  }
}

/// A layer's attention in a step of `new` tokens of each sequence after `cached` positions.
struct AttentionStep: SlotKey {
  let heads: AttentionHeads
  let sequences: Int
  let cached: Int
  let new: Int

  var mixed: UInt64 {
    // The heads' part is the same for all steps of a run.
    mix(heads.mixed ^ UInt64(truncatingIfNeeded: sequences &<< 32 ^ new), cached)
  }

  var shape: AttentionShape {
    AttentionShape(
      batch: sequences, cached: cached, new: new, queryHeads: heads.queryHeads,
      keyValueHeads: heads.keyValueHeads, headDimension: heads.headDimension,
      window: heads.window > 0 ? heads.window : nil, chunk: heads.chunk > 0 ? heads.chunk : nil)
  }
}

extension MatrixShape: SlotKey {
  var mixed: UInt64 { mix(mix(0, n &<< 32 ^ k), m) }
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
