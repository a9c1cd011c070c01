import CostModel
import Foundation
import Input
import Requests

/// Reads measured serving runs: AIConfigurator's CSV, the JSON of vLLM's and SGLang's serving benchmarks,
/// and GuideLLM's.
public struct ServingRunFiles: Sendable {
  public private(set) var runs: [ServingRun] = []
  /// Rows that were left out, with their place and reason.
  public private(set) var rejected: [InputError] = []

  /// What a file does not say.
  public struct Facts: Sendable {
    public var engine: String?
    public var model: String?
    public var device: String?
    public var weights: String?
    public var tensorParallel: Int?

    public init(
      engine: String? = nil, model: String? = nil, device: String? = nil, weights: String? = nil,
      tensorParallel: Int? = nil
    ) {
      self.engine = engine
      self.model = model
      self.device = device
      self.weights = weights
      self.tensorParallel = tensorParallel
    }
  }

  private let facts: Facts

  public init(_ facts: Facts = Facts()) { self.facts = facts }

  public mutating func add(contentsOf path: String) throws {
    try within(path) {
      let text = try InputFile.results.text(at: path)
      guard let first = text.first(where: { !$0.isWhitespace }) else {
        throw InputError(problem: "is empty", expected: "serving runs")
      }
      if first != "{" && first != "[" { return try addTable(text, path) }
      // One document, or one a line.
      if let document = try? JSONValue(parsing: Data(text.utf8)) {
        return add(document, path)
      }
      for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
        .enumerated()
      where !line.allSatisfy(\.isWhitespace) {
        do {
          add(try JSONValue(parsing: Data(line.utf8)), "\(path), line \(index + 1)")
        } catch let error as InputError {
          throw error.within("line \(index + 1)")
        }
      }
    }
  }

  private mutating func reject(_ origin: String, _ body: () throws -> ServingRun) {
    do {
      runs.append(try body())
    } catch let error as InputError {
      rejected.append(error.within(origin))
    } catch {
      rejected.append(InputError(origin, problem: "cannot be read"))
    }
  }

  // MARK: AIConfigurator

  private mutating func addTable(_ text: String, _ path: String) throws {
    let table = try DelimitedText(text)
    let needed = [
      "backend", "model_path", "system", "isl", "osl", "batch_size", "tp_size", "silicon_ttft_ms",
      "silicon_tpot_ms",
    ]
    var places: [String: Int] = [:]
    for (index, name) in table.columns.enumerated() { places[name] = index }
    for name in needed where places[name] == nil {
      throw InputError(
        "row 1", problem: "has no column \"\(name)\"", expected: needed.joined(separator: ", "))
    }
    for (line, cells) in table.rows {
      func cell(_ name: String) -> String { places[name].map { cells[$0] } ?? "" }
      func number(_ name: String) throws -> Double {
        guard let value = Double(cell(name)), value.isFinite else {
          throw InputError(name, problem: "is \"\(cell(name).prefix(40))\"", expected: "a number")
        }
        return value
      }
      func count(_ name: String, default usual: Int? = nil) throws -> Int {
        if let usual, cell(name).isEmpty { return usual }
        let value = try number(name)
        guard value == value.rounded(), (0...1e9).contains(value) else {
          throw InputError(name, problem: "is \(value)", expected: "a count")
        }
        return Int(value)
      }
      reject("\(path): row \(line)") {
        for name in ["pp_size", "attention_dp_size"] where try count(name, default: 1) > 1 {
          throw InputError(
            name, problem: "is \(try count(name))", expected: "1: it is not modelled here")
        }
        // An empty precision is 16 bits; the kind of fp8 is told by the matrices.
        let precision = cell("precision").isEmpty ? "bf16" : cell("precision")
        let mode = cell("gemm_quant_mode")
        return try ServingRun(
          engine: cell("backend"), version: cell("backend_version"), model: cell("model_path"),
          device: cell("system"), weights: mode.isEmpty ? precision : mode,
          tensorParallel: count("tp_size"), expertParallel: count("moe_ep_size", default: 1),
          input: count("isl"), output: count("osl"),
          concurrency: count("batch_size"), timeToFirstToken: number("silicon_ttft_ms") / 1e3,
          timePerOutputToken: number("silicon_tpot_ms") / 1e3, origin: "\(path): row \(line)")
      }
    }
  }

  // MARK: JSON

  private mutating func add(_ document: JSONValue, _ origin: String) {
    let reader = self
    switch document {
    case .array(let items):
      for (index, item) in items.enumerated() { add(item, "\(origin)[\(index)]") }
    case .object(let fields):
      let object = JSONObject(fields)
      if let benchmarks = try? object.array("benchmarks") {
        for (index, item) in benchmarks.enumerated() {
          reject("\(origin): benchmarks[\(index)]") {
            guard case .object(let fields) = item else {
              throw InputError(problem: "is \(item.kind)", expected: "an object")
            }
            return try reader.guideLLM(JSONObject(fields), "\(origin): benchmarks[\(index)]")
          }
        }
      } else {
        reject(origin) { try reader.benchServe(object, origin) }
      }
    default:
      rejected.append(
        InputError(origin, problem: "is \(document.kind)", expected: "a benchmark's result"))
    }
  }

  /// What a file says comes before what its reader was told: whoever asks for one model gets no other's
  /// runs under its name.
  private func known(_ value: String?, _ given: String?, _ field: String) throws -> String {
    guard let value = value ?? given, !value.isEmpty else {
      throw InputError(field, problem: "is not named", expected: "it to be given with the file")
    }
    return value
  }

  /// `vllm bench serve` and `sglang.bench_serving`.
  private func benchServe(_ fields: JSONObject, _ origin: String) throws -> ServingRun {
    let completed = try fields.count("completed", in: ServingRequest.counts)
    switch fields["request_rate"] {
    case nil, .string("inf"): break
    case .some(.number(let rate)) where rate > 1e6: break
    case .some(let rate):
      throw InputError(
        "request_rate", problem: "is \(rate.kind)", expected: "inf: a closed loop of clients")
    }
    let served = ServedRunFields(fields)
    try served.requireAllServed(completed: completed)
    if facts.weights == nil { try served.requirePlainWeights() }
    let concurrency = try fields.count(
      "max_concurrency", in: 1...65_536, default: min(completed, 65_536))
    func mean(_ field: String) throws -> Int {
      Int((try fields.number(field, in: 1...1e12) / Double(completed)).rounded())
    }
    var least = 1.0
    if let ratio = try fields.double("random_range_ratio"), (0.01...1).contains(ratio) {
      // SGLang's is the least share; the means are between it and 1.
      least = ratio
    }
    let scale = 2 / (1 + least)
    return try ServingRun(
      engine: known(engine(ofBackend: fields.string("backend")), facts.engine, "engine"),
      model: known(fields.string("model_id"), facts.model, "model"),
      device: known(nil, facts.device, "device"), weights: facts.weights ?? "",
      tensorParallel: served.tensorParallel(given: facts.tensorParallel),
      input: Int((Double(mean("total_input_tokens")) * scale).rounded()),
      output: Int((Double(mean("total_output_tokens")) * scale).rounded()),
      concurrency: concurrency, requests: completed, least: least,
      timeToFirstToken: fields.number("mean_ttft_ms", in: 0...1e9) / 1e3,
      timePerOutputToken: fields.number("mean_tpot_ms", in: 0...1e9) / 1e3, origin: origin)
  }

  /// The engine that a benchmark's client speaks to; `nil` where it names a protocol (`openai-chat`).
  private func engine(ofBackend backend: String?) -> String? {
    guard let backend else { return nil }
    let first = backend.split(separator: "-").first.map(String.init) ?? ""
    return [backend, first].lazy.compactMap { try? ServingEngine.named($0).name }.first
  }

  /// One benchmark of GuideLLM's report.
  private func guideLLM(_ fields: JSONObject, _ origin: String) throws -> ServingRun {
    func object(_ parent: JSONObject, _ names: String...) throws -> JSONObject? {
      for name in names {
        if case .object(let found) = parent[name] { return JSONObject(found) }
      }
      return nil
    }
    let settings = try object(fields, "args", "config") ?? fields
    let strategy = try object(settings, "strategy") ?? settings
    let concurrency: Int
    switch try strategy.string("type_") ?? strategy.string("type") {
    case "synchronous": concurrency = 1
    case "concurrent": concurrency = try strategy.count("streams", in: 1...65_536)
    case let other:
      throw InputError(
        "strategy", problem: "is \(other ?? "not named")",
        expected: "concurrent or synchronous: a closed loop of clients")
    }
    guard let metrics = try object(fields, "metrics") else {
      throw InputError("metrics", problem: "is missing", expected: "an object")
    }
    func successful(_ names: String...) throws -> JSONObject {
      for name in names {
        if let found = try object(metrics, name), let part = try object(found, "successful") {
          return part
        }
      }
      throw InputError("metrics", problem: "has no \(names[0])", expected: "GuideLLM's report")
    }
    func mean(_ names: String...) throws -> Double {
      for name in names {
        if let part = try? successful(name) { return try part.number("mean", in: 0...1e12) }
      }
      return try successful(names[0]).number("mean", in: 0...1e12)
    }
    if let totals = try object(metrics, "request_totals") ?? object(fields, "request_totals"),
      let failed = try totals.int("errored"), failed != 0
    {
      throw InputError(
        "request_totals", problem: "\(failed) requests failed",
        expected: "a run without failures")
    }
    let first = try successful("time_to_first_token_ms")
    return try ServingRun(
      engine: known(nil, facts.engine, "engine"), model: known(nil, facts.model, "model"),
      device: known(nil, facts.device, "device"), weights: facts.weights ?? "",
      tensorParallel: facts.tensorParallel ?? 1, input: Int(mean("prompt_token_count").rounded()),
      output: Int(mean("output_token_count").rounded()), concurrency: concurrency,
      requests: first.count("count", in: ServingRequest.counts, default: 10 * concurrency),
      timeToFirstToken: mean("time_to_first_token_ms") / 1e3,
      timePerOutputToken: mean("inter_token_latency_ms", "time_per_output_token_ms") / 1e3,
      origin: origin)
  }
}
