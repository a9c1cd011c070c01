import Formats
import Foundation
import Model
import Records

/// Prices whole runs of a static batch: the operators of every step, and what the engine's host
/// code adds.
///
/// `t = Σ prefills (operators + step + sequence·n) + Σ decode steps (the same)`, where few steps stand
/// for many (`PricedSteps.swift`).
final class EndToEndModel {
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
    Coefficient(
      "joint_sum", nominal: 5e-6, spread: 1, carries: false,
      "seconds that devices wait for each other and the launch at each sum over them"),
    Coefficient(
      "joint_step", nominal: 5e-4, spread: 1, carries: false,
      "seconds of host work a step for each doubling of the devices"),
  ]

  /// Whether a prediction under these settings can depend on a coefficient at all.
  static func matters(
    _ index: Int, _ engine: ServingEngine, _ settings: Predictor.Settings
  ) -> Bool {
    switch coefficients[index].name {
    case "port", "paged_port", "walk": engine.decodeKernel == .perQueryHead
    case "joint_sum", "joint_step": settings.tensorParallel > 1
    default: true
    }
  }

  /// Nominal values: an engine in C++ has far less host work than one in Python, and vLLM splits
  /// long walks.
  static func prior(_ engine: ServingEngine) -> Prior {
    var prior = Prior(coefficients)
    func set(_ name: String, _ value: Double) {
      prior.logValues[coefficients.firstIndex { $0.name == name }!] = log(value)
    }
    switch engine.name {
    case ServingEngine.tensorRT2024.name, ServingEngine.llamaCpp.name:
      set("step", 3e-4)
      set("sequence", 5e-6)
      set("joint_step", 1e-4)
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
  let operators: OperatorModel
  private let sharing: ExpertSharing
  /// Groups of devices that each hold a part of the layers, one after another.
  private let stages: Int
  /// Of what is priced by itself.
  private let program: DeviceProgram
  private let attentionRuns = RecentValues<AttentionRun, RunTime>(slots: 1 << 14)

  init(
    _ device: PricedDevice, _ engine: ServingEngine, _ values: [Double],
    sharing: ExpertSharing = ExpertSharing(), stages: Int = 1, matricesKept: Int = 1 << 16
  ) {
    self.stages = stages
    self.device = device
    self.engine = engine
    self.values = values
    self.sharing = sharing
    program = DeviceProgram(sharing)
    var context = device.context
    context.peak *= values[0]
    context.bandwidth *= values[1]
    var wide = device.wide
    wide.peak *= values[0]
    wide.bandwidth *= values[1]
    // Scores and values are multiplied in 16 bits, however weights are stored.
    var attention = device.wide
    let peak = device.limits.attentionArithmetic.flatMap(device.limits.peak) ?? attention.peak
    attention.peak = peak * values[0]
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
      context, device.coefficients, wideContext: wide, attentionContext: attention,
      streaming: streaming, sharing: sharing,
      matricesKept: matricesKept)
  }

  struct RunTime: Sendable, BitwiseCopyable {
    /// Until the first tokens of the sequences that start at once.
    var firstToken = 0.0
    var prefill = 0.0
    var decode = 0.0
    var total: Double { prefill + decode }

    mutating func add(_ seconds: Double, _ phase: ServingSchedule.Phase) {
      switch phase {
      case .firstPrefill:
        firstToken += seconds
        prefill += seconds
      case .prefill: prefill += seconds
      case .decode: decode += seconds
      }
    }

    mutating func add(_ other: RunTime, times count: Double) {
      firstToken += count * other.firstToken
      prefill += count * other.prefill
      decode += count * other.decode
    }

    /// Prompts' steps follow each other through the stages: all of them pass the first one, and the
    /// last goes on through the others.
    mutating func pipeline(stages: Int, prefillSteps: (first: Int, all: Int)) {
      func passed(_ seconds: Double, _ steps: Int) -> Double {
        guard steps > 0 else { return seconds }
        return seconds * Double(steps + stages - 1) / Double(steps * stages)
      }
      firstToken = passed(firstToken, prefillSteps.first)
      prefill = passed(prefill, prefillSteps.all)
    }
  }

  /// Seconds of a run that `schedule` lists, by itself.
  func run(
    _ architecture: Architecture, _ schedule: ServingSchedule, tensorParallel: Int
  ) -> RunTime {
    program.become(architecture, devices: tensorParallel)
    return run(program, schedule)
  }

  /// Seconds of a run that `schedule` lists.
  func run(_ program: DeviceProgram, _ schedule: ServingSchedule) -> RunTime {
    operators.begin(program)
    var time = RunTime()
    let (hiddenSize, devices) = (program.hiddenSize, program.devices)
    let jointStep = devices > 1 ? values[9] * log2(Double(devices)) : 0
    schedule.forEachStepBesideAttention { step in
      // Stages work on parts of the decoding sequences in turn, so a step is of one part.
      let isParted = stages > 1 && step.phase == .decode
      let tokens = isParted ? part(of: step.tokens) : step.tokens
      let logitsRows = isParted ? part(of: step.logitsRows) : step.logitsRows
      let seconds =
        hostSeconds(step.sequences) + jointStep
        + collectives(program, tokens: tokens, logitsRows: logitsRows)
        + handedOver(hiddenSize, tokens: tokens)
        + operators.secondsBesideAttention(tokens: tokens, logitsRows: logitsRows)
      time.add(seconds * step.times, step.phase)
    }
    for (heads, count) in program.contents.attentions {
      time.add(attention(heads, schedule), times: Double(count))
    }
    for (attention, count) in program.contents.latentAttentions {
      time.add(price(attention, schedule), times: Double(count))
    }
    if stages > 1 { time.pipeline(stages: stages, prefillSteps: schedule.prefillSteps) }
    return time
  }

  /// A stage's part of sequences that take turns.
  private func part(of count: Int) -> Int { (count + stages - 1) / stages }

  /// Seconds of one layer's attention in a run. Architectures of the same heads share them where
  /// they share the schedule.
  private func attention(_ heads: AttentionHeads, _ schedule: ServingSchedule) -> RunTime {
    guard let identity = schedule.identity else { return price(heads, schedule) }
    return attentionRuns.value(AttentionRun(schedule: identity, heads: heads)) {
      price($0.heads, schedule)
    }
  }

  private func price(_ heads: AttentionHeads, _ schedule: ServingSchedule) -> RunTime {
    var time = RunTime()
    schedule.forEachStepOfAttention { phase, sequences, cached, new, times in
      let sequences = stages > 1 && phase == .decode ? part(of: sequences) : sequences
      let step = AttentionStep(heads: heads, sequences: sequences, cached: cached, new: new)
      time.add(operators.attentionSeconds(step) * times, phase)
    }
    return time
  }

  /// Seconds of one layer's latent attention in a run.
  private func price(_ attention: LatentAttention, _ schedule: ServingSchedule) -> RunTime {
    var time = RunTime()
    schedule.forEachStepOfAttention { phase, sequences, cached, new, times in
      let sequences = stages > 1 && phase == .decode ? part(of: sequences) : sequences
      let shape = StepExtent.even(batch: sequences, cached: cached, new: new).shape(attention)
      time.add(operators.seconds(shape) * times, phase)
    }
    return time
  }

  /// What one layer's attention in a run depends on.
  private struct AttentionRun: SlotKey {
    let schedule: Int
    let heads: AttentionHeads

    var mixed: UInt64 { mix(heads.mixed, schedule) }
  }

  /// Tells `body` each operator of such a run, its cost and how often it runs: the same terms as
  /// `run`'s, without all-reduces and the host's work.
  func forEachOperator(
    _ architecture: Architecture, _ schedule: ServingSchedule, tensorParallel: Int,
    _ body: (SizedOperator, OperatorCost, Double) -> Void
  ) {
    let architecture = sharing.widened(architecture, devices: tensorParallel)
    func list(
      batch: Int, cached: Int, new: Int, logitsRows: Int, attention: Bool, times: Double
    ) {
      // Costs depend on shapes only; bytes are the device's own.
      architecture.forEachOperator(
        batch: batch, cached: cached, new: new, logitsRows: logitsRows,
        weights: device.weights.dtype ?? .bf16, cache: device.cache.dtype ?? .bf16,
        shard: tensorParallel
      ) { operation, layers in
        let isMixer = operation.kind == .attention || operation.kind == .latentAttention
        guard isMixer == attention else { return }
        body(
          operation, operators.cost(operation, architecture, devices: tensorParallel),
          times * Double(layers))
      }
    }
    schedule.forEachStepBesideAttention { step in
      list(
        batch: step.tokens, cached: 0, new: 1, logitsRows: step.logitsRows, attention: false,
        times: step.times)
    }
    schedule.forEachStepOfAttention { _, sequences, cached, new, times in
      list(
        batch: sequences, cached: cached, new: new, logitsRows: 0, attention: true, times: times)
    }
  }

  private func hostSeconds(_ batch: Int) -> Double { values[3] + values[4] * Double(batch) }

  /// What devices that share the layers do together in a step.
  func collectives(_ program: DeviceProgram, tokens: Int, logitsRows: Int) -> Double {
    let (contents, hiddenSize) = (program.contents, program.hiddenSize)
    return allReduce(contents.sums, hiddenSize, tokens: tokens, program.devices)
      + gathered(contents.vocabulary, rows: logitsRows, program.devices)
      + exchanged(contents.routedRows, hiddenSize, tokens: tokens, program.devices)
  }

  /// Rows that go to their experts' devices and back, of all layers: each device has its share of the
  /// tokens.
  private func exchanged(
    _ rows: [(active: Int, layers: Int)], _ hiddenSize: Int, tokens: Int, _ devices: Int
  ) -> Double {
    rows.reduce(0) { sum, kind in
      let bytes =
        Double(tokens) / Double(devices) * Double(kind.active) * Double(hiddenSize)
        * device.context.activationBytes
      return sum
        + 2 * Double(kind.layers)
        * operators.collectives.seconds(.allToAll, bytes: bytes, devices: sharing.parts)
    }
  }

  /// Parts of the vocabulary's scores that one device collects.
  private func gathered(_ vocabulary: Int, rows: Int, _ devices: Int) -> Double {
    guard devices > 1, rows > 0 else { return 0 }
    let bytes = Double(rows) * Double(vocabulary) * device.context.activationBytes
    return operators.collectives.seconds(.allGather, bytes: bytes, devices: devices)
  }

  /// Rows that one stage hands to the next.
  private func handedOver(_ hiddenSize: Int, tokens: Int) -> Double {
    guard stages > 1 else { return 0 }
    let bytes = Double(tokens) * Double(hiddenSize) * device.context.activationBytes
    return Double(stages - 1) * operators.collectives.handOver(bytes: bytes)
  }

  /// Sums over devices of what attention and MLPs add to the residual stream.
  private func allReduce(
    _ sums: Int, _ hiddenSize: Int, tokens: Int, _ devices: Int
  ) -> Double {
    guard devices > 1 else { return 0 }
    let bytes = Double(tokens) * Double(hiddenSize) * device.context.activationBytes
    return Double(sums)
      * (values[8] + operators.collectives.seconds(.allReduce, bytes: bytes, devices: devices))
  }
}

/// What a profile says of a device for one pair of dtypes, ready to price with.
struct PricedDevice: Sendable {
  var limits: DeviceLimits
  var context: DeviceContext
  /// Of weights that stay 16 bits wide where others are narrower: embeddings, the head, routers.
  var wide: DeviceContext
  var coefficients: OperatorCoefficients
  var weights: NumberStorage
  var cache: NumberStorage
}
