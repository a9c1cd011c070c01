import Engine
import Formats
import Machine
import Model
import Numerics
import Weights

extension ModelWeights {
  /// Random weights as strong as trained ones: what `random` gives is scaled up, so that attention
  /// is not uniform and every part of the model moves the logits; norm weights vary as well.
  ///
  /// - Parameter packed: as the benchmarks run them, or in rows.
  public static func lively(
    _ architecture: Architecture, dtype: DType = .f32, packed: Bool = true, seed: UInt64,
    kernels: KernelTable
  ) throws -> ModelWeights {
    let team = try ThreadTeam(count: 1, pinned: false, topology: Topology())
    var weights = try ModelWeights.random(
      architecture, dtype: .f32, seed: seed, team: team, kernels: kernels)
    for matrix in weights.matrices {
      let values = UnsafeMutableRawPointer(mutating: matrix.base)
        .assumingMemoryBound(to: Float.self)
      let scale = 1.5 / (0.02 * Float(matrix.columns).squareRoot())
      for i in 0..<matrix.rows * matrix.columns { values[i] *= scale }
    }
    var random = SeededGenerator(seed: seed)
    var norms = [weights.finalNorm]
    var biases = [weights.head.bias]
    for operators in weights.layers {
      norms += operators.flatMap(\.norms)
      biases += operators.flatMap { [$0.linear?.bias, $0.numbers] }
      biases += operators.flatMap { $0.experts.flatMap { [$0.gateUp.bias, $0.down.bias] } }
    }
    for case let bias? in biases + norms.map(\.bias) {
      for i in 0..<bias.count { bias.base[i] = Float.random(in: -0.5...0.5, using: &random) }
    }
    for norm in norms.map(\.weight) {
      for i in 0..<norm.count { norm.base[i] = Float.random(in: 0.5...1.5, using: &random) }
    }
    weights = try weights.converted(
      to: WeightFormat(dtype), packed: packed, team: team, kernels: kernels)
    return weights
  }
}

/// An engine for tests, and how to feed it.
public struct TestEngine {
  public let engine: Engine

  public init(
    _ weights: ModelWeights, cache: DType = .f32, sequences: Int = 1, capacity: Int = 1024,
    maxTokens: Int = 512, threads: Int = 1, kernels: KernelTable? = nil
  ) throws {
    let kernels = try kernels ?? KernelTable.selected()
    let team = try ThreadTeam(count: threads, pinned: false, topology: Topology())
    engine = try Engine(
      weights, cache: cache, sequences: sequences, capacity: capacity, maxTokens: maxTokens,
      maxLogits: maxTokens, team: team, kernels: kernels)
  }

  /// Logits of all positions of several sequences, each given in one step of all of them.
  public func logits(_ sequences: [(sequence: Int, tokens: [Int])]) throws -> [[Float]] {
    let logits = try engine.forward(
      sequences.map { Engine.Input(sequence: $0.sequence, tokens: $0.tokens) }, logits: .all)
    return (0..<logits.count).map { Array(logits[$0]) }
  }

  /// Logits of all positions of sequence 0, its tokens fed in steps of so many.
  public func logits(_ tokens: [Int], inStepsOf size: Int) throws -> [[Float]] {
    try stride(from: 0, to: tokens.count, by: size).flatMap { start in
      try logits([(0, Array(tokens[start..<min(tokens.count, start + size)]))])
    }
  }
}
