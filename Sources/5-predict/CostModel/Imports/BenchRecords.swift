import Formats
import Foundation
import Input
import Model
import Records

/// Results of `dyno bench` and of `llama-bench`, whose keys they share. `llama-bench` names no
/// architecture that could be computed with, so `RunFacts` must.
public enum BenchRecords {
  public static func recognizes(_ fields: JSONObject) -> Bool {
    fields["n_prompt"] != nil && fields["n_gen"] != nil
      && (fields["samples_ns"] != nil || fields["avg_ns"] != nil)
  }

  /// Longer ones (some three months) are mistakes.
  private static let mostNanoseconds = 10_000_000_000_000_000

  /// Prefill steps of a prompt: each is priced by itself.
  private static let mostChunks = 100_000

  /// A run on a GPU says which; others are of the device that the reader names, or of the processor.
  private static func device(_ fields: JSONObject, _ facts: RunFacts) throws -> String {
    if facts.deviceKind == .gpu, let gpu = try fields.string("gpu_info"), !gpu.isEmpty {
      return gpu
    }
    return try facts.device ?? fields.string("cpu_info") ?? "host"
  }

  /// - Throws: `InputError` for records of another schema.
  public static func run(
    _ fields: JSONObject, _ facts: RunFacts, origin: String
  ) throws -> WholeRun {
    let isOurs = fields["schema_version"] != nil
    if let version = try fields.int("schema_version"),
      version > ThroughputRecord.currentSchema
    {
      throw InputError(
        "schema_version", problem: "is \(version)",
        expected: "at most \(ThroughputRecord.currentSchema)")
    }
    let countsOrNone = 0...WholeRun.counts.upperBound
    let name = try fields.string("model_type") ?? ""
    let architecture: Architecture
    if let config = try fields.object("architecture") {
      architecture = try within("architecture") { try Architecture(name: name, config: config) }
    } else {
      architecture = try facts.required(facts.architecture, "model", "model")
    }
    let weights: NumberStorage
    if isOurs {
      try facts.requireDevice(.cpu)
      guard
        let stored = try dtype(fields, "type_weights").map(NumberStorage.init) ?? facts.dtype
      else {
        throw InputError("type_weights", problem: "is missing", expected: "a dtype")
      }
      weights = stored
    } else {
      guard try fields.string("backends") != "Dyno" else {
        throw InputError(
          "backends", problem: "is Dyno: the record was shortened for llama-bench's tools",
          expected: "Dyno's own, which --output json prints")
      }
      let model = LlamaBenchModel(fields)
      weights = try model.weights(facts)
      try model.requireParameters(of: architecture)
      try model.requireDevice(facts.deviceKind, layers: architecture.layers.count)
    }
    let samples = try fields.array("samples_ns") ?? []
    let unsorted = try samples.map { value -> Double in
      guard case .integer(let sample) = value, (1...mostNanoseconds).contains(sample) else {
        throw InputError("samples_ns", problem: "holds \(value.kind)", expected: "nanoseconds")
      }
      return Double(sample)
    }
    let median: Double
    if fields["samples_ns"] == nil {
      // llama-bench's tables list the mean alone.
      median = try fields.number("avg_ns", in: 1...Double(mostNanoseconds))
    } else {
      guard !unsorted.isEmpty else {
        throw InputError("samples_ns", problem: "is empty", expected: "samples")
      }
      let nanoseconds = unsorted.sorted()
      let middle = nanoseconds.count / 2
      median =
        nanoseconds.count % 2 == 1
        ? nanoseconds[middle] : (nanoseconds[middle - 1] + nanoseconds[middle]) / 2
    }
    let prompt = try fields.count("n_prompt", in: countsOrNone)
    let generate = try fields.count("n_gen", in: countsOrNone)
    let depth = try fields.count("n_depth", in: countsOrNone, default: 0)
    let batch = try fields.count("n_sequences", in: WholeRun.batches, default: 1)
    guard prompt + generate > 0 else {
      throw InputError("n_prompt, n_gen", problem: "are both 0", expected: "a test")
    }
    try WholeRun.requireSane(depth: depth, prompt: prompt, generate: generate, batch: batch)
    let chunk = try fields.count("n_batch", in: WholeRun.counts, default: 512)
    guard prompt / chunk <= mostChunks else {
      throw InputError(
        "n_batch", problem: "cuts \(prompt) tokens into \(prompt / chunk) chunks",
        expected: "at most \(mostChunks)")
    }
    var run = WholeRun(
      device: try device(fields, facts),
      engine: facts.engine ?? (isOurs ? "dyno" : "llama.cpp"), architecture: architecture,
      weights: weights,
      cache: try dtype(fields, "type_k").map(NumberStorage.init) ?? .f16, prompt: prompt,
      generate: generate,
      depth: depth, batch: batch,
      chunk: chunk, seconds: median * 1e-9,
      pairedFloorFraction: try pairedFloorFraction(fields), origin: origin)
    let blocks = try blocks(fields)
    guard blocks.isEmpty || blocks.count == unsorted.count else {
      throw InputError(
        "sample_circumstances", problem: "has \(blocks.count) entries",
        expected: "one for each of \(unsorted.count) samples")
    }
    run.secondsByBlock = Dictionary(
      zip(blocks, unsorted.map { $0 * 1e-9 }), uniquingKeysWith: { _, latest in latest })
    return run
  }

  /// Records without a peak of integers judged block formats by that of f32: no share as it is now.
  private static func pairedFloorFraction(_ fields: JSONObject) throws -> Double? {
    let isOfBlocks = try dtype(fields, "type_weights").map(\.isBlocks) ?? false
    if isOfBlocks, try fields.object("limits")?.double("integer_peak") == nil { return nil }
    return try fields.double("paired_floor_fraction")
  }

  private static func blocks(_ fields: JSONObject) throws -> [Int] {
    try (fields.array("sample_circumstances") ?? []).map { entry in
      guard case .object(let circumstances) = entry,
        case .integer(let block)? = circumstances["block"]
      else {
        throw InputError("sample_circumstances", problem: "has no block", expected: "a number")
      }
      return block
    }
  }

  private static func dtype(_ fields: JSONObject, _ field: String) throws -> DType? {
    guard let name = try fields.string(field) else { return nil }
    guard let dtype = DType(rawValue: name) else {
      let isMix = WeightFormat(rawValue: name) != nil
      throw InputError(
        field,
        problem: "\"\(name.prefix(40))\" is "
          + (isMix ? "a mix of formats, on which nothing is calibrated" : "not known"),
        expected: DType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return dtype
  }
}
