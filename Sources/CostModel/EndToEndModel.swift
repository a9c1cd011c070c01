import Architectures
import Foundation
import Operators
import Records

/// Prices whole runs of a static batch: the operators of every step, and what the engine's host
/// code adds.
///
/// `t = Σ prefills (operators + step + sequence·n) + Σ decode steps (the same)`. A run of decode
/// steps is a smooth function of the context and is integrated by Gauss's rule.
struct EndToEndModel {
  static let coefficients: [Coefficient] = [
    Coefficient(
      "compute", nominal: 0.75, spread: 0.2,
      "peak of long runs at sustained clocks, over that of the operator rung's short ones"),
    Coefficient(
      "memory", nominal: 1, spread: 0.15,
      "bandwidth that weights reach, over the operator rung's"),
    Coefficient(
      "cache_memory", nominal: 1, spread: 0.15,
      "bandwidth that keys and values reach, over the operator rung's"),
    Coefficient(
      "step", nominal: 1e-3, spread: 0.7, carries: false, "seconds of host work a step"),
    Coefficient(
      "sequence", nominal: 5e-5, spread: 0.7, carries: false,
      "seconds of host work a sequence and step"),
    Coefficient(
      "port", nominal: 32, spread: 0.3,
      "bytes a clock of a unit where each query head reads its cache: half of the 64-byte port"),
    Coefficient(
      "paged_port", nominal: 20, spread: 0.3,
      "the same of PagedAttention's first version, whose logits leave a third of the warps"),
    Coefficient(
      "walk", nominal: 1e-8, spread: 0.7, carries: false,
      "seconds a position and layer of a walk over the cache that nothing splits"),
  ]

  /// Nominal values: an engine in C++ has far less host work than one in Python, and vLLM splits
  /// long walks.
  static func prior(_ engine: ServingEngine) -> Prior {
    var prior = Prior(coefficients)
    func set(_ name: String, _ value: Double) {
      prior.logValues[coefficients.firstIndex { $0.name == name }!] = log(value)
    }
    switch engine.name {
    case ServingEngine.tensorRT2024.name:
      set("step", 3e-4)
      set("sequence", 5e-6)
    case ServingEngine.dyno.name:
      set("compute", 1)
      set("step", 2e-5)
      set("sequence", 1e-6)
    default: break
    }
    return prior
  }

  let device: PricedDevice
  let engine: ServingEngine
  private let values: [Double]
  private let operators: OperatorModel

  init(_ device: PricedDevice, _ engine: ServingEngine, _ values: [Double]) {
    self.device = device
    self.engine = engine
    self.values = values
    var context = device.context
    context.peak *= values[0]
    context.bandwidth *= values[1]
    var attention = device.context
    attention.peak *= values[0]
    attention.bandwidth *= values[2]
    var streaming: PerQueryHeadAttention?
    if engine.decodeKernel == .perQueryHead {
      let limits = device.limits
      streaming = PerQueryHeadAttention(
        // A plain stream reaches 0.8 of the bandwidth: the nominal share of the GEMM's weights.
        bandwidth: 0.8 * attention.bandwidth, portRate: Double(limits.units) * limits.clock,
        port: values[5], pagedPort: engine.pagedAttentionForWindows ? values[6] : nil,
        walk: engine.cachePolicy == .reserving ? values[7] : 0,
        pagedSlots: Double(limits.units)
          * max(1, (limits.sharedMemory / PerQueryHeadAttention.pagedBlockBytes).rounded(.down)),
        cacheBytes: context.cacheBytes)
    }
    operators = OperatorModel(
      context, device.coefficients, linkBandwidth: device.limits.linkBandwidth,
      attentionContext: attention, streaming: streaming)
  }

  /// Seconds of one step of `batch` sequences with `new` tokens after `cached`, host work included.
  @inline(__always)
  func step(
    _ architecture: Architecture, batch: Int, cached: Int, new: Int, logitsRows: Int,
    tensorParallel: Int, _ visit: ((Operator, OperatorCost, Int) -> Void)? = nil
  ) -> Double {
    var seconds =
      hostSeconds(batch) + allReduce(architecture, tokens: batch * new, tensorParallel)
    architecture.forEachOperator(
      batch: batch, cached: cached, new: new, logitsRows: logitsRows, weights: device.weights,
      cache: device.cache, shard: tensorParallel
    ) { operation, count in
      let cost = operators.cost(operation, architecture)
      seconds += cost.seconds * Double(count)
      visit?(operation, cost, count)
    }
    return seconds
  }

  struct RunTime: Sendable {
    /// Until the first tokens of the sequences that start at once.
    var firstToken = 0.0
    var prefill = 0.0
    var decode = 0.0
    var total: Double { prefill + decode }
  }

  /// Seconds of a run that `schedule` lists.
  ///
  /// - Parameter visit: told each operator, its cost and how often it runs.
  func run(
    _ architecture: Architecture, _ schedule: ServingSchedule, tensorParallel: Int,
    _ visit: ((Operator, OperatorCost, Double) -> Void)? = nil
  ) -> RunTime {
    var time = RunTime()
    for (index, prefill) in schedule.prefills.enumerated() {
      let times = Double(prefill.count)
      let seconds = step(
        architecture, batch: prefill.sequences, cached: prefill.cached, new: prefill.new,
        logitsRows: prefill.isLast ? prefill.sequences : 0, tensorParallel: tensorParallel,
        visit.map { visit in { visit($0, $1, Double($2) * times) } })
      time.prefill += times * seconds
      if index < schedule.firstPrefills { time.firstToken += times * seconds }
    }
    for segment in schedule.decodes {
      time.decode += decode(architecture, segment, tensorParallel, visit) * Double(segment.count)
    }
    return time
  }

  /// Seconds of a run of decode steps. Only attention changes with the context: everything else is
  /// priced once.
  private func decode(
    _ architecture: Architecture, _ segment: ServingSchedule.Decode, _ tensorParallel: Int,
    _ visit: ((Operator, OperatorCost, Double) -> Void)?
  ) -> Double {
    let batch = segment.sequences
    let steps = Double(segment.steps)
    let repeats = Double(segment.count)
    var fixed = hostSeconds(batch) + allReduce(architecture, tokens: batch, tensorParallel)
    var growing = 0.0
    architecture.forEachOperator(
      batch: batch, cached: Int(segment.firstContext), new: 1, logitsRows: batch,
      weights: device.weights, cache: device.cache, shard: tensorParallel
    ) { operation, layers in
      guard case .attention(let first) = operation.shape else {
        let cost = operators.cost(operation, architecture)
        fixed += cost.seconds * Double(layers)
        visit?(operation, cost, steps * repeats * Double(layers))
        return
      }
      Self.nodes(segment) { context, weight in
        let shape = AttentionShape(
          batch: batch, cached: context - 1, new: 1, queryHeads: first.queryHeads,
          keyValueHeads: first.keyValueHeads, headDimension: first.headDimension,
          window: operation.window)
        let cost = operators.decodeAttention(shape, architecture)
        growing += cost.seconds * weight * Double(layers)
        visit?(operation, cost, weight * repeats * Double(layers))
      }
    }
    return fixed * steps + growing
  }

  private func hostSeconds(_ batch: Int) -> Double { values[3] + values[4] * Double(batch) }

  /// Sums over devices after the attention's output projection and after the MLP's.
  private func allReduce(
    _ architecture: Architecture, tokens: Int, _ tensorParallel: Int
  ) -> Double {
    guard tensorParallel > 1 else { return 0 }
    let bytes =
      Double(tokens) * Double(architecture.hiddenSize) * device.context.activationBytes
    return 2 * Double(architecture.layers)
      * operators.allReduce.cost(bytes: bytes, devices: tensorParallel).seconds
  }

  /// Contexts at which a run of decode steps is priced, and how many steps each stands for: all
  /// where they are few, else Gauss-Legendre's three points.
  private static func nodes(
    _ decode: ServingSchedule.Decode, _ body: (_ context: Int, _ steps: Double) -> Void
  ) {
    let steps = decode.steps
    guard steps > 3 else {
      for index in 0..<steps { body(Int(decode.firstContext.rounded()) + index, 1) }
      return
    }
    let middle = decode.firstContext + Double(steps - 1) / 2
    let offset = 0.774_596_669_241_483_4 * Double(steps) / 2  // √(3/5) of the half width
    body(max(1, Int((middle - offset).rounded())), Double(steps) * 5 / 18)
    body(Int(middle.rounded()), Double(steps) * 8 / 18)
    body(Int((middle + offset).rounded()), Double(steps) * 5 / 18)
  }
}

/// What a profile says of a device for one pair of dtypes, ready to price with.
struct PricedDevice: Sendable {
  var limits: DeviceLimits
  var context: DeviceContext
  var coefficients: OperatorCoefficients
  var weights: DType
  var cache: DType
}
