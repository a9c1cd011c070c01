import Architectures

/// Results of vLLM's `bench latency`, `bench throughput` and `bench serve`, as it writes them to
/// JSON. The first two name neither model nor lengths.
public enum VLLMBench {
  public static func recognizes(_ fields: JSONObject) -> Bool {
    fields["avg_latency"] != nil || fields["elapsed_time"] != nil
      || fields["total_output_tokens"] != nil
  }

  public static func run(_ fields: JSONObject, _ facts: RunFacts, origin: String) throws -> WholeRun
  {
    if fields["avg_latency"] != nil { return try latency(fields, facts, origin) }
    if fields["elapsed_time"] != nil { return try throughput(fields, facts, origin) }
    return try serve(fields, facts, origin)
  }

  /// One batch after another: the median of `latencies`, the mean where they are absent.
  private static func latency(
    _ fields: JSONObject, _ facts: RunFacts, _ origin: String
  ) throws -> WholeRun {
    var samples: [Double] = []
    for value in try fields.array("latencies") ?? [] {
      guard let seconds = value.number else {
        throw InputError("latencies", problem: "holds \(value.kind)", expected: "seconds")
      }
      samples.append(seconds)
    }
    samples.sort()
    let seconds =
      samples.isEmpty ? try positive(fields, "avg_latency") : samples[samples.count / 2]
    return try run(
      facts, prompt: facts.required(facts.prompt, "--workload", "lengths"),
      generate: facts.required(facts.generate, "--workload", "lengths"),
      batch: facts.required(facts.batch, "--batch", "batch"), seconds: seconds, origin)
  }

  /// All requests at once: a batch of as many sequences.
  private static func throughput(
    _ fields: JSONObject, _ facts: RunFacts, _ origin: String
  ) throws -> WholeRun {
    let requests = try fields.required("num_requests", JSONObject.int, expected: "a count")
    let prompt = try facts.required(facts.prompt, "--workload", "lengths")
    let generate = try facts.required(facts.generate, "--workload", "lengths")
    if let tokens = try fields.double("total_num_tokens") {
      let expected = Double(requests * (prompt + generate))
      guard abs(tokens / expected - 1) < 0.02 else {
        throw InputError(
          "total_num_tokens", problem: "is \(tokens)",
          expected: "\(expected), as --workload says")
      }
    }
    return try run(
      facts, prompt: prompt, generate: generate, batch: requests,
      seconds: positive(fields, "elapsed_time"), origin)
  }

  /// A closed loop of `max_concurrency` clients: each wave of them takes `duration · concurrency /
  /// completed`. With a request rate the clients wait, and the time is not the engine's.
  private static func serve(
    _ fields: JSONObject, _ facts: RunFacts, _ origin: String
  ) throws -> WholeRun {
    switch fields["request_rate"] {
    case nil, .string("inf"): break
    case .some(let rate):
      throw InputError(
        "request_rate", problem: "is \(rate.kind)", expected: "inf: a loaded server's time")
    }
    let completed = try fields.required("completed", JSONObject.int, expected: "a count")
    guard completed > 0 else {
      throw InputError("completed", problem: "is \(completed)", expected: "at least 1")
    }
    let concurrency = min(completed, try fields.int("max_concurrency") ?? completed)
    func mean(_ field: String) throws -> Int {
      max(1, Int((try positive(fields, field) / Double(completed)).rounded()))
    }
    var facts = facts
    if facts.architecture == nil, let model = try fields.string("model_id") {
      facts.architecture = try Zoo.architecture(ofHubModel: model)
    }
    return try run(
      facts, prompt: mean("total_input_tokens"), generate: mean("total_output_tokens"),
      batch: concurrency,
      seconds: positive(fields, "duration") * Double(concurrency) / Double(completed), origin)
  }

  private static func run(
    _ facts: RunFacts, prompt: Int, generate: Int, batch: Int, seconds: Double, _ origin: String
  ) throws -> WholeRun {
    let dtype = facts.dtype ?? .bf16
    return WholeRun(
      device: try facts.required(facts.device, "--device", "device"),
      engine: facts.engine ?? "vllm",
      architecture: try facts.required(facts.architecture, "--model", "model"), weights: dtype,
      cache: dtype, prompt: prompt, generate: generate, batch: batch, seconds: seconds,
      origin: origin)
  }

  private static func positive(_ fields: JSONObject, _ field: String) throws -> Double {
    let value = try fields.required(field, JSONObject.double, expected: "a positive number")
    guard value.isFinite, value > 0 else {
      throw InputError(field, problem: "is \(value)", expected: "a positive number")
    }
    return value
  }
}

extension JSONValue {
  /// A positive, finite number.
  fileprivate var number: Double? {
    switch self {
    case .integer(let value) where value > 0: Double(value)
    case .number(let value) where value > 0 && value.isFinite: value
    default: nil
    }
  }
}
