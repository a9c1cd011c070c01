import Comparison
import CostModel
import Foundation
import Input
import Machine
import Model
import Records
import Reports
import ScalingLaws
import Search
import Serving
import Store
import Sweeps
import TestSupport
import Weights

/// What reads files of strangers.
enum Reader: String, CaseIterable {
  case config, safetensors, gguf, index, csv, json, yaml
  case training = "training-table"
  case gqaLosses = "gqa-losses"
  case measurements, calibration
  case results
  case sweep = "sweep-spec"
  case search = "search-spec"
  case rule, law
  case profile = "device-profile"
  case commits = "commit-order"
  case store
  case tokens
  case part = "gguf-part"
  case fp8
  case trace = "request-trace"
  case servingRuns = "serving-runs"
  case hostConstants = "host-constants"
  case report

  /// Reads an input as a command would, and uses what it got.
  func target() throws -> (Data) throws -> Void {
    let folder = try TargetFolder(rawValue)
    switch self {
    case .config:
      return { data in
        let config = ConfigReader(try JSONObject(parsing: data))
        let architecture = try Architecture(name: "fuzzed", config: config)
        _ = architecture.parameters
        _ = try architecture.configText()
        architecture.forEachOperator { _, _, _ in }
      }
    case .safetensors: return try safetensors(folder, of: "huggingface/granite")
    case .gguf:
      let kernels = try KernelTable.selected()
      return { data in
        // Mutations are to hit the header; what tensors hold matters less.
        let path = try folder.write(data, "model.gguf", paddedTo: 192 << 10)
        _ = try ModelWeights.load(path, kernels: kernels)
      }
    case .index:
      let kernels = try KernelTable.selected()
      try folder.copy("huggingface/llama-sharded")
      return { data in
        _ = try folder.write(data, "model.safetensors.index.json")
        _ = try ModelWeights.load(folder.path, kernels: kernels)
      }
    case .tokens:
      return { data in
        for type in TokenSequences.RawTokenType.allCases {
          _ = try? TokenSequences(parsing: data, rawAs: type).check(vocabulary: 50_257)
        }
        try TokenSequences(parsing: data).check(vocabulary: 50_257)
      }
    case .part: return try part(folder)
    case .fp8: return try safetensors(folder, of: "formats/fp8-block")
    case .trace: return { _ = try RequestTrace.requests(at: folder.write($0, "trace")) }
    case .servingRuns:
      return { data in
        var files = ServingRunFiles()
        try files.add(contentsOf: folder.write(data, "runs"))
        for error in files.rejected { _ = error.description }
      }
    case .hostConstants:
      return { data in
        _ = try HostConstantsFile(contentsOf: folder.write(data, "host.json")).text()
      }
    case .report:
      return { data in
        let input = try ReportInput(contentsOf: [folder.write(data, "results.json")])
        _ = try HTMLReport(input, title: "fuzzed").text(charts: "")
      }
    case .csv: return { _ = try DelimitedText(text($0)) }
    case .json: return { _ = try JSONValue(parsing: $0) }
    case .yaml: return { _ = try SpecNode(parsing: text($0), as: "a specification").fields([]) }
    case .training:
      return { _ = try TrainingTable(name: "fuzzed", text: text($0), folder: folder.url) }
    case .gqaLosses:
      return { data in
        _ = try GQALosses(
          contentsOf: URL(fileURLWithPath: folder.write(data, "losses.csv")), baseline: 4)
      }
    case .measurements:
      let facts = try RunFacts(architecture: Zoo.resolve("smollm2-135m"), device: "fuzzed")
      return { data in
        var measurements = Measurements()
        try measurements.add(
          contentsOf: URL(fileURLWithPath: folder.write(data, "measurements")), facts)
      }
    case .calibration: return try calibration(folder)
    case .results:
      let rule = VerdictRule(threshold: 0.05)
      return { data in
        let set = try ResultSet(contentsOf: folder.write(data, "results.json"))
        _ = try ResultSetComparison(rule).compare(set, set)
      }
    case .sweep: return { _ = try SweepSpec(text($0), folder: folder.url) }
    case .search: return { _ = try SearchSpec(text($0), folder: folder.url) }
    case .rule:
      let shape = Shape(
        layers: 16, hiddenSize: 2048, intermediateSize: 8192, queryHeads: 32, keyValueHeads: 8,
        headDimension: 64)
      return { _ = try RuleExpression(text($0)).isMet(by: shape) }
    case .law:
      return { data in
        _ = try ScalingLaw(contentsOf: URL(fileURLWithPath: folder.write(data, "law.json")))
      }
    case .profile:
      return { data in
        let profile = try DeviceProfile(
          contentsOf: URL(fileURLWithPath: folder.write(data, "device.json")))
        _ = try profile.fileText()
      }
    case .commits: return { _ = try CommitOrder(text($0), name: "fuzzed") }
    case .store:
      return { data in
        folder.clear()
        let store = try ResultStore(folder.write(data, "store.db"), .reading)
        defer { try? store.close() }
        let results = try store.results()
        _ = try store.unitStates()
        _ = try store.runs()
        _ = try History(results)
      }
    }
  }

  /// The second part of a model of three, the others as they are.
  private func part(_ folder: TargetFolder) throws -> (Data) throws -> Void {
    let kernels = try KernelTable.selected()
    let fixture = "formats/mixed-0000"
    for part in [1, 3] {
      let name = "\(fixture)\(part)-of-00003.gguf"
      let whole = try Data(contentsOf: Files.fixtures.appendingPathComponent(name))
      _ = try folder.write(whole, "model-0000\(part)-of-00003.gguf")
    }
    return { data in
      _ = try folder.write(data, "model-00002-of-00003.gguf", paddedTo: 192 << 10)
      _ = try ModelWeights.load(
        folder.url.appendingPathComponent("model-00001-of-00003.gguf").path, kernels: kernels)
    }
  }

  private func safetensors(
    _ folder: TargetFolder, of fixture: String
  ) throws -> (Data) throws -> Void {
    let kernels = try KernelTable.selected()
    try folder.copy(fixture)
    let whole = try Data(contentsOf: folder.url.appendingPathComponent("model.safetensors"))
    let header = whole.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let tensors = whole.dropFirst(8 + header)
    return { data in
      var file = data
      // A header by itself gets its length and the tensors, so that mutations of it are read.
      if data.first == UInt8(ascii: "{") {
        file = withUnsafeBytes(of: UInt64(data.count).littleEndian) { Data($0) } + data + tensors
      }
      _ = try ModelWeights.load(
        folder.write(file, "model.safetensors"), kernels: kernels)
    }
  }

  /// Whatever an import lets through is priced and fitted: small files only, as each is a fit.
  private func calibration(_ folder: TargetFolder) throws -> (Data) throws -> Void {
    let facts = try RunFacts(
      architecture: Zoo.resolve("smollm2-135m"), device: "fuzzed", engine: "vllm", dtype: .bf16,
      prompt: 128, generate: 128, batch: 4)
    var device = try DeviceZoo.resolve("h100-sxm")
    // Rows may be of any GPU.
    device.name = "fuzzed"
    return { [device] data in
      var measurements = Measurements()
      try measurements.add(
        contentsOf: URL(fileURLWithPath: folder.write(data, "measurements")), facts)
      guard measurements.operators.count + measurements.runs.count <= 20 else { return }
      _ = try DeviceCalibration(device).run(measurements).profile.fileText()
    }
  }
}

private func text(_ data: Data) -> String { String(decoding: data, as: UTF8.self) }
