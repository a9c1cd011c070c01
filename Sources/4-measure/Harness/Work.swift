import Formats
import Machine
import Model

/// FLOPs and bytes of a test, step by step.
struct Work {
  /// FLOPs with weights, by the format of these, and without.
  private var steps: [(weighted: [DType: Double], others: Double, bytes: Double)] = []

  var flops: Double {
    steps.reduce(0) { $0 + $1.weighted.values.reduce(0, +) + $1.others }
  }
  var bytes: Double { steps.reduce(0) { $0 + $1.bytes } }

  /// The least time that a machine's limits allow: of each step, its FLOPs at peak or its bytes at
  /// full bandwidth, whichever takes longer.
  func floorSeconds(_ limits: MachineLimits) -> Double {
    steps.reduce(0) {
      $0
        + max(
          $1.weighted.reduce(0) { $0 + $1.value / limits.peak(of: $1.key) }
            + $1.others / limits.multiplyAddPeak,
          $1.bytes / limits.readBandwidth)
    }
  }

  /// - Parameters:
  ///   - routing: how tokens choose experts.
  ///   - expertsRead: distinct experts that a layer read in a step, on average, where that was counted:
  ///     the bytes of experts are scaled to it.
  init(
    _ test: ThroughputTest, _ architecture: Architecture, weights: WeightStorage,
    cache: DType, chunk: Int, routing: Routing = .even, expertsRead: Double? = nil
  ) {
    var lengths = Array(repeating: test.depth, count: test.batch)
    var ofSteps: [[SizedOperator]] = []
    for planned in test.steps(chunk: chunk) {
      let step = Step(
        sequences: planned.parts.map { Step.Sequence(cached: lengths[$0.sequence], new: $0.count) },
        logits: planned.logits)
      ofSteps.append(
        architecture.operators(of: step, weights: weights, cache: cache, routing: routing))
      for part in planned.parts { lengths[part.sequence] += part.count }
    }
    let distinct = ofSteps.joined().compactMap(\.distinctExperts)
    let expertScale =
      expertsRead.map { $0 * Double(distinct.count) / distinct.reduce(0, +) } ?? 1
    for operators in ofSteps {
      var weighted: [DType: Double] = [:]
      var others = 0.0
      for operation in operators {
        let matrices = weights.matrices(of: operation.kind, layer: operation.layer)
        guard matrices.count > 0 else {
          others += operation.flops
          continue
        }
        for (dtype, count) in matrices.elements {
          weighted[dtype, default: 0] += operation.flops * Double(count) / Double(matrices.count)
        }
      }
      // What must come from memory: weights and cache. Activations stay in the caches.
      let bytes = operators.reduce(0) {
        $0 + ($1.distinctExperts == nil ? 1 : expertScale) * $1.weightBytes + $1.cacheReadBytes
      }
      steps.append((weighted, others, bytes))
    }
  }

  /// Of a cell, with the experts that its steps have read so far.
  init(_ cell: TestBed.Cell, _ settings: ThroughputBench.Settings) {
    self.init(
      cell.test, cell.model.architecture, weights: cell.model.storage, cache: settings.cacheDType,
      chunk: settings.chunk,
      routing: cell.model.engine.routing?.routing ?? .even, expertsRead: cell.reads.mean)
  }
}

extension SizedOperator {
  /// Distinct experts whose weights are read; `nil` of other operators.
  fileprivate var distinctExperts: Double? {
    if case .experts(let shape) = shape { shape.distinct } else { nil }
  }
}
