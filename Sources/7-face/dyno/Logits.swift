import ArgumentParser
import Engine
import Formats
import Foundation
import Input
import Machine
import Model
import Reports
import Weights

struct Logits: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "The likeliest next tokens after given ids, from safetensors or GGUF weights.")

  enum Format: String, ExpressibleByArgument, CaseIterable { case table, json, npy }

  @Argument(
    help: "A GGUF file, a safetensors file, a checkpoint's folder or one of a hub cache.",
    completion: .file())
  var model: String

  @Option(
    help: ArgumentHelp(
      "Token ids, comma-separated, or a .npy, .json or raw file of them.", valueName: "tokens"))
  var tokens: TokenArgument

  @Option(help: .tokenType)
  var tokenType: TokenSequences.RawTokenType?

  @Option(
    help: "Convert the matrices first: \(WeightFormat.listed). Default: as they are stored.")
  var dtype: WeightFormat?

  @Option(help: "Storage of the KV cache: f32, f16, bf16 or q8_0.")
  var cacheDtype = CacheType(.f32)

  @Option(
    help: ArgumentHelp(
      "What weights are multiplied with: native or f32.",
      discussion: """
        native: bytes for block formats, bf16 for bf16 where the processor multiplies that. What \
        either costs is the difference to f32.
        """))
  var activations = BF16Activations.native

  @Flag(help: "Logits of every position, not of the last one only.")
  var allPositions = false

  @Option(help: "Likeliest tokens of each position in the table.")
  var top = 10

  @Option(help: "Continue with so many tokens, each the most likely one (not in npy).")
  var generate = 0

  @Option(help: .threads)
  var threads: Int?

  @Option(
    help: "table, json with all logits, or npy: a NumPy array of f32, (positions, vocabulary).")
  var output = Format.table

  @OptionGroup var page: PageOptions

  private struct Result: Encodable {
    let tokens: [Int]
    /// One row of the vocabulary's size for each position asked for.
    let logits: [[Float]]
    let generated: [Int]?
  }

  /// Tokens of one step.
  private static let chunk = 64

  func run() throws {
    let generate = try nonNegative("--generate", generate)
    guard generate == 0 || output != .npy else {
      throw InputError(
        "--generate", problem: "is given with --output npy", expected: "--output json")
    }
    let top = try positive("--top", top)
    let text = try tokens.read(rawAs: tokenType)
    guard text.documents.count == 1 else {
      throw InputError(
        "--tokens", problem: "holds \(text.documents.count) documents", expected: "one prompt")
    }
    let prompt = text.ids.map(Int.init)
    let kernels = try KernelTable.selected(activations: activations)
    let team = try ThreadTeam(count: threads, topology: Topology())
    let progress = ProgressLine()
    let engine = try prepare(kernels, team, text, generate: generate)
    let rows = try logitsOfPrompt(prompt, engine, progress)
    let generated = try continuation(engine, after: rows[rows.count - 1], generate, progress)
    progress.clear()
    switch output {
    case .npy: try emit(NumPyArray.file(rows))
    case .table:
      try emit(
        page: LikelyTokens.table(
          rows, firstPosition: prompt.count - rows.count, top: top, generated: generated))
    case .json:
      try emit(
        JSONText.encode(
          Result(
            tokens: prompt, logits: rows, generated: generate > 0 ? generated : nil),
          pretty: false))
    }
  }

  /// Opens the model; refuses what does not fit, and tokens that it does not have.
  private func prepare(
    _ kernels: KernelTable, _ team: ThreadTeam, _ text: TokenSequences, generate: Int
  ) throws -> Engine {
    let subject = try ModelSubject.resolve(model)
    var weights = try ModelWeights.load(subject.requiredWeights(model), kernels: kernels)
    let architecture = weights.architecture
    try within("--tokens") { try text.check(vocabulary: architecture.vocabularySize) }
    let count = text.ids.count
    let capacity = count + generate
    let maxLogits = allPositions ? Self.chunk : 1
    var need = try MemoryNeed(
      architecture, weights: try dtype.map(architecture.weightBytes) ?? weights.matrixBytes,
      cache: cacheDtype.dtype, sequences: 1, capacity: capacity, maxTokens: Self.chunk,
      maxLogits: maxLogits, threads: team.count)
    // What is kept for the output: 4 bytes a value and their text, or their second copy.
    need.activations +=
      (allPositions ? count : 1) * architecture.vocabularySize
      * (output == .json ? 32 : 8)
    try need.check(model)
    weights = try weights.converted(
      to: dtype, packed: activations == .native, team: team, kernels: kernels)
    return try Engine(
      weights, cache: cacheDtype.dtype, sequences: 1, capacity: capacity, maxTokens: Self.chunk,
      maxLogits: maxLogits, team: team, kernels: kernels)
  }

  /// Logits of all positions or of the last one.
  private func logitsOfPrompt(
    _ tokens: [Int], _ engine: Engine, _ progress: ProgressLine
  ) throws -> [[Float]] {
    var rows: [[Float]] = []
    let count = tokens.count
    for start in stride(from: 0, to: count, by: Self.chunk) {
      progress.show("token \(start) of \(count)")
      let end = min(count, start + Self.chunk)
      let input = Engine.Input(
        sequence: 0, tokens: Array(tokens[start..<end]), promptLength: count)
      let logits = try engine.forward(
        [input], logits: allPositions ? .all : end == count ? .last : .none)
      rows += (0..<logits.count).map { Array(logits[$0]) }
    }
    try rows.forEach(requireFinite)
    return rows
  }

  /// Greedy: each token the one with the largest logit.
  private func continuation(
    _ engine: Engine, after prompt: [Float], _ count: Int, _ progress: ProgressLine
  ) throws -> [Int] {
    var last = prompt
    var generated: [Int] = []
    for step in 0..<count {
      progress.show("generating token \(step + 1) of \(count)")
      generated.append(last.indices.max { last[$0] < last[$1] }!)
      guard step + 1 < count else { break }
      last = Array(try engine.forward([Engine.Input(sequence: 0, tokens: [generated[step]])])[0])
      try requireFinite(last)
    }
    return generated
  }

  private func requireFinite(_ logits: [Float]) throws {
    guard logits.allSatisfy(\.isFinite) else {
      throw InputError(
        model, problem: "gives logits that are not finite", expected: "sound weights")
    }
  }
}
