import Formats
import Harness
import Input
import Machine
import Model

/// Ways in which two sides may not be comparable, refused unless allowed by name.
public enum Difference: String, CaseIterable, Sendable {
  /// Processor, topology, memory, instruction set.
  case machine
  /// Kernel, microcode, clock governor, huge pages, container limits, libraries.
  case system
  /// Threads, pinning, storage of weights and cache, what weights are multiplied with, chunk,
  /// routing.
  case settings
  /// A test that only one side has.
  case cells

  /// What to do about it.
  static func refusal(_ difference: Difference, _ detail: String) -> InputError {
    InputError(
      problem: "the two sides differ in \(detail)",
      expected: "the same, or allow_different \(difference.rawValue)")
  }

  /// Refuses two executables whose runs would not be of the same things.
  static func check(
    _ baseline: BenchHello, _ candidate: BenchHello, allowed: Set<Difference>
  ) throws {
    func keys(_ hello: BenchHello) -> [String] {
      hello.cells.map { "\($0.modelType) \($0.test), batch \($0.nSequences)" }
    }
    // Pairs go by position, so this one cannot be allowed.
    guard keys(baseline) == keys(candidate),
      baseline.cells.map(\.architecture) == candidate.cells.map(\.architecture)
    else {
      throw InputError(
        problem: "the two executables do not make the same tests of the same arguments")
    }
    for (first, second) in zip(baseline.cells, candidate.cells) {
      try within("\(first.modelType) \(first.test), batch \(first.nSequences)") {
        try check(
          Circumstances(baseline, first), Circumstances(candidate, second), allowed: allowed)
      }
    }
  }

  /// What may differ, of one side.
  struct Circumstances {
    var environment: RunEnvironment
    var cpuInfo: String
    var threads: Int
    var chunk: Int
    var weights: WeightFormat
    var cache: DType
    /// How unevenly tokens choose experts.
    var routing: Double?
    /// What weights are multiplied with.
    var activations: ActivationFormat

    fileprivate var fields: [(Difference, name: String, value: String)] {
      func text(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "–" }
      let e = environment
      return [
        (.machine, "processor", cpuInfo), (.machine, "topology", e.topology),
        (.machine, "memory", text(e.memoryBytes)),
        (.machine, "instruction set", e.instructionSet),
        (.system, "kernel", e.operatingSystem), (.system, "microcode", text(e.microcode)),
        (.system, "governor", text(e.governor)),
        (.system, "huge pages", text(e.transparentHugePages)),
        (.system, "container's processors", text(e.containerProcessors)),
        (.system, "container's memory", text(e.containerMemoryBytes)),
        (.system, "OpenBLAS", e.openblas),
        (.settings, "threads", text(threads)), (.settings, "pinning", text(e.threadsPinned)),
        (.settings, "chunk", text(chunk)), (.settings, "weights", weights.rawValue),
        (.settings, "cache", cache.rawValue), (.settings, "routing", text(routing)),
        (.settings, "activations", activations.rawValue),
      ]
    }
  }

  /// Refuses two sides of one test that differ in what may not.
  static func check(
    _ baseline: Circumstances, _ candidate: Circumstances, allowed: Set<Difference>
  ) throws {
    for (first, second) in zip(baseline.fields, candidate.fields)
    where first.value != second.value && !allowed.contains(first.0) {
      throw refusal(first.0, "\(first.name): \(first.value) and \(second.value)")
    }
  }
}

extension Difference.Circumstances {
  fileprivate init(_ hello: BenchHello, _ cell: BenchHello.Cell) {
    self.init(
      environment: hello.environment, cpuInfo: hello.cpuInfo, threads: hello.nThreads,
      chunk: hello.nBatch, weights: cell.typeWeights, cache: hello.typeK,
      routing: cell.routingExponent, activations: cell.typeActivations)
  }
}
