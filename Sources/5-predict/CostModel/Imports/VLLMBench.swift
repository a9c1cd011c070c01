import Input
import Records

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
      guard let latency = value.number, seconds.contains(latency) else {
        throw InputError("latencies", problem: "holds \(value.kind)", expected: "seconds")
      }
      samples.append(latency)
    }
    samples.sort()
    let latency =
      samples.isEmpty
      ? try fields.number("avg_latency", in: seconds) : samples[samples.count / 2]
    return try run(
      fields, facts, prompt: facts.required(facts.prompt, "workload", "lengths"),
      generate: facts.required(facts.generate, "workload", "lengths"),
      batch: facts.required(facts.batch, "batch", "batch"), seconds: latency, origin)
  }

  /// All requests at once: a batch of as many sequences.
  private static func throughput(
    _ fields: JSONObject, _ facts: RunFacts, _ origin: String
  ) throws -> WholeRun {
    let requests = try fields.count("num_requests", in: WholeRun.batches)
    let prompt = try facts.required(facts.prompt, "workload", "lengths")
    let generate = try facts.required(facts.generate, "workload", "lengths")
    if let tokens = try fields.double("total_num_tokens") {
      let expected = Double(requests) * (Double(prompt) + Double(generate))
      guard abs(tokens / expected - 1) < 0.02 else {
        throw InputError(
          "total_num_tokens", problem: "is \(tokens)",
          expected: "\(expected), as the given workload says")
      }
    }
    return try run(
      fields, facts, prompt: prompt, generate: generate, batch: requests,
      seconds: fields.number("elapsed_time", in: seconds), origin)
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
    let completed = try fields.count("completed", in: WholeRun.counts)
    let served = ServedRunFields(fields)
    try served.requireAllServed(completed: completed)
    let concurrency = try fields.count("max_concurrency", in: WholeRun.counts, default: completed)
    func mean(_ field: String) throws -> Int {
      let tokens = try fields.number(field, in: 1...1e15) / Double(completed)
      guard tokens <= Double(WholeRun.counts.upperBound) else {
        throw InputError(
          field, problem: "is \(tokens) a request",
          expected: "at most \(WholeRun.counts.upperBound)")
      }
      return max(1, Int(tokens.rounded()))
    }
    var facts = facts
    if let model = try fields.string("model_id") {
      facts.architecture = try within("model_id") { try facts.architecture(named: model) }
      if facts.dtype == nil { try served.requirePlainWeights() }
    }
    let clients = min(completed, concurrency)
    return try run(
      fields, facts, prompt: mean("total_input_tokens"), generate: mean("total_output_tokens"),
      batch: clients,
      seconds: fields.number("duration", in: seconds) * Double(clients) / Double(completed), origin)
  }

  private static func run(
    _ fields: JSONObject, _ facts: RunFacts, prompt: Int, generate: Int, batch: Int,
    seconds: Double, _ origin: String
  ) throws -> WholeRun {
    try WholeRun.requireSane(depth: 0, prompt: prompt, generate: generate, batch: batch)
    let dtype = facts.dtype ?? .bf16
    return WholeRun(
      device: try facts.required(facts.device, "device", "device"),
      engine: facts.engine ?? "vllm",
      architecture: try facts.required(facts.architecture, "model", "model"), weights: dtype,
      // What narrows weights leaves the cache as it is, unless told.
      cache: facts.cache ?? (dtype.isOfMatricesOnly ? .bf16 : dtype),
      devices: try ServedRunFields(fields).tensorParallel(given: facts.tensorParallel),
      prompt: prompt, generate: generate,
      batch: batch, seconds: seconds,
      origin: origin)
  }

  /// From a nanosecond to some months.
  private static let seconds = 1e-9...1e7
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
