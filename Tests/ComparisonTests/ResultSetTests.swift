import Comparison
import Foundation
import Harness
import Input
import Machine
import Numerics
import Records
import Reports
import TestSupport
import Testing

@Suite struct ResultSetTests {
  /// Real records, whose samples are then replaced by drawn ones of known shift.
  static let measured: [ThroughputRecord] = {
    var settings = ThroughputBench.Settings()
    settings.repetitions = 1
    settings.threads = 1
    let tests = [1, 2].map { ThroughputTest(.decode(2), depth: 0, batch: $0) }
    return try! ThroughputBench(tests, settings, report: { _ in })
      .run([randomLlama(seed: 1).validated(), randomLlama(seed: 2).validated()])
      .records
  }()

  private func set(
    _ name: String, samples: Int, shifts: [Double] = [0, 0, 0, 0], seed: Int,
    _ change: (inout ThroughputRecord) -> Void = { _ in }
  ) throws -> ResultSet {
    var random = SeededGenerator(seed: 1, stream: seed)
    return try ResultSet(
      name: name,
      records: zip(Self.measured, shifts).map { record, shift in
        var record = record
        record.samplesNs = (0..<samples).map { _ in
          Int(1e7 * exp(shift + 0.02 * random.normal()))
        }
        record.samplesTs = record.samplesNs.map { 1e9 / Double($0) }
        record.sampleCircumstances = (0..<samples).map {
          SampleCircumstances(
            block: $0, startS: Double($0), noise: NoiseEvidence(), suspicions: [])
        }
        record.sampling.suspectSamples = 0
        change(&record)
        return record
      })
  }

  private func compare(
    _ a: ResultSet, _ b: ResultSet, threshold: Double = 0.05, allowed: Set<Difference> = []
  ) throws -> ComparisonRecord {
    try ResultSetComparison(VerdictRule(threshold: threshold), allowed: allowed).compare(a, b)
  }

  @Test func aSetComparedWithItself() throws {
    for samples in [1, 3, 30] {
      let set = try set("a", samples: samples, seed: 0)
      let comparison = try compare(set, set)
      #expect(comparison.cells.allSatisfy { $0.verdict == .noChange && $0.slowdown == 0 })
      #expect(comparison.exitCode == 0 && comparison.warnings.isEmpty)
    }
  }

  @Test func verdicts() throws {
    let comparison = try compare(
      set("a", samples: 60, seed: 1),
      set("b", samples: 60, shifts: [0, 0.1, -0.1, 0], seed: 2))
    #expect(
      comparison.cells.map(\.verdict) == [.noChange, .regression, .improvement, .noChange])
    #expect(comparison.exitCode == 1 && comparison.verdict == .regression)
    #expect(abs(comparison.cells[1].slowdown - expm1(0.1)) < 0.02)
    #expect(comparison.warnings.contains { $0.contains("dyno ab") })
    let few = try compare(set("a", samples: 4, seed: 1), set("b", samples: 4, seed: 2))
    #expect(few.exitCode == 3 && few.cells.allSatisfy { $0.slowdownInterval == nil })
  }

  /// Over four cells together, equal sets raise an alarm in at most 5% of comparisons, even at the
  /// strictest threshold.
  @Test func familyWiseFalseAlarms() throws {
    let trials = 300
    let alarms = try (0..<trials).count { trial in
      try compare(
        set("a", samples: 20, seed: 2 * trial), set("b", samples: 20, seed: 2 * trial + 1),
        threshold: 1e-9
      ).cells.contains { $0.verdict == .regression || $0.verdict == .improvement }
    }
    // An interval that reaches below 5% would let 6.8% pass: all of it must lie below that.
    let interval = BinomialInterval.exact(successes: alarms, trials: trials)
    #expect(alarms <= trials * 5 / 100 && interval.upperBound < 0.068, "\(alarms) of \(trials)")
    // The same comparisons do raise one where a cell has changed.
    let found = try (0..<20).count { trial in
      try compare(
        set("a", samples: 20, seed: 2 * trial),
        set("b", samples: 20, shifts: [0, 0, 0.06, 0], seed: 2 * trial + 1), threshold: 1e-9
      ).cells[2].verdict == .regression
    }
    #expect(found == 20)
  }

  @Test func whatDiffersIsRefused() throws {
    let a = try set("a", samples: 9, seed: 1)
    func refusal(_ change: (inout ThroughputRecord) -> Void) throws -> String {
      let b = try set("b", samples: 9, seed: 2, change)
      let error = #expect(throws: InputError.self) { try compare(a, b) }
      return try #require(error).description
    }
    #expect(try refusal { $0.cpuInfo = "another" }.contains("allow_different machine"))
    #expect(
      try refusal { $0.environment.operatingSystem = "another" }
        .contains("allow_different system"))
    #expect(try refusal { $0.nThreads = 9 }.contains("allow_different settings"))
    let activations = try refusal {
      $0.typeActivations = $0.typeActivations == .f32 ? .bf16 : .f32
    }
    #expect(activations.contains("activations: "), "\(activations)")
    #expect(activations.contains("allow_different settings"), "\(activations)")
    // Records from before it was told are of f32.
    let told = try set("a", samples: 9, seed: 1) { $0.typeActivations = .f32 }
    let untold = try set("b", samples: 9, seed: 2) { $0.typeActivations = nil }
    #expect(try compare(told, untold).cells.count == 4)
    #expect(try refusal { $0.typeWeights = .q8_0 }.contains("allow_different cells"))
    #expect(try refusal { $0.architecture["hidden_size"] = .integer(1) }.contains("architecture"))
    let other = try set("b", samples: 9, seed: 2) {
      $0.cpuInfo = "another"
      $0.typeWeights = .q8_0
    }
    #expect(try compare(a, other, allowed: [.machine, .settings]).cells.count == 4)
    let fewer = try ResultSet(name: "b", records: Array(a.records.prefix(1)))
    #expect(throws: InputError.self) { try compare(a, fewer) }
    let rest = try compare(a, fewer, allowed: [.cells])
    #expect(rest.cells.count == 1 && rest.onlyInBaseline?.count == 3)
    #expect(rest.onlyInCandidate == nil && rest.warnings.contains { $0.contains("3 tests") })
    let more = try compare(fewer, a, allowed: [.cells])
    #expect(more.onlyInCandidate?.count == 3 && more.onlyInBaseline == nil)
    for format in [ComparisonFormat.table, .markdown, .json, .junit] {
      for name in rest.onlyInBaseline ?? [] {
        let text = try format.exporter.text(rest)
        #expect(text.contains(name), "\(format)")
      }
    }
    // A set over several thread counts has a cell for each.
    let both = try ResultSet(
      name: "both",
      records: a.records
        + a.records.map {
          var record = $0
          record.nThreads += 1
          return record
        })
    #expect(try compare(both, both).cells.count == 8)
    let twice = try ResultSet(name: "b", records: a.records + a.records)
    #expect(throws: InputError.self) { try compare(a, twice) }
  }

  /// Numbers that no run gives are refused, before anything divides by them.
  @Test func impossibleRecords() throws {
    let changes: [(String, (inout ThroughputRecord) -> Void)] = [
      ("samples_ns", { $0.samplesNs = [] }), ("samples_ns", { $0.samplesNs[0] = 0 }),
      ("samples_ns", { $0.samplesNs[1] = -5 }), ("samples_ns", { $0.samplesNs[1] = .max }),
      ("suspect_samples", { $0.sampling.suspectSamples = .max }),
      ("suspect_samples", { $0.sampling.suspectSamples = -1 }),
      ("median_ts", { $0.medianTs = 0 }), ("read_bandwidth", { $0.limits.readBandwidth = 0 }),
      ("n_gen", { $0.nGen = .max }), ("n_depth", { $0.nDepth = -1 }),
      ("sample_circumstances", { $0.sampleCircumstances.removeLast() }),
      ("ci95_ts", { $0.ci95Ts = [1] }),
    ]
    for (field, change) in changes {
      let error = #expect(throws: InputError.self) {
        try set("set.json", samples: 5, seed: 1, change)
      }
      let line = "\(error!)"
      #expect(line.contains(field) && line.contains("set.json"), "\(line)")
    }
  }

  @Test func files() throws {
    try Files.withTemporaryFolder { folder in
      func write(_ text: String) throws -> String {
        let file = folder.appendingPathComponent("set.json")
        try Data(text.utf8).write(to: file)
        return file.path
      }
      let text = try JSONText.encode(Self.measured)
      let read = try ResultSet(contentsOf: write(text))
      #expect(try JSONText.encode(read.records) == text)
      for (broken, why) in [
        (String(text.dropLast(100)), "only a part"), ("[]", "no results"), ("{}", "no result set"),
        (text.replacing("\"schema_version\" : 2", with: "\"schema_version\" : 1"), "version 1"),
        (text.replacing("\"median_ts\"", with: "\"median\""), "medianTs is missing"),
        ("[{}]", "version none"),
      ] {
        let path = try write(broken)
        let refusal = #expect(throws: InputError.self) { try ResultSet(contentsOf: path) }
        let error = try #require(refusal)
        #expect(error.description.contains(why), "\(error)")
        #expect(error.description.contains("set.json"), "\(error)")
      }
    }
  }
}

@Suite struct ExporterTests {
  private let comparison: ComparisonRecord = {
    func cell(
      _ test: String, _ slowdown: Double, _ interval: [Double]?, _ verdict: ComparisonRecord.Verdict
    ) -> ComparisonRecord.Cell {
      ComparisonRecord.Cell(
        modelType: "a<b>&\"c\"", test: test, nSequences: 2, typeWeights: .bf16, typeK: .f16,
        nThreads: 2, baselineTs: 100, candidateTs: 100 / (1 + slowdown), slowdown: slowdown,
        slowdownInterval: interval, pValue: 0.5, verdict: verdict, samples: 40, suspectSamples: 1)
    }
    return ComparisonRecord(
      method: .paired, baseline: .init(name: "old", buildCommit: "1111111111aaaa"),
      candidate: .init(name: "new", buildCommit: "2222222222bbbb"), cpuInfo: "cpu",
      threshold: 0.05, familyError: 0.05,
      cells: [
        cell("pp8", 0.06, [0.05, 0.07], .regression), cell("tg8", 0, nil, .inconclusive),
        cell("tg9", 0, [-0.01, 0.01], .noChange),
      ], seconds: 12, warnings: ["careful"])
  }()

  private func json(_ format: ComparisonFormat) throws -> JSONValue {
    try JSONDecoder().decode(
      JSONValue.self, from: Data(try format.exporter.text(comparison).utf8))
  }

  @Test func exitCodes() {
    #expect(comparison.exitCode == 1)
    var other = comparison
    other.cells.removeFirst()
    #expect(other.exitCode == 3)
    other.cells.removeFirst()
    #expect(other.exitCode == 0)
  }

  @Test func tables() throws {
    let plain = try ComparisonFormat.table.exporter.text(comparison)
    #expect(plain.contains("+6.00%") && plain.contains("too few samples"))
    let markdown = try ComparisonFormat.markdown.exporter.text(comparison)
    #expect(
      markdown.hasPrefix("### ❌ dyno: regression (1 regression, 1 no change, 1 inconclusive)"))
    #expect(markdown.contains("> careful"))
    #expect(markdown.contains("2222222222") && !markdown.contains("2222222222b"))
  }

  @Test func machineFormats() throws {
    guard case .array(let entries) = try json(.githubActionBenchmark),
      case .object(let entry) = entries[0], case .object(let bencher) = try json(.bencher),
      case .object(let measures) = bencher["a<b>&\"c\" pp8, batch 2, bf16"],
      case .object(let slowdown) = measures["slowdown"]
    else {
      Issue.record("unexpected shapes")
      return
    }
    #expect(entry["unit"] == .string("tok/s") && entry["name"] != nil && entry["value"] != nil)
    #expect(slowdown["lower_value"] == .number(0.05) && slowdown["upper_value"] == .number(0.07))
    #expect(bencher.count == 3)
    guard case .object(let record) = try json(.json) else {
      Issue.record("no object")
      return
    }
    #expect(record["threshold"] == .number(0.05) && record["schema_version"] == .integer(1))
  }

  @Test func junit() throws {
    let text = try ComparisonFormat.junit.exporter.text(comparison)
    let document = XMLChecker()
    #expect(document.parse(text))
    #expect(document.counts["testcase"] == 3 && document.counts["failure"] == 1)
    #expect(document.counts["skipped"] == 1)
    #expect(document.names.contains("a<b>&\"c\" pp8, batch 2, bf16"))
  }
}
