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
    try requireAllServed(fields, completed: completed)
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
      try within("model_id") { try requirePlainWeights(model, facts) }
    }
    let served = min(completed, concurrency)
    return try run(
      fields, facts, prompt: mean("total_input_tokens"), generate: mean("total_output_tokens"),
      batch: served,
      seconds: fields.number("duration", in: seconds) * Double(served) / Double(completed), origin)
  }

  /// Requests that failed took time or did not, and their tokens are not counted: such a run's
  /// time is of nothing in particular.
  private static func requireAllServed(_ fields: JSONObject, completed: Int) throws {
    if let failed = try fields.int("failed"), failed != 0 {
      throw InputError("failed", problem: "is \(failed)", expected: "0: a run without failures")
    }
    if let asked = try fields.int("num_prompts"), asked != completed {
      throw InputError(
        "completed", problem: "is \(completed) of \(asked) requests",
        expected: "a run without failures")
    }
    let errors = (try fields.array("errors") ?? []).filter { $0 != .string("") && $0 != .null }
    guard errors.isEmpty else {
      throw InputError(
        "errors", problem: "\(errors.count) requests failed", expected: "a run without failures")
    }
  }

  /// Refuses a model whose name says that its weights are quantised, unless the user says how.
  private static func requirePlainWeights(_ model: String, _ facts: RunFacts) throws {
    let words = model.lowercased().split { !$0.isLetter && !$0.isNumber }
    let marks: Set<Substring> = [
      "awq", "gptq", "fp8", "int8", "int4", "4bit", "8bit", "bnb", "w4a16", "w8a8", "w8a16",
      "nvfp4", "mxfp4", "gguf",
    ]
    guard facts.dtype == nil, let mark = words.first(where: marks.contains) else { return }
    throw InputError(
      problem: "\"\(model.prefix(60))\" has quantised weights (\(mark))",
      expected: "16-bit weights, or dtype to be given with the file")
  }

  /// How many devices shared each layer: what `--metadata` or the server's arguments say, else the
  /// user. Other ways to use several devices are not modelled.
  private static func tensorParallel(_ fields: JSONObject, _ facts: RunFacts) throws -> Int {
    func devices(_ names: [String]) throws -> Int? {
      for name in names {
        guard let value = fields[name] else { continue }
        let count: Int? =
          switch value {
          case .integer(let count): count
          case .string(let text): Int(text)  // metadata are texts
          default: nil
          }
        guard let count, (1...1024).contains(count) else {
          throw InputError(name, problem: "is \(value.kind)", expected: "1 to 1024 devices")
        }
        return count
      }
      return nil
    }
    for (what, names) in [
      ("pipeline_parallel_size", ["pipeline_parallel_size", "pp_size", "pp"]),
      ("data_parallel_size", ["data_parallel_size", "dp_size", "dp"]),
    ] {
      if let count = try devices(names), count > 1 {
        throw InputError(what, problem: "is \(count)", expected: "1: it is not modelled")
      }
    }
    let said = try devices(["tensor_parallel_size", "tp_size", "tp"])
    if let said, let given = facts.tensorParallel, said != given {
      throw InputError(
        "tensor_parallel_size", problem: "is \(said)",
        expected: "\(given), as given")
    }
    return said ?? facts.tensorParallel ?? 1
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
      devices: try tensorParallel(fields, facts), prompt: prompt, generate: generate,
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
