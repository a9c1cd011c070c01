import Model

/// Chooses the steps of a workload that are run, and how many others each stands for.
///
/// Steps of one shape differ in their depth alone, and their time changes smoothly with it: nearly
/// straight, as what attention reads grows by the same bytes each step, with a bend where a sliding
/// window is full. So each shape is timed at a few depths, the ends included, and the times between
/// are taken from the straight lines that connect them (the composite trapezoid rule, with the
/// multiplicities of the depths that really occur). Shapes at few depths are timed at all of them.
struct WorkloadIntegration {
  /// Depths of one shape that are timed: one more than a multiple of 2, so that leaving out every
  /// other one keeps both ends.
  static let nodes = 5
  /// Decode steps timed at each depth, after one untimed; one where there are few to choose from.
  static let decodeSteps = 2

  private(set) var segments: [RunPlan.Segment] = []

  /// Steps that differ in depth alone.
  private struct Shape: Hashable {
    let isPrefill: Bool
    let counts: [Int]
    let logits: Bool
    /// Depths of all parts relative to the first one's.
    let offsets: [Int]
  }

  /// How often a shape occurs at a depth, and the first step that does.
  private struct Occurrence {
    var count: Int
    let step: PlannedStep
    let lengths: [Int: Int]
  }

  /// - Parameters:
  ///   - steps: all steps of the test.
  ///   - window: where the time over depth has a bend.
  init(_ test: ThroughputTest, _ steps: [PlannedStep], window: Int?) {
    var lengths = Array(repeating: test.depth, count: test.batch)
    var shapes: [Shape: [Int: Occurrence]] = [:]
    var order: [Shape] = []
    for (index, step) in steps.enumerated() {
      let depths = step.parts.map { lengths[$0.sequence] }
      let shape = Shape(
        isPrefill: index < steps.count - test.decodeSteps,
        counts: step.parts.map(\.count), logits: step.logits == .last,
        offsets: depths.map { $0 - depths[0] })
      if shapes[shape] == nil { order.append(shape) }
      shapes[shape, default: [:]][
        depths[0],
        default: Occurrence(
          count: 0, step: step,
          lengths: Dictionary(uniqueKeysWithValues: zip(step.parts.map(\.sequence), depths)))
      ].count += 1
      for part in step.parts { lengths[part.sequence] += part.count }
    }
    for shape in order {
      append(
        shapes[shape] ?? [:], window: window, isPrefill: shape.isPrefill,
        capacity: test.depth + test.tokensPerSequence)
    }
  }

  private mutating func append(
    _ occurrences: [Int: Occurrence], window: Int?, isPrefill: Bool, capacity: Int
  ) {
    let depths = occurrences.keys.sorted()
    let counts = depths.map { Double(occurrences[$0]?.count ?? 0) }
    let fine = Self.nodes(depths, window: window)
    let coarse = Self.everyOther(fine, depths, window: window)
    let weights = Self.weights(fine, depths, counts)
    let coarseWeights = Dictionary(
      uniqueKeysWithValues: zip(coarse, Self.weights(coarse, depths, counts)))
    for (node, weight) in zip(fine, weights) {
      guard let occurrence = occurrences[depths[node]] else { continue }
      var segment = RunPlan.Segment(
        lengths: occurrence.lengths, steps: [occurrence.step], weight: weight,
        coarseWeight: coarseWeights[node] ?? 0, isPrefill: isPrefill)
      if !isPrefill {
        // The timed steps must not run past the last position.
        let wanted = depths.count > Self.decodeSteps * Self.nodes ? Self.decodeSteps : 1
        let timed = min(wanted, capacity - depths[node])
        segment.steps = Array(repeating: occurrence.step, count: timed)
        if depths[node] > 0 {
          segment.leadIn = [occurrence.step]
          segment.lengths = segment.lengths.mapValues { $0 - 1 }
        }
        segment.weight /= Double(timed)
        segment.coarseWeight /= Double(timed)
      }
      segments.append(segment)
    }
  }

  /// Indices of the depths that are timed, ascending.
  private static func nodes(_ depths: [Int], window: Int?) -> [Int] {
    guard depths.count > nodes else { return Array(depths.indices) }
    let even = (0..<nodes).map { $0 * (depths.count - 1) / (nodes - 1) }
    return Set(even + bend(depths, window)).sorted()
  }

  /// Without every second of the evenly spaced nodes; all where every depth is timed.
  private static func everyOther(_ fine: [Int], _ depths: [Int], window: Int?) -> [Int] {
    guard depths.count > nodes else { return fine }
    let even = stride(from: 0, to: nodes, by: 2).map { $0 * (depths.count - 1) / (nodes - 1) }
    return Set(even + bend(depths, window)).sorted()
  }

  private static func bend(_ depths: [Int], _ window: Int?) -> [Int] {
    guard let window, let index = depths.firstIndex(where: { $0 >= window }), index > 0 else {
      return []
    }
    return [index]
  }

  /// Of each node, the sum over all depths of its share in the straight line there.
  private static func weights(_ nodes: [Int], _ depths: [Int], _ counts: [Double]) -> [Double] {
    var weights = [Double](repeating: 0, count: nodes.count)
    var right = 0
    for index in depths.indices {
      while nodes[right] < index { right += 1 }
      if nodes[right] == index {
        weights[right] += counts[index]
        continue
      }
      let low = Double(depths[nodes[right - 1]])
      let share = (Double(depths[index]) - low) / (Double(depths[nodes[right]]) - low)
      weights[right] += counts[index] * share
      weights[right - 1] += counts[index] * (1 - share)
    }
    return weights
  }
}
