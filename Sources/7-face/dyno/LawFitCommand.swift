import ArgumentParser
import Foundation
import Input
import Machine
import Reports
import ScalingLaws

struct LawFitCommand: PrintsTables {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Fit a law to training runs and say how well it is known.",
    discussion: """
      The CSV holds a run a row: tokens (or training_flop), loss, and the architecture as config (a \
      zoo name or a path) or as hidden_size, intermediate_size, num_hidden_layers, \
      num_attention_heads, num_key_value_heads and head_dim; laws that need less take parameters, \
      hidden_size and num_hidden_layers. The symbols d, f, L, H, K, e, N, D serve as names too.
      """)

  enum Intervals: String, ExpressibleByArgument, CaseIterable { case covariance, cases, residuals }

  @Argument(
    help: ArgumentHelp("Training runs.", valueName: "data.csv"), completion: .file())
  var data: String

  @Option(help: "The form: \(LawForms.all.map { $0.name }.joined(separator: ", ")).")
  var form: String

  @Option(
    help: ArgumentHelp(
      "Where L_opt comes from: column (reference_loss), fit (a Chinchilla law fitted to the same "
        + "rows), or a law of N and D.", valueName: "column|fit|law"))
  var reference = "column"

  @Option(
    help: ArgumentHelp(
      "A trained model that L_opt follows from in predictions; with --reference column.",
      valueName: "arch:loss:tokens"))
  var anchor: [AnchorArgument] = []

  @Option(
    help: ArgumentHelp(
      "Rows of other r are outliers, for conditional laws; none keeps all.",
      valueName: "low,high|none"))
  var rRange = "0.5,5"

  @Option(help: "Leaves out so many rows, those with the fewest training tokens per parameter.")
  var dropFewestTokensPerParameter = 0

  @Option(
    help: ArgumentHelp(
      "Intervals from the covariance, or from refits to resampled rows (cases) or residuals. "
        + "By default cases for laws fitted by Huber's loss, else covariance.",
      valueName: "covariance|cases|residuals"))
  var intervals: Intervals?

  @Option(help: "Refits, where intervals come from them.")
  var resamples = 1000

  @Option(help: "Of random draws.")
  var seed: UInt64 = 1

  @Option(help: "Judge the form on held-out rows: progressive, leave-one-size-out or k-fold.")
  var validate: ValidationMethod?

  @Option(
    help: ArgumentHelp(
      "table, json, or the law file to write; may be given twice.", valueName: "format|law.json"))
  var output: [String] = []

  @OptionGroup var page: PageOptions

  func run() throws {
    let form = try LawForms.named(self.form)
    try checkOutput()
    let url = URL(fileURLWithPath: data)
    let (table, dropped) = try applyRules(to: try TrainingTable(contentsOf: url), form)
    let references = try referenceSource()
    let (reference, complete) = try references.prepared(for: form, table)
    var fit = try LawFit(
      form, complete(table), name: lawName, reference: try anchored(form) ?? reference,
      source: "dyno law fit --form \(form.name) of \(url.lastPathComponent)")
    if let resampling = resampling(form) {
      guard (20...100_000).contains(resamples) else {
        throw InputError("--resamples", problem: "is \(resamples)", expected: "20 to 100000")
      }
      fit = try fit.bootstrapped(resampling, count: resamples, seed: seed)
    }
    let validation = try validate.map {
      try Validation(
        form, table, references: references, method: $0, seed: seed, resampling: resampling(form),
        resamples: resamples)
    }
    let report = LawFitReport(
      fit, dropped: dropped, intervals: resampling(form)?.rawValue ?? "covariance",
      resamples: resampling(form) == nil ? 0 : resamples, validation: validation)
    try asJSON ? emit(JSONText.encode(report)) : emit(page: report.table)
    guard let file else { return }
    do {
      try OutputFile.write(fit.law.fileText(), to: file)
    } catch {
      throw InputError(file, problem: "cannot be written", expected: "a writable path")
    }
  }

  private var file: String? { output.first { OutputFormat(rawValue: $0) == nil } }
  private var asJSON: Bool { output.contains(OutputFormat.json.rawValue) }
  private func checkOutput() throws {
    let files = output.filter { OutputFormat(rawValue: $0) == nil }
    guard files.count <= 1, files.allSatisfy({ $0.hasSuffix(".json") }) else {
      throw InputError(
        "--output", problem: "is \(files.joined(separator: " and "))",
        expected: "table, json, or one law file named *.json")
    }
    try file.map(requireWritable)
  }

  private var lawName: String {
    file.map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent } ?? form
  }

  private func resampling(_ form: any LawForm.Type) -> Resampling? {
    switch intervals {
    case .covariance: nil
    case .cases: .cases
    case .residuals: .residuals
    case nil: form.objective == .leastSquares ? nil : .cases
    }
  }

  private func applyRules(
    to table: TrainingTable, _ form: any LawForm.Type
  ) throws -> (TrainingTable, dropped: [Int]) {
    var rules: [OutlierRule] = []
    if form.referenceRole != .none, rRange != "none" {
      let ends = rRange.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
      guard ends.count == 2, let low = ends[0], let high = ends[1], low < high else {
        throw InputError("--r-range", problem: "is \"\(rRange)\"", expected: "low,high or none")
      }
      rules.append(.mlpToAttentionRatio(low...high))
    }
    guard dropFewestTokensPerParameter >= 0 else {
      throw InputError(
        "--drop-fewest-tokens-per-parameter", problem: "is \(dropFewestTokensPerParameter)",
        expected: "0 or more")
    }
    rules.append(.fewestTokensPerParameter(dropFewestTokensPerParameter))
    var kept = table
    var dropped: [Int] = []
    for rule in rules {
      let (rest, lines) = try rule.applied(to: kept)
      kept = rest
      dropped += lines
    }
    if !dropped.isEmpty { kept.name += ", \(dropped.count) rows left out by rule" }
    return (kept, dropped)
  }

  private func referenceSource() throws -> ReferenceSource {
    switch reference {
    case "column": .column
    case "fit": .fitted
    default: .law(try LawZoo.resolve(reference))
    }
  }

  private func anchored(_ form: any LawForm.Type) throws -> LossReference? {
    guard !anchor.isEmpty else { return nil }
    guard form.referenceRole != .none, reference == "column" else {
      throw InputError(
        "--anchor", problem: "does not go with this fit",
        expected: "a conditional form and --reference column")
    }
    return .anchors(try anchor.map { try $0.anchor().validated() })
  }
}

extension ValidationMethod: ExpressibleByArgument {}
