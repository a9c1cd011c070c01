import Foundation
import Input
import Model
import Sweeps
import TestSupport
import Testing

@Suite struct SweepSpecTests {
  private func spec(_ text: String) throws -> SweepSpec {
    try SweepSpec(text, folder: Files.fixtures)
  }

  private func expectRefusal(_ text: String, _ parts: String...) {
    let error = #expect(throws: InputError.self) { _ = try spec(text) }
    for part in parts { #expect("\(error!)".contains(part), "\(error!)") }
  }

  @Test func grid() throws {
    let spec = try spec(
      """
      architectures: [huggingface/qwen2, llama-3.2-1b]
      dtype: [bf16, q8_0]
      batch: [1, 8]
      prompt: [16, 32]
      generate: 4
      threads: 1
      blocks: 3
      repetitions: 2
      time_limit: 10m
      seed: 18446744073709551615
      """)
    #expect(spec.cells.count == 2 * 2 * 2 * 3)
    #expect(spec.blocks == 3 && spec.timeLimit == 600 && spec.seed == .max)
    #expect(Set(spec.cells.map(\.architecture.name)) == ["qwen2", "llama-3.2-1b"])
    #expect(spec.cells.allSatisfy { $0.settings.threads == 1 && $0.settings.repetitions == 2 })
    #expect(Set(spec.cells.map(\.name)).count == 24)
  }

  @Test func sameContentIsOneCell() throws {
    #expect(
      try spec(
        """
        architectures: [llama-3.2-1b, llama-3.2-1b]
        prompt: [16, 16]
        generate: 0
        """
      ).cells.count == 1)
  }

  @Test func generatedArchitecturesKeepTheirParameters() throws {
    let spec = try spec(
      """
      architectures:
        - base: llama-3.2-1b
          vary: {hidden_size: [1536, 2048, 2560], gqa: [1, 4, 8, 5]}
          fixed_parameters: {tolerance: 1%, multiple: 128}
      prompt: 16
      generate: 0
      """)
    #expect(spec.cells.count == 9)
    #expect(spec.impossible.count == 3)
    #expect(spec.impossible.allSatisfy { $0.contains("gqa 5 does not divide") })
    let target = Double(try Zoo.resolve("llama-3.2-1b").parameters.nonEmbedding)
    for architecture in spec.cells.map(\.architecture) {
      #expect(abs(Double(architecture.parameters.nonEmbedding) / target - 1) <= 0.01)
      #expect(architecture.intermediateSize % 128 == 0)
    }
    #expect(spec.cells.map(\.architecture.name).contains("llama-3.2-1b-d2560-gqa8"))
    let smaller = try self.spec(
      """
      architectures:
        base: llama-3.2-1b
        vary: {num_hidden_layers: [8, 16]}
        fixed_parameters: {parameters: 500M}
      """)
    #expect(smaller.cells.count == 4)
    for cell in smaller.cells {
      #expect(abs(Double(cell.architecture.parameters.nonEmbedding) / 5e8 - 1) <= 0.01)
    }
  }

  @Test func mistakesAreNamed() {
    expectRefusal("architecture: llama-3.2-1b", "line 1", "\"architecture\"", "architectures?")
    expectRefusal(
      "architectures: llama-3.2-1b\nbatches: [1]", "line 2", "unknown key \"batches\"", "batch?")
    expectRefusal("architectures: llama-3.2-1b\nzzzz: 1", "one of architectures, dtype")
    expectRefusal("architectures: llama-3.2-1b\nbatch: many", "line 2: batch: is \"many\"")
    expectRefusal("architectures: llama-3.2-1b\nbatch: [1, [2]]", "line 2: batch: is a list")
    expectRefusal("architectures: llama-3.2-1b\nbatch: -1", "1 to")
    expectRefusal("architectures: llama-3.2-1b\ndtype: [q5]", "\"q5\"", "q8_0")
    expectRefusal("architectures: llama-3.2-1b\ntime_limit: soon", "10m")
    expectRefusal("architectures: no-such-model", "line 1: architectures: no-such-model")
    expectRefusal("architectures: ./none.json", "none.json: does not exist")
    expectRefusal("prompt: 5", "architectures: is missing")
    expectRefusal("", "is empty")
    expectRefusal("- a", "is a list")
    expectRefusal("architectures: [", "line", "is not YAML")
    expectRefusal("seed: 1\nseed: 2\narchitectures: x", "seed")
    expectRefusal(
      "architectures:\n  - base: llama-3.2-1b\n    vary: {num_hidden_layers: [16777216]}", "line 3",
      "4096")
    expectRefusal(
      "architectures:\n  - base: llama-3.2-1b\n    vary: {hiden_size: [1]}", "line 3",
      "hidden_size?")
  }

  @Test func emptyGrids() {
    expectRefusal("architectures: []", "the grid is empty")
    expectRefusal("architectures: llama-3.2-1b\nbatch: []", "batch: is an empty list")
    expectRefusal("architectures: llama-3.2-1b\nprompt: 0\ngenerate: 0", "the grid is empty")
    expectRefusal(
      "architectures: {base: llama-3.2-1b, vary: {gqa: 7}}", "the grid is empty", "gqa 7")
  }

  @Test func absurdGridsAreRefusedAtOnce() {
    let axis = "[" + (1...200).map { "\(64 * $0)" }.joined(separator: ", ") + "]"
    expectRefusal(
      "architectures: {base: llama-3.2-1b, vary: {hidden_size: \(axis), head_dim: \(axis), "
        + "num_attention_heads: \(axis), vocab_size: \(axis)}}", "more than 100000 cells")
    expectRefusal(
      "architectures: llama-3.2-1b\nbatch: \(axis)\ndepth: \(axis)\nprompt: \(axis)",
      "more than 100000 cells")
    // 40 cells a prompt length or depth; blocks count as well.
    expectRefusal(
      "architectures: llama-3.2-1b\nbatch: \(axis)\nblocks: 1000",
      "more than 100000 cells, each counted once a block")
  }

  /// Lists whose products would fill the memory if they were made before they are counted.
  @Test func gridsAreCountedBeforeTheyAreMade() {
    let many = "[" + (1...30_000).map(String.init).joined(separator: ",") + "]"
    for (one, other) in [("batch", "depth"), ("threads", "chunk")] {
      expectRefusal(
        "architectures: llama-3.2-1b\n\(one): \(many)\n\(other): \(many)",
        "line 1: architectures", "more than 100000 cells")
    }
  }

  /// Each grid is small enough, all of them together are not: also where none is an architecture.
  @Test func gridsCountTogether() throws {
    let axis = "[" + (1...300).map { "\(64 * $0)" }.joined(separator: ",") + "]"
    // 8 KV heads and 7 query heads are no architecture.
    for heads in ["32", "7"] {
      let grid =
        "{base: llama-3.2-1b, vary: {hidden_size: \(axis), vocab_size: \(axis), "
        + "num_attention_heads: [\(heads)]}}"
      let aliases = Array(repeating: "*a", count: 5000).joined(separator: ",")
      expectRefusal("architectures: [&a \(grid), \(aliases)]", "more than 100000 cells")
    }
    let fitting = try spec(
      "{architectures: [&a {base: llama-3.2-1b, vary: {num_hidden_layers: [1, 2]}}, *a], "
        + "prompt: 8, generate: 0}")
    #expect(fitting.cells.count == 2)
  }

  @Test func pathsStayBelowTheSpecification() {
    for path in ["/dev/zero", "../Fixtures/huggingface/qwen2"] {
      expectRefusal(
        "architectures: [\(path)]", "line 1: architectures", "leads out of the folder")
      expectRefusal(
        "architectures: {base: \(path), vary: {gqa: 1}}", "base", "leads out of the folder")
    }
  }
}
