import Input

/// What reports take from a prediction of a batch of whole requests.
struct PredictedRun {
  let source: String
  let architecture: String
  let device: String
  let engine: String
  let weights: String
  let cache: String
  let prompt: Int
  let generate: Int
  let depth: Int
  let batch: Int
  let tensorParallel: Int
  let outputRate: Predicted
  let totalRate: Predicted
  let firstToken: Predicted
  let outputToken: Predicted
  let peakMemoryBytes: Double
  let evidence: String
  let parts: [Part]

  /// A value and its 90% interval.
  struct Predicted {
    let value: Double
    let interval: ClosedRange<Double>?
  }

  /// A kind of operator and its share of the time.
  struct Part {
    let kind: String
    let seconds: Double
    let bound: String
  }

  init(_ record: ReportInput.Record) throws {
    let fields = record.fields
    let intervals = try fields.part("interval90")
    func predicted(_ field: String) throws -> Predicted {
      Predicted(value: try fields.number(field), interval: try intervals.interval(field))
    }
    func count(_ field: String, default absent: Int? = nil) throws -> Int {
      try fields.count(field, in: 0...1 << 60, default: absent)
    }
    source = record.source
    architecture = try fields.text("architecture")
    device = try fields.text("device")
    engine = try fields.text("engine")
    weights = try fields.text("dtype")
    cache = try fields.text("cache_dtype")
    prompt = try count("prompt")
    generate = try count("generate")
    depth = try count("depth")
    batch = try count("batch")
    tensorParallel = try count("tensor_parallel")
    outputRate = try predicted("output_tokens_per_second")
    totalRate = try predicted("total_tokens_per_second")
    firstToken = try predicted("ttft_s")
    outputToken = try predicted("tpot_s")
    peakMemoryBytes = try fields.number("peak_memory_bytes")
    evidence = try fields.text("operator_rung")
    parts =
      try fields["operators"] == nil
      ? []
      : fields.parts("operators").map {
        Part(
          kind: try $0.text("kind"), seconds: try $0.number("seconds"), bound: try $0.text("bound"))
      }
  }

  /// What tells one line over batches from another.
  var subject: [String] {
    [
      architecture, "\(prompt)x\(generate)" + (depth > 0 ? " @ d\(depth)" : ""), device, engine,
      "\(tensorParallel) devices", weights, "\(cache) cache", source,
    ]
  }
}
