import Architectures
import ArgumentParser
import Engine
import Foundation
import Host
import Operators
import Reports
import Weights

struct Logits: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Logits of given token ids, from safetensors or GGUF weights.")

  enum Format: String, ExpressibleByArgument, CaseIterable { case json, npy }

  @Argument(help: "A GGUF file, a safetensors file or a checkpoint's folder.")
  var model: String

  @Option(help: "Token ids, comma-separated.")
  var tokens: CountList

  @Option(help: "Convert the matrices first: \(DType.listed). Default: as they are stored.")
  var dtype: DType?

  @Option(help: "Storage of the KV cache: f32, f16 or bf16.")
  var cacheDtype = DType.f32

  @Flag(help: "Logits of every position, not of the last one only.")
  var allPositions = false

  @Option(help: "Continue with so many tokens, each the most likely one (JSON only).")
  var generate = 0

  @Option(help: "Threads, each pinned to a core. Default: one a core.")
  var threads: Int?

  @Option(help: "json, or npy: a NumPy array of f32, (positions, vocabulary).")
  var output = Format.json

  private struct Result: Encodable {
    let tokens: [Int]
    /// One row of the vocabulary's size for each position asked for.
    let logits: [[Float]]
    let generated: [Int]?
  }

  func run() throws {
    guard generate >= 0, generate == 0 || output == .json else {
      throw InputError(
        "--generate", problem: "is \(generate) with --output \(output.rawValue)",
        expected: "0 or more, with --output json")
    }
    let kernels = try KernelTable.selected()
    let team = try ThreadTeam(count: threads, topology: Topology())
    var weights = try ModelWeights.load(model, kernels: kernels)
    let architecture = weights.architecture
    let chunk = 64
    let capacity = tokens.values.count + generate
    let bytes = try dtype.map(architecture.weightBytes) ?? weights.matrixBytes
    try MemoryNeed(
      architecture, weights: bytes, cache: cacheDtype, sequences: 1, capacity: capacity,
      maxTokens: chunk, maxLogits: allPositions ? chunk : 1, threads: team.count
    ).check(model)
    if let dtype { weights = try weights.converted(to: dtype, team: team, kernels: kernels) }
    let engine = try Engine(
      weights, cache: cacheDtype, sequences: 1, capacity: capacity, maxTokens: chunk,
      maxLogits: allPositions ? chunk : 1, team: team, kernels: kernels)

    let progress = ProgressLine()
    var rows: [[Float]] = []
    var last: [Float] = []
    for start in stride(from: 0, to: tokens.values.count, by: chunk) {
      progress.show("token \(start) of \(tokens.values.count)")
      let part = Array(tokens.values[start..<min(tokens.values.count, start + chunk)])
      let logits = try within(model) {
        try engine.forward(
          [Engine.Input(sequence: 0, tokens: part)], logits: allPositions ? .all : .last)
      }
      last = Array(logits[logits.count - 1])
      if allPositions { rows += (0..<logits.count).map { Array(logits[$0]) } }
    }
    if !allPositions { rows = [last] }
    guard rows.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw InputError(
        model, problem: "gives logits that are not finite", expected: "sound weights")
    }
    var generated: [Int] = []
    for step in 0..<generate {
      progress.show("generating token \(step + 1) of \(generate)")
      generated.append(last.indices.max { last[$0] < last[$1] }!)
      guard step + 1 < generate else { break }
      last = Array(
        try engine.forward([Engine.Input(sequence: 0, tokens: [generated[step]])])[0])
    }
    progress.clear()
    switch output {
    case .npy: FileHandle.standardOutput.write(NumPyArray.file(rows))
    case .json:
      print(
        try JSONText.encode(
          Result(
            tokens: tokens.values, logits: rows, generated: generate > 0 ? generated : nil)))
    }
  }
}
