import Engine
import Formats
import Foundation
import Harness
import Input
import Machine
import Model
import Records
import Weights

/// Reads a text with a model whose weights are stored in several ways, and measures how fast each is.
public struct QualityComparison {
  public struct Settings: Sendable {
    /// What to convert the weights to, beside the file as it is stored.
    public var dtypes: [WeightFormat] = []
    /// What distances are from.
    public var reference = StorageChoice.stored
    /// Most tokens of a window. `nil`: what the model can read, at most 512.
    public var context: Int?
    /// So many tokens of the text only.
    public var tokensLimit: Int?
    /// UTF-8 bytes of the whole text.
    public var textBytes: Int?
    public var cacheDType = DType.f16
    /// What weights are multiplied with: as they are served, or f32 for all of them, of which no speed
    /// is measured.
    public var activations = BF16Activations.native
    public var threads: Int?
    /// Seconds for the samples of all throughput tests together; `nil`: none are run.
    public var speedBudgetSeconds: Double? = 30
    public var seed: UInt64 = 0

    public init() {}
  }

  public struct Results: Sendable {
    /// The reference first, then the file as it is stored, then the dtypes in their order; each once.
    public var records: [QualityRecord] = []
    public var warnings: [String] = []
    /// The best that any of its tests saw of the machine; `nil` without tests of speed.
    public var limits: MachineLimits?
  }

  private static let defaultContext = 512
  private static let generatedTokens = 32

  private let subject: ModelSubject
  private let name: String
  private let path: String
  private let settings: Settings
  private let report: (String) -> Void

  /// - Parameters:
  ///   - argument: what the subject was resolved from.
  ///   - report: told what is being done, for a progress line.
  /// - Throws: `InputError` for a model without weights.
  public init(
    _ subject: ModelSubject, from argument: String, _ settings: Settings,
    report: @escaping (String) -> Void
  ) throws {
    self.subject = subject
    self.settings = settings
    self.report = report
    name = subject.architecture.name
    path = try subject.requiredWeights(argument)
  }

  /// - Throws: `InputError` for tokens that the model does not have, a context that it cannot read,
  ///   a dtype that its matrices do not fill, and where memory is too small.
  public func run(_ tokens: TokenSequences) throws -> Results {
    let read = try read(tokens)
    var results = Results(records: read.records)
    guard let budget = settings.speedBudgetSeconds else { return results }
    let speeds = try speeds(of: read.storages, context: read.context, budget: budget)
    for (index, storage) in read.storages.enumerated() {
      let records = speeds[index]
      results.records[index].prefill = QualityRecord.Speed(records[0])
      results.records[index].decode = QualityRecord.Speed(records[1])
      for record in records {
        results.limits = results.limits?.best(with: record.limits) ?? record.limits
        results.warnings += record.warnings.map { "\(storage.name) \(record.testName): \($0)" }
      }
    }
    return results
  }

  // MARK: Quality

  private struct Reading {
    var storages: [StorageChoice]
    var context: Int
    var records: [QualityRecord]
  }

  private func read(_ tokens: TokenSequences) throws -> Reading {
    let topology = try Topology()
    let team = try ThreadTeam(count: settings.threads, topology: topology)
    let kernels = try KernelTable.selected(activations: settings.activations)
    try OpenBLAS.requireMemory(threads: team.count)
    let weights = try ModelWeights.load(path, kernels: kernels)
    let architecture = weights.architecture
    try tokens.check(vocabulary: architecture.vocabularySize)
    let context = try context(architecture)
    let text = settings.tokensLimit.map(tokens.prefix) ?? tokens
    let windows = try TextWindows(text, context: context)
    let storages = storages(weights)
    let reference = storages[0]

    func need(_ storage: StorageChoice) throws -> MemoryNeed {
      let step = min(context, ScoringPass.chunk)
      return try MemoryNeed(
        architecture,
        weights: storage.format.map(architecture.weightBytes) ?? weights.matrixBytes,
        cache: settings.cacheDType, sequences: 1, capacity: context, maxTokens: step,
        maxLogits: step, threads: team.count)
    }
    let needs = try storages.map(need)
    // Scores are kept of every token.
    let kept = storages.count * windows.predicted * MemoryLayout<TokenScore>.stride
    let available = max(0, AvailableMemory.bytes() - kept)
    try needs[0].check("\(name) in \(reference.name)", available: available)
    for (storage, need) in zip(storages, needs).dropFirst() {
      try MemoryNeed(sumOf: [needs[0], need]).check(
        "\(name) in \(reference.name) and \(storage.name)", available: available)
    }
    let groups = MemoryGroups.of(
      needs.dropFirst().map(\.total), beside: needs[0].total, within: available)

    var scores: [[TokenScore]] = []
    var records: [QualityRecord] = []
    // Nothing to compare with is a pass, too.
    for (index, group) in (groups.isEmpty ? [[]] : groups).enumerated() {
      let others = group.map { storages[$0 + 1] }
      let pass = try ScoringPass(
        weights, name, [reference] + others, context: context, cache: settings.cacheDType,
        isPacked: settings.activations == .native, team: team, kernels: kernels, report: report)
      let names = (index == 0 ? [reference] + others : others).map(\.name)
        .joined(separator: ", ")
      let found = try pass.scores(text, windows) {
        report("\(name) in \(names): token \($0) of \(windows.predicted)")
      }
      if index == 0 { scores = [found[0]] }
      scores += found.dropFirst()
      let run = index == 0 ? Array(pass.weights) : Array(pass.weights.dropFirst())
      for weights in run {
        let place = records.count
        report("\(name) in \(storages[place].name): intervals")
        records.append(
          record(
            storages[place], weights,
            QualityStatistics(
              scores[place], reference: scores[0], blocks: windows.blocks, seed: settings.seed),
            text: textFacts(tokens, text, windows, context), reference: reference,
            threads: team.count, kernels))
      }
    }
    return Reading(storages: storages, context: context, records: records)
  }

  private func context(_ architecture: Architecture) throws -> Int {
    let context =
      settings.context ?? min(architecture.maxPositions, Self.defaultContext)
    guard context > 1 else {
      throw InputError("context", problem: "is \(context)", expected: "2 tokens or more")
    }
    guard settings.context == nil || context <= architecture.maxPositions else {
      throw InputError(
        "context", problem: "is \(context), longer than \(name) was made for",
        expected: "at most \(architecture.maxPositions)")
    }
    return context
  }

  /// Each once, the reference first.
  private func storages(_ weights: ModelWeights) -> [StorageChoice] {
    let asked = [settings.reference, .stored] + settings.dtypes.map { .converted($0) }
    var seen: Set<StorageChoice> = []
    return asked.map { $0.simplified(of: weights) }.filter { seen.insert($0).inserted }
  }

  private func textFacts(
    _ all: TokenSequences, _ text: TokenSequences, _ windows: TextWindows, _ context: Int
  ) -> QualityRecord.Text {
    QualityRecord.Text(
      tokens: text.ids.count, predictedTokens: windows.predicted, documents: text.documents.count,
      context: context, windows: windows.windows.count, blocks: windows.blocks.count,
      bytesPerToken: settings.textBytes.map { Double($0) / Double(all.ids.count) })
  }

  private func record(
    _ storage: StorageChoice, _ weights: ModelWeights, _ statistics: QualityStatistics,
    text: QualityRecord.Text, reference: StorageChoice, threads: Int, _ kernels: KernelTable
  ) -> QualityRecord {
    let stored = weights.storage.all
    let main = stored.main!
    let loss = statistics.loss
    let step = Step(batch: 1, cached: 0, new: text.context, logits: .all)
    let flops =
      weights.architecture.operators(of: step, weights: main, cache: settings.cacheDType)
      .reduce(0) { $0 + $1.flops } / Double(text.context)
    return QualityRecord(
      model: name, weights: storage.name, typeWeights: main,
      mixesFormats: stored.elements.count > 1, typeCache: settings.cacheDType,
      typeActivations: settings.activations == .f32 ? .f32 : kernels.activations(for: main),
      reference: reference.name,
      modelBytes: weights.matrixBytes, bytesPerWeight: stored.bytesPerElement, text: text,
      loss: loss, perplexity: statistics.perplexity,
      bitsPerByte: text.bytesPerToken.map { bytes in
        loss.mapped({ $0 / log(2) / bytes }, slope: 1 / log(2) / bytes)
      },
      informationCapacity: text.bytesPerToken.map { bytes in
        loss.mapped(
          {
            InformationCapacity.value(bytesPerToken: bytes, loss: $0, flopsPerToken: flops)
          }, slope: 1 / log(2) / log2(flops))
      },
      flopsPerToken: flops, distance: storage == reference ? nil : statistics.distance,
      seed: settings.seed, threads: threads, cpuInfo: Processor.model,
      buildCommit: BuildInformation.commit)
  }

  // MARK: Speed

  /// For each storage, the records of prefill and decode. What fits into memory together runs
  /// interleaved.
  private func speeds(
    of storages: [StorageChoice], context: Int, budget: Double
  ) throws -> [[ThroughputRecord]] {
    let tests = [
      ThroughputTest(.prefill(context), depth: 0, batch: 1),
      ThroughputTest(
        .decode(min(Self.generatedTokens, subject.architecture.maxPositions)), depth: 0, batch: 1),
    ]
    let subjects = storages.map { storage in
      var stored = subject
      stored.weights = path
      stored.storage = storage.format
      stored.architecture.name = "\(name) \(storage.name)"
      return stored
    }
    var bench = ThroughputBench.Settings()
    bench.cacheDType = settings.cacheDType
    bench.threads = settings.threads
    bench.seed = settings.seed
    let groups = MemoryGroups.of(
      try subjects.map { try ThroughputBench.memoryNeed($0, tests, bench).total },
      beside: try ThroughputBench.reservedBytes(bench), within: AvailableMemory.bytes())
    var records: [[ThroughputRecord]] = []
    for group in groups {
      bench.budgetSeconds = budget * Double(group.count) / Double(storages.count)
      let found = try ThroughputBench(tests, bench, report: report)
        .run(group.map { subjects[$0] }).records
      for index in group.indices {
        records.append(Array(found[index * tests.count..<(index + 1) * tests.count]))
      }
    }
    return records
  }
}

extension QualityRecord.Speed {
  fileprivate init(_ record: ThroughputRecord) {
    self.init(
      test: record.testName, medianTs: record.medianTs, ci95Ts: record.ci95Ts,
      floorFraction: record.floorFraction)
  }
}
