import Formats
import Machine
import Model

/// FLOPs and bytes of a test, step by step.
struct Work {
  /// FLOPs with weights and without.
  private var steps: [(weighted: Double, others: Double, bytes: Double)] = []
  private let weights: DType

  var flops: Double { steps.reduce(0) { $0 + $1.weighted + $1.others } }
  var bytes: Double { steps.reduce(0) { $0 + $1.bytes } }

  /// The least time that a machine's limits allow: of each step, its FLOPs at peak or its bytes at
  /// full bandwidth, whichever takes longer.
  func floorSeconds(_ limits: MachineLimits) -> Double {
    steps.reduce(0) {
      $0
        + max(
          $1.weighted / limits.peak(of: weights) + $1.others / limits.multiplyAddPeak,
          $1.bytes / limits.readBandwidth)
    }
  }

  /// - Parameter weightScale: bytes of the weights over what they would take in `weights`: files mix
  ///   formats.
  init(
    _ test: ThroughputTest, _ architecture: Architecture, weights: DType, weightScale: Double = 1,
    cache: DType, chunk: Int
  ) {
    self.weights = weights
    var lengths = Array(repeating: test.depth, count: test.batch)
    for planned in test.steps(chunk: chunk) {
      let step = Step(
        sequences: planned.parts.map { Step.Sequence(cached: lengths[$0.sequence], new: $0.count) },
        logits: planned.logits)
      let operators = architecture.operators(of: step, weights: weights, cache: cache)
      // What must come from memory: weights and cache. Activations stay in the caches.
      steps.append(
        (
          weighted: operators.reduce(0) { $0 + ($1.weightBytes > 0 ? $1.flops : 0) },
          others: operators.reduce(0) { $0 + ($1.weightBytes > 0 ? 0 : $1.flops) },
          bytes: operators.reduce(0) { $0 + weightScale * $1.weightBytes + $1.cacheReadBytes }
        ))
      for part in planned.parts { lengths[part.sequence] += part.count }
    }
  }
}
