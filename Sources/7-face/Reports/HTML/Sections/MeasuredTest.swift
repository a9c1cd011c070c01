import Input
import Records

/// What reports take from a throughput record.
struct MeasuredTest {
  enum Phase: String { case prefill, decode, workload }

  let source: String
  let architecture: String
  let weights: String
  let cache: String
  let threads: Int
  let batch: Int
  let prompt: Int
  let generate: Int
  let depth: Int
  let machine: String
  let commit: String
  let time: String
  /// Tokens a second, all sequences together, and its 95% interval.
  let rate: Double
  let interval: ClosedRange<Double>?
  /// The least time that the machine's limits allow over the measured one.
  let floorFraction: Double
  let gigabytesPerSecond: Double
  let gigaflops: Double
  let workload: Workload?
  /// The file's name, where the same test of the same subject is in another file too.
  private var origin = ""
  /// Results of the same test in the same file, of which this is the last.
  private(set) var results = 1

  struct Workload {
    let prefillSeconds: Double
    let decodeSeconds: Double
    let secondsPerToken: Double?
  }

  init(_ record: ReportInput.Record) throws {
    let fields = record.fields
    source = record.source
    architecture = try fields.text("model_type")
    weights = try fields.text("type_weights")
    cache = try fields.text("type_k")
    func count(_ field: String, from least: Int = 0) throws -> Int {
      try fields.count(field, in: least...1 << 60)
    }
    threads = try count("n_threads", from: 1)
    batch = try count("n_sequences", from: 1)
    prompt = try count("n_prompt")
    generate = try count("n_gen")
    depth = try count("n_depth")
    machine = try fields.text("cpu_info")
    commit = try fields.text("build_commit")
    time = try fields.text("test_time")
    rate = try fields.number("median_ts", in: Double.leastNonzeroMagnitude...1e300)
    interval = try fields.interval("ci95_ts")
    floorFraction = try fields.number("floor_fraction", in: Double.leastNonzeroMagnitude...1e300)
    gigabytesPerSecond = try fields.number("gbps")
    gigaflops = try fields.number("gflops")
    workload = try fields.object("workload").map { part in
      Workload(
        prefillSeconds: try part.number("prefill_s"), decodeSeconds: try part.number("decode_s"),
        secondsPerToken: try part.double("tpot_s"))
    }
  }

  var phase: Phase { prompt == 0 ? .decode : generate == 0 ? .prefill : .workload }

  var name: String { ThroughputRecord.testName(prompt: prompt, generate: generate, depth: depth) }

  /// The same at no depth.
  var kind: String { ThroughputRecord.testName(prompt: prompt, generate: generate, depth: 0) }

  /// Tokens a second that the machine's limits allow.
  var limit: Double { rate / floorFraction }

  /// What tells one subject of the tests from another.
  var subject: [String] {
    [
      architecture, weights, "\(cache) cache", "\(threads) threads", machine, origin,
    ]
  }

  private var identity: [String] { subject + [name, "\(batch)"] }

  /// The tests of all records, in the order of the records; of those that were repeated within a file
  /// the last.
  static func latest(_ input: ReportInput) throws -> [MeasuredTest] {
    var tests: [MeasuredTest] = []
    var places: [[String]: Int] = [:]
    for test in try input.map(.throughput, MeasuredTest.init) {
      let key = test.identity + [test.source]
      guard let place = places[key] else {
        places[key] = tests.count
        tests.append(test)
        continue
      }
      var kept = test.time >= tests[place].time ? test : tests[place]
      kept.results = tests[place].results + 1
      tests[place] = kept
    }
    if Set(tests.map(\.identity)).count < tests.count {
      for index in tests.indices { tests[index].origin = tests[index].source }
    }
    return tests
  }
}
