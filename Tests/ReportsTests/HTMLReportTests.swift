import Foundation
import Input
import Records
import Reports
import Store
import TestSupport
import Testing

/// Pages that `dyno report` writes. `make test-report` opens them in a browser.
@Suite struct HTMLReportTests {
  /// What stands in the page for its script.
  struct Page {
    let text: String
    let figures: [String: JSONObject]

    init(_ json: [(source: String, text: String)], title: String = "T") throws {
      text = try HTMLReport(ReportInput(json: json), title: title).text(charts: "// charts")
      let start = try #require(text.range(of: "<script type=\"application/json\" id=\"data\">"))
      let end = try #require(text.range(of: "</script>", range: start.upperBound..<text.endIndex))
      let data = try JSONObject(parsing: Data(text[start.upperBound..<end.lowerBound].utf8))
      let figures = try (data.array("figures") ?? []).map { value in
        guard case .object(let fields) = value else { throw InputError(problem: "is no figure") }
        return JSONObject(fields)
      }
      self.figures = try Dictionary(
        uniqueKeysWithValues: figures.map { (try $0.string("id")!, $0) })
    }

    func csv(_ figure: String) throws -> String {
      try #require(try figures[figure]?.string("csv"))
    }
  }

  private func json(_ records: [ThroughputRecord]) throws -> [(source: String, text: String)] {
    [("bench.json", try JSONText.encode(records))]
  }

  @Test func throughputBesideTheFloor() throws {
    let page = try Page(
      json([
        sampleRecord("tiny"), sampleRecord("wide", milliseconds: [20, 22, 21, 20.4, 21.6, 20.8]),
        sampleRecord("tiny", prompt: 0, generate: 16, milliseconds: [100]),
      ]))
    #expect(Array(page.figures.keys) == ["throughput-tests"])
    let lines = try page.csv("throughput-tests").components(separatedBy: "\r\n")
    #expect(lines.count == 5 && lines[4].isEmpty)
    #expect(
      lines[0].hasPrefix("test,architecture,tok/s,95% from,95% to,tok/s at the limits,of floor"))
    // The median of 10.5 ms for 512 tokens, and 0.61 of the floor.
    #expect(lines[1].hasPrefix("pp512,tiny,48761.9047619"))
    #expect(lines[1].contains("79937.548"))
    #expect(lines[3].hasPrefix("tg16,tiny,160,,,262.2950"))
  }

  /// A line needs two points.
  @Test func overDepthAndBatch() throws {
    let page = try Page(
      json([
        sampleRecord(prompt: 0, generate: 8), sampleRecord(prompt: 0, generate: 8, depth: 64),
        sampleRecord(prompt: 0, generate: 8, batch: 4), sampleRecord("other"),
      ]))
    #expect(
      Set(page.figures.keys) == ["throughput-tests", "depth-decode", "batch-decode"])
    let depths = try page.csv("depth-decode").split(separator: "\r\n").map { $0.prefix(20) }
    #expect(depths.count == 3)
    #expect(depths[1].hasPrefix("tiny,tg8,0,") && depths[2].hasPrefix("tiny,tg8 @ d64,64,"))
  }

  /// Of results that were repeated the last counts, and their number is said.
  @Test func repeatedResults() throws {
    var later = sampleRecord(milliseconds: [5])
    later.testTime = "2026-02-02T03:04:05Z"
    let lines = try Page(json([later, sampleRecord()])).csv("throughput-tests")
      .split(separator: "\r\n")
    #expect(lines.count == 2 && lines[1].contains("102400") && lines[1].hasSuffix(",2"))
  }

  @Test func workloads() throws {
    let summary = WorkloadSummary(
      mode: .integrated, steps: 1030, timedSteps: 20, prefillS: 0.75, decodeS: 4.25, tpotS: 0.0042,
      quadratureError: 0.001, errorBound: 0.011)
    let page = try Page(
      json([sampleRecord(prompt: 4096, generate: 1024, workload: summary)]))
    #expect(
      try page.csv("workloads-parts").contains(
        "tiny,generation,4.25,pp4096+tg1024,1,"))
  }

  /// What files say is data, wherever it stands.
  @Test func hostileNames() throws {
    let name = "</script><script>alert(1)</script><!-- {{title}} & \"'\u{2028}\u{202e}"
    var record = sampleRecord(name)
    record.cpuInfo = name
    let page = try Page(
      [(source: name, text: try JSONText.encode([record]))], title: name)
    // Those of the page: data, charts, script.
    #expect(page.text.components(separatedBy: "<script").count == 4)
    #expect(page.text.components(separatedBy: "</script").count == 4)
    #expect(!page.text.contains("alert(1)</") && !page.text.contains("<!--"))
    #expect(!page.text.unicodeScalars.contains { $0.value == 0x202e || $0.value == 0x2028 })
    #expect(page.text.contains("<title>&lt;/script&gt;&lt;script&gt;"))
    let rows = try #require(try page.figures["throughput-tests"]?.array("rows"))
    guard case .array(let cells) = rows[0] else { throw InputError(problem: "no row") }
    #expect(cells[1] == .string(name))
    #expect(page.text.contains("{{title}}"))
  }

  @Test func cellsThatSpreadsheetsWouldRun() throws {
    let csv = try Page(json([sampleRecord("=1+1,\"x\"")])).csv("throughput-tests")
    #expect(csv.contains("pp512,\"'=1+1,\"\"x\"\"\","))
  }

  @Test func verdicts() throws {
    func cell(_ slowdown: Double, _ verdict: ComparisonRecord.Verdict) -> ComparisonRecord.Cell {
      ComparisonRecord.Cell(
        modelType: "tiny", test: "pp8", nSequences: 2, typeWeights: .bf16, typeK: .f16, nThreads: 2,
        baselineTs: 100, candidateTs: 95, slowdown: slowdown, slowdownInterval: [0.05, 0.07],
        pValue: 0.001, verdict: verdict, samples: 40, suspectSamples: 1)
    }
    let record = ComparisonRecord(
      method: .paired, baseline: .init(name: "old", buildCommit: "1111111111aaaa"),
      candidate: .init(name: "new", buildCommit: "2222222222bbbb"), cpuInfo: "c", threshold: 0.05,
      familyError: 0.05, cells: [cell(0.06, .regression), cell(0, .noChange)])
    let page = try Page([("ab.json", try JSONText.encode(record))])
    let lines = try page.csv("gate-verdicts").split(separator: "\r\n")
    #expect(lines[1].hasPrefix("\"tiny pp8, batch 2, bf16\",0.06,0.05,0.07,regression,"))
    #expect(page.text.contains("new (2222222222) against old (1111111111)"))
  }

  @Test func historyWithAChange() throws {
    let rates = [100.0, 101, 99, 100.5, 99.5, 100, 101, 90, 91, 89, 90.5, 89.5, 90, 91]
    let results = try rates.enumerated().map { index, rate in
      var record = sampleRecord(milliseconds: [512_000 / rate])
      record.buildCommit = String(repeating: "\(index % 10)\(index / 10)", count: 20)
      var result = try stored(record)
      result.finishedAt = "2026-01-02T03:04:\(10 + index).000Z"
      return result
    }
    let page = try Page([("history.json", try JSONText.encode(History(results)))])
    let lines = try page.csv("history-series").split(separator: "\r\n")
    #expect(lines.count == 15)
    #expect(lines[7].hasPrefix("tiny pp512,7,"))
    // Before the change its level, at the change its ratio.
    #expect(lines[7].contains(",100,,,1,") && lines[8].contains(",90,0.9,"))
  }

  /// A store gives its last results and, once it has several commits, their history.
  @Test func stores() throws {
    var next = sampleRecord(milliseconds: [5])
    next.buildCommit = "next"
    next.testTime = "2026-02-02T03:04:05Z"
    try Files.withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("nightly.db").path
      try BenchRecorder(store: path).append([sampleRecord(), next])
      let report = try HTMLReport(ReportInput(contentsOf: [path]), title: "T")
      #expect(report.table.contains("Throughput of each test") && report.table.contains("History"))
      let page = try report.text(charts: "")
      #expect(page.contains("nightly.db") && !page.contains(folder.path))
    }
  }

  /// JSON Lines, one record by itself, and failures among results.
  @Test func formsOfFiles() throws {
    let record = sampleRecord()
    let lines = try RecordText.encode(record) + "\n" + RecordText.encode(sampleRecord("b")) + "\n\n"
    #expect(
      try Page([("a.jsonl", lines)]).csv("throughput-tests").split(separator: "\r\n").count == 3)
    #expect(try Page([("a.json", JSONText.encode(record))]).figures.count == 1)
    let failed = try Page([("f.jsonl", storedFailure("no room").record)])
    #expect(try failed.csv("failures-list").hasSuffix(",crash,no room\r\n"))
  }

  @Test(arguments: [
    ("[]", "x.json: holds no results"),
    (
      "{\"a\": 1}",
      "x.json: record 1: is nothing that reports are made from; expected JSON of dyno bench"
    ),
    ("[3]", "x.json: record 1: is 3; expected JSON of"),
    ("{\"a\": ", "x.json: line 1"),
    (
      "{\"device\": \"d\", \"ladder\": [{}], \"rejected\": []}",
      "x.json: family: is missing; expected a text"
    ),
    (
      "[{\"model_type\": \"a\", \"n_gen\": 1, \"median_ts\": 1, \"samples_ns\": []}]",
      "x.json: record 1: schema_version: is missing; expected 2"
    ),
    (
      "{\"device\": \"d\", \"ladder\": [], \"rejected\": []}",
      "x.json: there is nothing to show in them"
    ),
  ])
  func refused(text: String, error: String) {
    let thrown = #expect(throws: InputError.self) { try Page([("x.json", text)]) }
    #expect("\(thrown!)".hasPrefix(error), "\(thrown!)")
  }

  /// A record that is damaged is refused by its field, not drawn by half.
  @Test func damagedRecords() throws {
    let text = try JSONText.encode([sampleRecord(), sampleRecord("b")])
    for (right, wrong, field) in [
      ("\"floor_fraction\" : 0.61", "\"floor_fraction\" : 0", "floor_fraction"),
      ("\"n_sequences\" : 1", "\"n_sequences\" : -1", "n_sequences"),
      ("\"median_ts\"", "\"median_tt\"", "record 1"),
    ] {
      #expect(text.contains(right))
      let thrown = #expect(throws: InputError.self) {
        try Page([("x.json", text.replacing(right, with: wrong))])
      }
      #expect("\(thrown!)".hasPrefix("x.json: \(field): "), "\(thrown!)")
    }
  }

  /// What the page may do: run its own two scripts, and fetch nothing.
  @Test func policy() throws {
    let page = try Page(json([sampleRecord()]))
    let digest = ContentHash.base64(Data("// charts".utf8))
    #expect(page.text.contains("default-src 'none'; script-src 'sha256-\(digest)' 'sha256-"))
    #expect(!page.text.contains("unsafe-eval"))
    for attribute in [" src=", "<link", "@import", "url("] {
      #expect(!page.text.contains(attribute), "\(attribute)")
    }
  }

  /// Files that commands printed, one of each kind.
  @Test func filesOfAllCommands() throws {
    let folder = Files.fixtures.deletingLastPathComponent().appendingPathComponent("report/results")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    let input = try ReportInput(
      contentsOf: files.map { folder.appendingPathComponent($0).path })
    let table = try HTMLReport(input, title: "T").table
    for section in [
      "Throughput", "Speed over depth", "Speed over batch", "Whole requests",
      "Predicted against measured", "Predictions", "A server under load", "Search", "Quality",
      "Gate verdicts", "History", "Calibration",
    ] { #expect(table.contains(section), "\(section)") }
  }
}
