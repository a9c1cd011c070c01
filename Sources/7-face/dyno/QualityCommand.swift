import ArgumentParser
import Formats
import Input
import Machine
import Model
import Quality
import Reports
import Weights

struct QualityCommand: PrintsTables {
  static let configuration = CommandConfiguration(
    commandName: "quality",
    abstract: "How well a model predicts a text, as stored and in other dtypes, and how fast.",
    discussion: """
      The text is read in windows of --context tokens, each without a past, by the file as it is \
      stored and by the same weights converted to each --dtype: loss, perplexity, distance from the \
      reference (KL divergence, top-1 agreement, error of logits), size, and speed beside it.

      Token ids are listed, or come from a .npy file (int32, int64, uint16, uint32; rows are \
      documents), a JSON array (of ids, or of documents), or raw from a .bin file with --token-type. \
      benchmarks/quality/tokenize_text.py makes them from text and prints its --bytes.

      dyno quality SmolLM2.gguf --tokens text.npy --bytes 9500 --dtype bf16,q8_0,q4_0
      dyno quality checkpoint/ --tokens val.bin --token-type uint16 --tokens-limit 100000 --no-speed
      """)

  @Argument(
    help: "A GGUF file, a safetensors file, a checkpoint's folder or one of a hub cache.",
    completion: .file())
  var model: String

  @Option(help: ArgumentHelp("Token ids, comma-separated, or a file of them.", valueName: "tokens"))
  var tokens: TokenArgument

  @Option(help: .tokenType)
  var tokenType: TokenSequences.RawTokenType?

  @Option(help: "Storages to convert the weights to, comma-separated: \(WeightFormat.listed).")
  var dtype: [CommaSeparated<WeightFormat>] = []

  @Option(help: "What differences are from: stored, or a dtype.")
  var reference = ReferenceStorage(.stored)

  @Option(help: "Most tokens of a window. Default: 512, or what the model can read if less.")
  var context: Int?

  @Option(help: "Read so many tokens only.")
  var tokensLimit: Int?

  @Option(
    help: """
      UTF-8 bytes of the text that all the tokens came from: gives bits per byte and information \
      capacity.
      """)
  var bytes: Int?

  @Option(help: "Storage of the KV cache: f32, f16, bf16 or q8_0.")
  var cacheDtype = CacheType(.f16)

  @Option(
    help: """
      What weights are multiplied with: native, as they are served, or f32: what the weights' format \
      alone costs (needs --no-speed).
      """)
  var activations = BF16Activations.native

  @Flag(help: "Measure no speed.")
  var noSpeed = false

  @Option(help: "Time for the samples of all throughput tests together. Default: 30s.")
  var budget: TimeSpan?

  @Option(help: .threads)
  var threads: Int?

  @Option(help: "Seed of intervals and of throughput tests.")
  var seed: UInt64 = 0

  @Option(help: "table, markdown (md), json or csv.")
  var output = Format.table

  enum Format: String, OutputName, CaseIterable {
    case table, markdown, json, csv
  }

  @OptionGroup var page: PageOptions

  func run() throws {
    var settings = QualityComparison.Settings()
    settings.dtypes = dtype.flatMap(\.values)
    settings.reference = reference.storage
    settings.context = try context.map { try positive("--context", $0) }
    settings.tokensLimit = try tokensLimit.map { try positive("--tokens-limit", $0) }
    settings.textBytes = try bytes.map { try positive("--bytes", $0) }
    settings.cacheDType = cacheDtype.dtype
    settings.activations = activations
    settings.threads = threads
    settings.seed = seed
    settings.speedBudgetSeconds = try speedBudget(settings.speedBudgetSeconds)
    let subject = try ModelSubject.resolve(model)
    warn(of: subject)
    let progress = ProgressLine()
    let comparison = try QualityComparison(
      subject, from: model, settings, report: progress.show)
    let text = try tokens.read(rawAs: tokenType)
    let results = try comparison.run(text)
    progress.clear()
    for warning in results.warnings { warn(warning) }
    switch output {
    case .table: try emit(page: QualityReport.rendered(results.records))
    case .markdown: try emit(QualityReport.rendered(results.records, .markdown))
    case .json: try emit(JSONText.encode(results.records))
    case .csv: try emit(QualityReport.csv(results.records))
    }
    if let limits = results.limits { LimitsCache.learn(limits) }
  }

  private func speedBudget(_ usual: Double?) throws -> Double? {
    if noSpeed {
      guard budget == nil else {
        throw InputError(
          "--budget", problem: "is given with --no-speed", expected: "one of the two")
      }
      return nil
    }
    guard activations == .native else {
      throw InputError(
        "--activations", problem: "f32 is not how speed is measured", expected: "--no-speed")
    }
    return budget?.seconds ?? usual
  }
}

/// `stored`, or a dtype.
struct ReferenceStorage: ExpressibleByArgument {
  let storage: StorageChoice

  init(_ storage: StorageChoice) { self.storage = storage }

  init?(argument: String) {
    if argument == StorageChoice.stored.name {
      storage = .stored
    } else if let format = WeightFormat(argument: argument) {
      storage = .converted(format)
    } else {
      return nil
    }
  }

  static var allValueStrings: [String] {
    [StorageChoice.stored.name] + WeightFormat.allValueStrings
  }
  var defaultValueDescription: String { storage.name }
}
