import Foundation
import Input
import Model
import Records
import Reports
import Store
import TestSupport
import Testing

/// Whole outputs, as they stand in `Tests/Fixtures/reports`.
@Suite struct GoldenTests {
  private let records: [ThroughputRecord] = {
    let workload = WorkloadSummary(
      mode: .integrated, steps: 1030, timedSteps: 20, prefillS: 0.75, decodeS: 4.25, tpotS: 0.0042,
      quadratureError: 0.001, errorBound: 0.011)
    var fast = sampleRecord("tiny", prompt: 0, generate: 16, batch: 2, milliseconds: [1, 2, 3])
    fast.bandwidthFraction = 1.25
    return [
      sampleRecord("tiny"),
      sampleRecord(
        "wi|de<b>\u{1b}[31m", milliseconds: [20, 22, 21, 20.4, 21.6, 20.8, 21, 20.6, 21]),
      fast,
      sampleRecord("tiny", prompt: 4096, generate: 1024, depth: 64, workload: workload),
    ]
  }()

  private let comparison: ComparisonRecord = {
    func cell(
      _ name: String, _ test: String, _ slowdown: Double, _ interval: [Double]?, _ p: Double,
      _ verdict: ComparisonRecord.Verdict
    ) -> ComparisonRecord.Cell {
      ComparisonRecord.Cell(
        modelType: name, test: test, nSequences: 2, typeWeights: .bf16, typeK: .f16, nThreads: 2,
        baselineTs: 100, candidateTs: 100 / (1 + slowdown), slowdown: slowdown,
        slowdownInterval: interval, pValue: p, verdict: verdict, samples: 40, suspectSamples: 1)
    }
    return ComparisonRecord(
      method: .paired, baseline: .init(name: "old/dyno", buildCommit: "1111111111aaaa"),
      candidate: .init(name: "new/[dyno]", buildCommit: "2222222222bbbb-modified"),
      cpuInfo: "Model <9> & co", threshold: 0.05, familyError: 0.05,
      cells: [
        cell("tiny", "pp8", 0.06, [0.05, 0.07], 0.00001, .regression),
        cell("a<b>&\"c\"|\u{FFFE}\u{1b}", "tg8 @ d9", 0, nil, 1, .inconclusive),
        cell("tiny", "tg9", 0.001, [-0.01, 0.01], 0.4, .noChange),
        cell("tiny", "pp9", -0.2, [-0.25, -0.15], 0.0123, .improvement),
      ], seed: 3, seconds: 12.5, looks: 4, warnings: ["careful: <script> | \u{202e}"],
      onlyInBaseline: ["lost tg8, batch 1, bf16"], onlyInCandidate: ["new|er tg8, batch 1, bf16"])
  }()

  @Test func throughput() throws {
    try expectGolden(ThroughputTable.rendered(records), "throughput.txt")
    try expectGolden(ThroughputTable.rendered(records, .markdown), "throughput.md")
    try expectGolden(ThroughputTable.rendered([records[0]]), "throughput-one.txt")
    try expectGolden(JSONText.encode(records[3]), "throughput.json")
  }

  @Test(arguments: [
    (ComparisonFormat.table, "comparison.txt"), (.markdown, "comparison.md"),
    (.json, "comparison.json"), (.junit, "comparison.xml"),
    (.githubActionBenchmark, "comparison-github-action-benchmark.json"),
    (.bencher, "comparison-bencher.json"),
  ])
  func comparisons(format: ComparisonFormat, file: String) throws {
    try expectGolden(format.exporter.text(comparison), file)
  }

  @Test func stores() throws {
    let results = try [
      stored(records[0], cell: "beef"), stored(records[1], at: 1), stored(records[2], at: 2),
      storedFailure("died,\n\"badly\"\r\nand\rtwice"),
    ]
    try expectGolden(StoredResultTable.rendered(results), "results.txt")
    try expectGolden(StoredResultTable.rendered(results, .markdown), "results.md")
    try expectGolden(StoredResultExport.csv(results), "results.csv")
    try expectGolden(StoredResultExport.json(results), "results.json")
    try expectGolden(StoredResultExport.jsonLines(results), "results.jsonl")
    try expectGolden(StoredResultExport.llamaBench(results), "results-llama-bench.json")
    try expectGolden(StoredResultTable.rendered([]), "results-none.txt")
  }

  @Test func histories() throws {
    let rates = [100.0, 101, 99, 100.5, 99.5, 100, 101, 90, 91, 89, 90.5, 89.5, 90, 91]
    let results = try rates.enumerated().map { index, rate in
      var record = sampleRecord("ti\u{1b}ny", milliseconds: [512_000 / rate])
      record.buildCommit = String(repeating: "\(index % 10)\(index / 10)", count: 20)
      var result = try stored(record)
      result.finishedAt = "2026-01-02T03:04:\(10 + index).000Z"
      return result
    }
    try expectGolden(History(results).table(), "history.txt")
    try expectGolden(History(results).table(.markdown), "history.md")
    try expectGolden(History(results).junit(threshold: 0.03), "history.xml")
    #expect(!(try History(results).junit(threshold: 0.2).contains("<failure")))
    try expectGolden(History(Array(results.prefix(3))).junit(threshold: 0), "history-short.xml")
    try expectGolden(JSONText.encode(History(Array(results.prefix(3)))), "history-short.json")
    var options = History.Options()
    options.order = try CommitOrder(
      (1..<14).map { String(repeating: "\($0 % 10)\($0 / 10)", count: 5) }.joined(separator: "\n"),
      name: "order", leavesOutOthers: true)
    try expectGolden(History(results, options).table(), "history-ordered.txt")
  }

  @Test func qualities() throws {
    let file = Files.root.appendingPathComponent("Tests/report/results/quality.json")
    let records = try RecordText.decode([QualityRecord].self, Data(contentsOf: file))
    try expectGolden(QualityReport.rendered(records), "quality.txt")
    try expectGolden(QualityReport.rendered(records, .markdown), "quality.md")
    try expectGolden(QualityReport.csv(records), "quality.csv")
  }

  @Test func others() throws {
    try expectGolden(
      MergeReport(
        rows: [.init(store: "a.db", added: 3), .init(store: "b|\u{7}.db", added: 0)], into: "c.db",
        total: 12
      ).table, "merge.txt")
    let record = GateErrorRecord(
      cpuInfo: "Model 9", cells: ["a", "b"], threshold: 0.05, familyError: 0.05, comparisonS: 45,
      pairsPerCell: 24, poolS: 781, poolPairsPerCell: 227,
      falseAlarms: .init(count: 2, trials: 2000, interval: 0.0001...0.004),
      falseAlarmsAtZero: .init(count: 90, trials: 2000, interval: 0.036...0.055),
      injectedSlowdown: 0.05, found: .init(count: 1900, trials: 2000, interval: 0.94...0.96),
      measuredSlowdown: 0.0499, smallestFound: nil, pairSpread: 0.031, largestBias: 0.0057,
      designEffect: 1.125, seed: 0)
    try expectGolden(GateErrorReport.rendered(record), "gate-errors.txt")
  }
}

@Suite struct OutputTextTests {
  /// In Swift, "\r\n" is one character, and neither "\r" nor "\n".
  @Test func cellsOfCSV() {
    for end in ["\n", "\r", "\r\n"] {
      #expect(DelimitedText.quoted("a\(end)b") == "\"a\(end)b\"")
    }
    #expect(
      DelimitedText.quoted("a,b") == "\"a,b\"" && DelimitedText.quoted("a\"b") == "\"a\"\"b\"")
    #expect(DelimitedText.quoted("plain text") == "plain text" && DelimitedText.quoted("") == "")
    for formula in ["=1+1", "+x", "-x", "@x", "=HYPERLINK(1)"] {
      #expect(DelimitedText.quoted(formula) == "'" + formula)
    }
    for number in ["-1", "+2", "-1.5e-3", "-1 2 -3"] {
      #expect(DelimitedText.quoted(number) == number)
    }
  }

  @Test func namesInMarkup() {
    let name = "a|b<i>*`[x]\\\u{1b}\n\u{202e}\u{85}"
    let markdown = OutputText.markdown(name)
    #expect(markdown.hasPrefix("a\\|b&lt;i&gt;\\*\\`\\[x\\]\\\\"))
    for text in [markdown, OutputText.terminal(name), OutputText.xml(name)] {
      #expect(!text.unicodeScalars.contains(where: PrintableText.isUnsafe))
    }
    #expect(
      OutputText.xml("\u{FFFE}\u{FFFF}\u{0}'\"<>&")
        == "\u{FFFD}\u{FFFD}\u{FFFD}&apos;&quot;&lt;&gt;&amp;")
  }

  /// A mark and what is set on it are one Character, and the mark is one of Markdown all the same.
  @Test(arguments: ["\u{301}", "\u{FE0F}", "\u{20E3}"])
  func accentedMarksInMarkup(accent: String) {
    for mark in ["|", "`", "*", "[", "]", "\\"] {
      #expect(
        Array(OutputText.markdown("a" + mark + accent).unicodeScalars)
          == Array(("a\\" + mark + accent).unicodeScalars))
    }
    for (mark, entity) in [("<", "&lt;"), (">", "&gt;"), ("&", "&amp;")] {
      #expect(
        Array(OutputText.markdown(mark + accent).unicodeScalars)
          == Array((entity + accent).unicodeScalars))
    }
  }

  /// Configurations are written as other files are: through links, and with the modes that are there.
  @Test func foldersOfConfigurations() throws {
    try Files.withTemporaryFolder { folder in
      let architecture = try Zoo.resolve("smollm2-135m")
      let place = folder.appendingPathComponent(architecture.name)
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      let kept = folder.appendingPathComponent("kept.json").path
      try "old".write(toFile: kept, atomically: false, encoding: .utf8)
      chmod(kept, 0o640)
      let link = place.appendingPathComponent("config.json").path
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: kept)
      try ConfigFolder.write([architecture], to: folder.path)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == kept)
      let text = try String(contentsOfFile: kept, encoding: .utf8)
      #expect(try text == architecture.loadable.configText())
      var status = stat()
      #expect(stat(kept, &status) == 0 && status.st_mode & 0o7777 == 0o640)
    }
  }

  /// JSON keeps what it is given, without a character that acts on a terminal.
  @Test func namesInJSON() throws {
    let names = ["a\u{9b}31m", "\u{202e}b", "\u{2028}", "\u{1b}", "é😀", "\u{E0001}"]
    let text = try RecordText.encode(names)
    #expect(!text.unicodeScalars.contains(where: PrintableText.isUnsafe))
    #expect(try RecordText.decode([String].self, Data(text.utf8)) == names)
  }
}
