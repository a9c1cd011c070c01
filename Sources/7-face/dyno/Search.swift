import ArgumentParser
import CostModel
import Formats
import Foundation
import Input
import Machine
import Reports
import ScalingLaws
import Search

extension Combination: ExpressibleByArgument {}
extension SearchProblem.Front: ExpressibleByArgument {}
extension ParameterBudget: ExpressibleByArgument {}

struct Search: PrintsTables {
  static let configuration = CommandConfiguration(
    abstract: "Finds the fastest architectures under a loss target.",
    discussion: """
      Every architecture near --parameters is judged by the law, and what its loss leaves is priced \
      on every --device, --workload and --batch. A --spec in YAML takes the same options, with \
      underscores, and further rules; the command line counts where both say something. \
      docs/search.md describes the method.

      --verify host measures the candidates that matter beside the baseline on this machine, learns \
      from each round, and ends when the winner is stable or the --budget is spent.

      Example: dyno search --parameters llama-3.2-1b --tokens 100B --law conditional-80m-297m \
      --target-loss llama-3.2-1b --device a100-40gb --workload 4096x1024 --batch 128 --max-gqa 9
      """)

  @Option(help: "The same options and rules, from a YAML file.", completion: .file())
  var spec: String?

  @OptionGroup(title: "Design space") var space: SpaceOptions
  @OptionGroup(title: "Loss") var loss: SearchLossOptions
  @OptionGroup(title: "Serving") var serving: ServingOptions
  @OptionGroup(title: "A server under load") var load: SearchLoadOptions
  @OptionGroup(title: "Closed loop") var loop: VerifyOptions

  @Option(help: "Further fronts of loss against: memory, ttft. Comma-separated.")
  var front: CommaSeparated<SearchProblem.Front>?

  @Option(help: "Nats above the target up to which fronts go on. Default: 0.05.")
  var frontSlack: Double?

  @Option(help: "How many candidates are shown. Default: 10.")
  var count: Int?

  @Option(help: "Write FOLDER/NAME/config.json of each candidate shown.")
  var writeConfigs: String?

  @Option(help: "table or json.")
  var output = OutputFormat.table

  @OptionGroup var page: PageOptions

  func run() throws {
    let problem = try problem()
    try loop.check(problem)
    if let writeConfigs { try OutputFile.prepareFolder(writeConfigs) }
    let progress = ProgressLine()
    let result = try ArchitectureSearch(problem).run { progress.show($0) }
    let verified = try loop.run(result, progress)
    progress.clear()
    let report = SearchReport(result, verified: verified)
    try output == .json ? emit(report.json()) : emit(page: report.table)
    try loop.write(verified)
    if let writeConfigs {
      let winner = verified.map { [$0.leader.architecture] } ?? []
      try ConfigFolder.write(winner + result.candidates.map(\.architecture), to: writeConfigs)
    }
  }

  private func problem() throws -> SearchProblem {
    var options = SearchSpec()
    space.fill(&options)
    try loss.fill(&options)
    serving.fill(&options)
    load.fill(&options)
    options.fronts = front?.values ?? []
    options.frontSlack = try frontSlack.map {
      guard $0 >= 0, $0.isFinite else {
        throw InputError("--front-slack", problem: "is \($0)", expected: "at least 0")
      }
      return $0
    }
    options.count = count
    let file = try spec.map { try SearchSpec(contentsOf: $0) }
    return try (file?.overridden(by: options) ?? options).problem(device: loop.device)
  }
}

/// Which architectures a search looks at.
struct SpaceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Non-embedding parameters, such as 1B, or an architecture whose number is meant.",
      valueName: "count|arch"))
  var parameters: String?

  @Option(
    help: ArgumentHelp(
      "What --parameters counts of mixtures of experts: total, or active (what a token passes). "
        + "Default: total.", valueName: "total|active"))
  var parameterBudget: ParameterBudget?

  @Option(
    help: ArgumentHelp(
      "What gains are over. Default: the architecture of --parameters, else one of the zoo within 10% "
        + "of that number.", valueName: "arch"))
  var baseline: String?

  @Option(
    help: "How far from the parameters a candidate may be, at most 10%. Default: 1%.")
  var tolerance: Percentage?

  @Option(
    help: "Layers, or ranges of them such as 12-20, comma-separated. Default: the baseline's.")
  var layers: CommaSeparated<CountRange>?

  @Option(
    help: "Head dimensions, comma-separated. Default: the baseline's.")
  var headDimension: CountList?

  @Option(
    help: ArgumentHelp(
      "Layers without attention, in the middle: shares or numbers such as 0,0.25,8. Default: as the "
        + "baseline.", valueName: "share|count"))
  var attentionFree: CommaSeparated<LayerShare>?

  @Option(
    help: ArgumentHelp(
      "Attention windows, comma-separated: none, or layers with one to layers without and its "
        + "positions, such as 5:1x512. Default: as the baseline.", valueName: "pattern"))
  var windows: CommaSeparated<WindowPattern>?

  @Option(
    help: ArgumentHelp(
      "Whether neighbouring layers without attention share their weights in pairs: false,true for "
        + "both. Default: false.", valueName: "bool"))
  var sharedPairs: CommaSeparated<Bool>?

  @Option(
    help: "Experts of a layer, comma-separated; 0: dense. Default: the baseline's.")
  var experts: CountList?

  @Option(help: "Experts that a token passes, comma-separated. Default: the baseline's.")
  var activeExperts: CountList?

  @Option(
    help: "Experts that every token passes besides, comma-separated. Default: the baseline's.")
  var sharedExperts: CountList?

  @Option(help: "First layers without experts, comma-separated. Default: the baseline's.")
  var denseLayers: CountList?

  @Option(
    help: ArgumentHelp(
      "Twice the hidden size over the width of an expert, comma-separated. Default: any width.",
      valueName: "number"))
  var granularity: CommaSeparated<Double>?

  @Option(help: "Hidden sizes are multiples of this. Default: 128.")
  var hiddenMultiple: Int?

  @Option(help: "Intermediate sizes are multiples of this. Default: 128.")
  var intermediateMultiple: Int?

  @Option(
    help: ArgumentHelp(
      "Most query heads per KV head: the law does not see them. Default: 4.",
      valueName: "count|free"))
  var maxGqa: GQAArgument?

  @Option(
    help: "Losses measured at several GQA: a CSV with the columns gqa and loss.",
    completion: .file())
  var gqaLosses: String?

  @Option(
    help: ArgumentHelp(
      "What every candidate must meet, such as \"intermediate_size <= 4 * hidden_size\" or "
        + "\"total_parameters <= 1.3e9 and memory_gib <= 24\"; may be repeated.",
      valueName: "expression"))
  var rule: [String] = []

  func fill(_ spec: inout SearchSpec) {
    spec.parameters = parameters
    spec.budget = parameterBudget
    spec.baseline = baseline
    spec.tolerance = tolerance?.share
    spec.layers = layers.map { $0.values.flatMap { Array($0.range) } }
    spec.headDimensions = headDimension?.values
    spec.axes.attentionFree = attentionFree?.values
    spec.axes.windows = windows?.values
    spec.axes.sharedPairs = sharedPairs?.values
    spec.experts.experts = experts?.values
    spec.experts.active = activeExperts?.values
    spec.experts.shared = sharedExperts?.values
    spec.experts.denseLayers = denseLayers?.values
    spec.experts.granularity = granularity?.values
    spec.hiddenMultiple = hiddenMultiple
    spec.intermediateMultiple = intermediateMultiple
    spec.maxGQA = maxGqa?.value
    spec.gqaLosses = gqaLosses
    spec.rules = rule
  }
}

extension CountRange: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public static var allValueStrings: [String] { ["counts or ranges such as 16 or 12-20"] }
}

extension LayerShare: ExpressibleByArgument {
  public static var allValueStrings: [String] { [expected] }
  public init?(argument: String) { self.init(argument) }
}

extension WindowPattern: ExpressibleByArgument {
  public static var allValueStrings: [String] { [expected] }
  public init?(argument: String) { self.init(argument) }
}

/// A limit of query heads per KV head, or none.
struct GQAArgument: ExpressibleByArgument {
  let value: Int

  init?(argument: String) {
    guard let value = argument == "free" ? .max : Int(argument) else { return nil }
    self.value = value
  }

  static var allValueStrings: [String] { ["a count such as 4, or free"] }
}

/// What a search may lose.
struct SearchLossOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("A law file, or a shipped law (see profiles/laws).", valueName: "law"),
    completion: .laws)
  var law: String?

  @OptionGroup var reference: ReferenceOptions

  @Option(
    help: ArgumentHelp(
      "The law that says how mixtures of experts relate to dense models. Default: experts-joint.",
      valueName: "law"), completion: .laws)
  var expertLaw: String?

  @Option(help: ArgumentHelp("Training tokens, such as 100B.", valueName: "count"))
  var tokens: ScaledCount?

  @Option(
    help: ArgumentHelp(
      "A loss, or an architecture: the target is the law's loss of its shape at --parameters.",
      valueName: "loss|arch"))
  var targetLoss: String?

  func fill(_ spec: inout SearchSpec) throws {
    spec.law = law
    spec.anchors = try reference.anchor.map { try $0.anchor() }
    spec.scaling = reference.scaling
    spec.expertLaw = expertLaw
    spec.tokens = tokens?.value
    spec.targetLoss = targetLoss
  }
}

/// What candidates are to serve, and where.
struct ServingOptions: ParsableArguments {
  @Option(help: "Device profiles' paths or names, or host, comma-separated.", completion: .devices)
  var device: CommaSeparated<String>?

  @Option(help: "Serving engine. Default: vllm on GPUs, dyno on CPUs.", completion: .engines)
  var engine: String?

  @Option(
    help: "Tokens in and out of each sequence, comma-separated. Default: 4096x1024.")
  var workload: CommaSeparated<WorkloadShape>?

  @Option(
    help: "Instead of --workload: single decode steps at these depths, comma-separated.")
  var decodeDepth: CountList?

  @Option(help: "Sequences at once, comma-separated. Default: 128.")
  var batch: CountList?

  @Option(help: "Storage of weights: \(NumberStorage.listed). Default: bf16.")
  var dtype: NumberStorage?

  @Option(
    name: [.customLong("cache-dtype"), .customLong("kv-dtype")],
    help: ArgumentHelp(
      """
      Storage of the KV cache: bf16, f16 or fp8 on GPUs, f32, f16, bf16 or q8_0 on CPUs. Default: \
      bf16 on GPUs, f16 on CPUs.
      """, valueName: "cache-dtype"))
  var cacheDtype: NumberStorage?

  @Option(help: "Devices that share each layer. Default: 1.")
  var tensorParallel: Int?

  @Option(
    help: "Several scenarios count as their worst gain or their weighted mean. Default: worst.")
  var combine: Combination?

  func fill(_ spec: inout SearchSpec) {
    spec.devices = device?.values
    spec.engine = engine
    spec.workloads = workload?.values.map {
      ServingWorkload(prompt: $0.prompt, generate: $0.generate, batch: 1)
    }
    spec.decodeDepths = decodeDepth?.values
    spec.batches = batch?.values
    spec.dtype = dtype
    spec.cacheDType = cacheDtype
    spec.tensorParallel = tensorParallel
    spec.combination = combine
  }
}
