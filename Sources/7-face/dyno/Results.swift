import ArgumentParser
import Formats
import Input
import Model
import Reports
import Store

extension ResultPivot.Field: ExpressibleByArgument {}

struct Results: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "Lists, filters and exports the results of a store.",
    discussion: """
      Of cells that were tried more than once, the last attempt counts. Every sample is in the JSON and in the \
      store's view "samples". Filters that are given more than once add up.
      """)

  @Argument(
    help: "A store, from dyno bench --store, dyno sweep or dyno merge.", completion: .file())
  var store: String

  @Option(help: "Only these architectures, by name, comma-separated.")
  var architecture: [CommaSeparated<String>] = []

  @Option(help: "Only these storages of weights, comma-separated.")
  var dtype: [CommaSeparated<WeightFormat>] = []

  @Option(help: "Only these storages of the KV cache, comma-separated.")
  var cacheDtype: [CommaSeparated<CacheType>] = []

  @Option(help: "Only these prompt lengths, comma-separated.")
  var prompt: [CountList] = []

  @Option(help: "Only these numbers of generated tokens, comma-separated.")
  var generate: [CountList] = []

  @Option(help: "Only these depths, comma-separated.")
  var depth: [CountList] = []

  @Option(help: "Only these batches, comma-separated.")
  var batch: [CountList] = []

  @Option(help: "Only these numbers of threads, comma-separated.")
  var threads: [CountList] = []

  @Option(help: "Only these commits, or beginnings of commits, comma-separated.")
  var commit: [CommaSeparated<String>] = []

  @Flag(
    help:
      "The failed configurations, with their reasons. Without it exports hold measured ones only.")
  var failed = false

  @Option(
    help: "table, markdown (md), csv, json, jsonl, or llama-bench (JSON with its keys only).")
  var output = Format.table

  enum Format: String, OutputName, CaseIterable {
    case table, markdown, csv, json, jsonl
    case llamaBench = "llama-bench"
  }

  @Option(
    help: ArgumentHelp(
      "Throughput over the values of a field, repeated measurements pooled: "
        + ResultPivot.Field.allCases.map(\.rawValue).joined(separator: ", ") + ".",
      valueName: "field"))
  var pivot: ResultPivot.Field?

  @OptionGroup var page: PageOptions

  func run() throws {
    if pivot != nil, failed || ![.table, .markdown].contains(output) {
      throw InputError(
        "--pivot", problem: "is given with --failed or another output than a table",
        expected: "--output table or markdown")
    }
    if failed, output == .llamaBench {
      throw InputError(
        "--failed", problem: "is given with --output llama-bench", expected: "another output")
    }
    var filter = ResultFilter()
    filter.architectures = architecture.flatMap(\.values)
    filter.dtypes = dtype.flatMap(\.values).map(\.rawValue)
    filter.cacheDTypes = cacheDtype.flatMap(\.values).map(\.dtype.rawValue)
    filter.prompts = prompt.flatMap(\.values)
    filter.generates = generate.flatMap(\.values)
    filter.depths = depth.flatMap(\.values)
    filter.batches = batch.flatMap(\.values)
    filter.threads = threads.flatMap(\.values)
    filter.commits = commit.flatMap(\.values)
    filter.status = failed ? .failed : nil
    filter.lastAttemptsOnly = true
    let opened = try ResultStore(store, .reading)
    let all = try opened.results(filter)
    try within(store) { try show(all) }
    if all.isEmpty, !failed { try sayWhatThereIs(opened) }
  }

  /// A filter that matches nothing is more often a slip than an empty store.
  private func sayWhatThereIs(_ opened: ResultStore) throws {
    let all = try opened.results(ResultFilter())
    guard !all.isEmpty else { return }
    let names = try Set(all.compactMap { try $0.fields().string("model_type") }).sorted()
    let shown = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
    warn("none of \(all.count) results match; architectures there: \(shown)")
  }

  private func show(_ all: [StoredResult]) throws {
    if let pivot {
      let pivoted = try ResultPivot(all, by: pivot)
      return try output == .markdown
        ? emit(StoredResultTable.rendered(pivoted, .markdown))
        : emit(page: StoredResultTable.rendered(pivoted))
    }
    let measured = all.filter { $0.status == .measured }
    let exported = failed ? all : measured
    switch output {
    case .table: try emit(page: StoredResultTable.rendered(all))
    case .markdown: try emit(StoredResultTable.rendered(all, .markdown))
    case .csv: try emit(StoredResultExport.csv(exported))
    case .json: try emit(StoredResultExport.json(exported))
    case .jsonl: if !exported.isEmpty { try emit(StoredResultExport.jsonLines(exported)) }
    case .llamaBench: try emit(StoredResultExport.llamaBench(exported))
    }
    if output != .table, output != .markdown, exported.count < all.count {
      warn("\(all.count - exported.count) failed results are left out; --failed lists them")
    }
  }
}
