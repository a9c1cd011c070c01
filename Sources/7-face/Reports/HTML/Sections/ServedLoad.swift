import Input

/// What reports take from a server under a load, predicted or measured: both have the same keys.
struct ServedLoad {
  let source: String
  let architecture: String
  let device: String
  let engine: String
  let devices: Int
  let lengths: String?
  let load: String
  let concurrency: Int?
  let rate: Double?
  let isPredicted: Bool
  let firstToken: Latency
  let outputToken: Latency
  let outputRate: Double
  let outputRateInterval: ClosedRange<Double>?
  let cost: Double?
  let costInterval: ClosedRange<Double>?
  let peakMemoryBytes: Double?
  let shares: [(part: String, share: Double)]

  /// Seconds: mean, its interval (90% of predictions, 95% of measurements) and the 99th percentile.
  struct Latency {
    let mean: Double
    let interval: ClosedRange<Double>?
    let p99: Double
  }

  init(_ record: ReportInput.Record) throws {
    let fields = record.fields
    source = record.source
    architecture = try fields.text("architecture")
    device = try fields.text("device")
    engine = try fields.text("engine")
    devices = try fields.count("tensor_parallel", in: 1...1 << 20, default: 1)
    let (prompt, generate) = (try fields.int("prompt"), try fields.int("generate"))
    lengths = prompt.flatMap { prompt in generate.map { "\(prompt)x\($0)" } }
    load = try fields.text("load")
    concurrency = try fields.int("concurrency")
    rate = try fields.double("rate")
    // Measurements rest on no evidence.
    isPredicted = fields["operator_rung"] != nil
    let intervals = try fields.object("interval90") ?? fields.part("interval95")
    func latency(_ field: String) throws -> Latency {
      let distribution = try fields.part(field)
      return Latency(
        mean: try distribution.number("mean"), interval: try intervals.interval(field),
        p99: try distribution.number("p99"))
    }
    firstToken = try latency("ttft_s")
    outputToken = try latency("tpot_s")
    outputRate = try fields.number("output_tokens_per_second")
    outputRateInterval = try intervals.interval("output_tokens_per_second")
    cost = try fields.double("cost_per_million_output_tokens")
    costInterval = try intervals.interval("cost_per_million_output_tokens")
    peakMemoryBytes = try fields.double("peak_memory_bytes")
    let shares = try fields.part("time_shares")
    self.shares = try [
      ("waiting", "queue"), ("steps with prompts", "prefill"), ("decoding", "decode"),
      ("between devices", "collectives"), ("host", "host"),
    ].map { (part: $0, share: try shares.number($1)) }
  }

  /// What tells one server from another; predictions and measurements of one have the same.
  var subject: [String] {
    [architecture, lengths ?? "", device, engine, "\(devices) devices"]
  }

  /// Names of series: with their files only where several hold predictions, or measurements.
  static func names(_ loads: [ServedLoad]) -> [String] {
    let files = [true, false].map { kind in
      Set(loads.filter { $0.isPredicted == kind }.map(\.source)).count
    }
    return SeriesNames.shortest(
      loads.map { $0.subject + [files.contains { $0 > 1 } ? $0.source : ""] })
  }
}
