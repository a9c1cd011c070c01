import Engine
import Input
import Machine
import Model
import Weights

/// The models of a run, in memory together.
struct PreparedModels {
  /// What each model must hold.
  struct Sizes {
    var sequences: Int
    /// Positions of a sequence.
    var capacity: Int
    /// Most new tokens of a step.
    var maxTokens: Int
    /// Positions that are filled with synthetic contents.
    var depth: Int
  }

  let models: [PreparedModel]
  /// What all of them together were expected to take.
  let memoryNeedBytes: Int

  /// - Parameters:
  ///   - reservedBytes: of memory for other uses.
  ///   - report: told what is being done.
  /// - Throws: `InputError` where the models do not fit into memory together.
  init(
    _ subjects: [ModelSubject], _ sizes: Sizes, _ settings: ThroughputBench.Settings,
    machine: Machine, reservedBytes: Int, report: (String) -> Void
  ) throws {
    let available = AvailableMemory.bytes()
    let needs = try subjects.map {
      try Self.need($0, sizes, settings, threads: machine.team.count)
    }
    for (subject, need) in zip(subjects, needs) {
      try need.check(subject.architecture.name, available: available)
    }
    try MemoryNeed(sumOf: needs).check(
      "\(subjects.count) architectures together", available: max(0, available - reservedBytes))
    memoryNeedBytes = MemoryNeed(sumOf: needs).total + reservedBytes
    models = try subjects.map { subject in
      let random = "random \(settings.format(of: subject) ?? .bf16)"
      report("\(subject.architecture.name): \(subject.weights == nil ? random : "stored") weights")
      let model = try PreparedModel(
        subject.architecture, format: settings.format(of: subject), stored: subject.weights,
        cache: settings.cacheDType,
        sequences: sizes.sequences, capacity: sizes.capacity, maxTokens: sizes.maxTokens,
        seed: settings.seed, routing: settings.routing(of: subject), team: machine.team,
        kernels: machine.kernels)
      guard settings.activations == .native || !model.format.base.isBlocks else {
        throw InputError(
          "activations",
          problem: "f32 is given, but weights of \(subject.architecture.name) are \(model.format), "
            + "which are multiplied in integers", expected: "native, or weights in f32, bf16 or f16"
        )
      }
      model.engine.cache.fillSynthetically(
        toDepth: sizes.depth, seed: settings.seed, team: machine.team, kernels: machine.kernels)
      return model
    }
  }

  /// What one model takes.
  static func need(
    _ subject: ModelSubject, _ sizes: Sizes, _ settings: ThroughputBench.Settings, threads: Int
  ) throws -> MemoryNeed {
    // A file's weights take at most what the file does.
    let stored =
      try settings.format(of: subject) == nil
      ? subject.weights.map(ModelWeights.fileBytes) : nil
    return try MemoryNeed(
      subject.architecture,
      weights: try stored
        ?? subject.architecture.weightBytes(settings.format(of: subject) ?? .bf16),
      cache: settings.cacheDType, sequences: sizes.sequences, capacity: sizes.capacity,
      maxTokens: sizes.maxTokens, maxLogits: sizes.sequences, threads: threads)
  }
}
