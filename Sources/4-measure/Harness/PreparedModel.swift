import Engine
import Formats
import Machine
import Model
import Numerics
import Weights

/// One architecture in memory, ready to run tests.
package final class PreparedModel {
  package let architecture: Architecture
  /// What the matrices' storage is called; where a file mixes formats as nothing here does, the format
  /// of most bytes.
  let format: WeightFormat
  let storage: WeightStorage
  /// Where the weights are from, `nil` of random ones.
  let source: String?
  package let engine: Engine
  /// Seconds that making the weights took.
  let initializationSeconds: Double
  private let seed: UInt64

  /// - Parameters:
  ///   - format: of random weights; what stored ones are converted to, `nil` to run them as they are
  ///     stored.
  ///   - routing: how tokens choose experts, instead of by the router.
  ///   - stored: a model file to open, instead of making random weights.
  package init(
    _ architecture: Architecture, format: WeightFormat?, stored: String? = nil, cache: DType,
    sequences: Int, capacity: Int, maxTokens: Int, seed: UInt64, routing: Routing? = nil,
    team: ThreadTeam, kernels: KernelTable
  ) throws {
    self.seed = seed
    source = stored
    let start = SteadyClock.nanoseconds()
    let weights =
      try stored.map {
        try ModelWeights.load($0, kernels: kernels)
          .converted(to: format, packed: true, team: team, kernels: kernels)
      }
      ?? ModelWeights.random(
        architecture, dtype: format ?? .bf16, packed: true, seed: seed, team: team,
        kernels: kernels)
    // A file may have a head of its own where its configuration says that there is none.
    var described = weights.architecture
    described.name = architecture.name
    self.architecture = described
    let storage = weights.storage
    self.storage = storage
    self.format = format ?? storage.format(of: described) ?? WeightFormat(storage.all.main!)
    initializationSeconds = Double(SteadyClock.nanoseconds() - start) * 1e-9
    engine = try Engine(
      weights, cache: cache, sequences: sequences, capacity: capacity, maxTokens: maxTokens,
      maxLogits: sequences, team: team, kernels: kernels)
    engine.routing = routing.map { SyntheticRouting($0, described, seed: seed) }
  }

  /// Another engine on the same weights, with a cache of its own.
  package init(sharingWeightsOf other: PreparedModel, team: ThreadTeam, kernels: KernelTable) throws
  {
    architecture = other.architecture
    seed = other.seed
    format = other.format
    storage = other.storage
    source = other.source
    initializationSeconds = 0
    let like = other.engine
    engine = try Engine(
      like.weights, cache: like.cache.dtype, sequences: like.cache.sequences,
      capacity: like.cache.capacity, maxTokens: like.maxTokens, maxLogits: like.maxLogits,
      team: team, kernels: kernels)
    engine.routing = like.routing
  }

  /// Seconds of each of a plan's segments, run once.
  ///
  /// - Parameter stretch: each timed section is made longer by this share of its duration, by
  ///   spinning at its end: a slowdown of known size.
  package func time(_ plan: RunPlan, stretch: Double = 0) throws -> [Double] {
    try time(plan, stretch: stretch, reads: nil)
  }

  /// - Parameter reads: counts the experts that the timed steps read.
  func time(_ plan: RunPlan, stretch: Double, reads: TestBed.ExpertReads?) throws -> [Double] {
    try plan.segments.map { segment in
      for (sequence, length) in segment.lengths {
        engine.cache.setLength(length, ofSequence: sequence)
      }
      for step in inputs(segment.leadIn) {
        try engine.forward(step.inputs, logits: step.logits)
      }
      let steps = inputs(segment.steps)
      let before = engine.expertReads
      let start = SteadyClock.nanoseconds()
      for step in steps { try engine.forward(step.inputs, logits: step.logits) }
      var end = SteadyClock.nanoseconds()
      reads?.add(engine.expertReads.since(before))
      if stretch > 0 {
        let until = end + Int(stretch * Double(end - start))
        while end < until { end = SteadyClock.nanoseconds() }
      }
      return Double(end - start) * 1e-9
    }
  }

  /// The steps with random tokens.
  private func inputs(
    _ steps: [PlannedStep]
  ) -> [(inputs: [Engine.Input], logits: Step.Logits)] {
    var tokens = SeededGenerator(seed: seed)
    let vocabulary = architecture.vocabularySize
    return steps.map { step in
      (
        inputs: step.parts.map { part in
          Engine.Input(
            sequence: part.sequence,
            tokens: (0..<part.count).map { _ in Int.random(in: 0..<vocabulary, using: &tokens) })
        }, logits: step.logits
      )
    }
  }
}
