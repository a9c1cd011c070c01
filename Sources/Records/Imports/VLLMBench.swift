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
    let requests = try count(fields, "num_requests")
    let prompt = try facts.required(facts.prompt, "--workload", "lengths")
    let generate = try facts.required(facts.generate, "--workload", "lengths")
    if let tokens = try fields.double("total_num_tokens") {
      let expected = Double(requests) * Double(prompt + generate)
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
    let completed = try count(fields, "completed")
    let concurrency =
      try fields["max_concurrency"] == nil
      ? completed : min(completed, count(fields, "max_concurrency"))
    func mean(_ field: String) throws -> Int {
      let mean = try positive(fields, field) / Double(completed)
      guard mean <= Double(CountLimits.largest) else {
        throw InputError(
          field, problem: "is \(mean) a request", expected: "at most \(CountLimits.largest)")
      }
      return max(1, Int(mean.rounded()))
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
    try CountLimits.check(batch: batch, positions: prompt + generate)
    guard (1e-9...1e7).contains(seconds) else {
      throw InputError(problem: "takes \(seconds) s", expected: "1e-9 to 1e7 s")
    }
    let dtype = facts.dtype ?? .bf16
    return WholeRun(
      device: try facts.required(facts.device, "--device", "device"),
      engine: facts.engine ?? "vllm",
      architecture: try facts.required(facts.architecture, "--model", "model"), weights: dtype,
      cache: dtype, prompt: prompt, generate: generate, batch: batch, seconds: seconds,
      origin: origin)
  }

  private static func count(_ fields: JSONObject, _ field: String) throws -> Int {
    let value = try fields.required(field, JSONObject.int, expected: "a count")
    try CountLimits.check(field, value, from: 1)
    return value
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
